using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The urlize filter: addresses in a text become links.</summary>
internal static class Urlizer
{
    /// <summary>Domains that make an address without "http://" or "www.".</summary>
    private static readonly HashSet<string> Known = new(StringComparer.OrdinalIgnoreCase) { "com", "net", "int", "edu", "gov", "org", "info", "mil" };

    private static readonly System.Buffers.SearchValues<char> Hexadecimal = System.Buffers.SearchValues.Create("0123456789abcdefABCDEF:");

    private static bool IsAddress(string text)
    {
        var isWeb = Starts("http://") || Starts("https://");
        var rest = isWeb ? text.AsSpan(text.IndexOf('/') + 2) : Starts("www.") ? text.AsSpan(4) : text;
        var path = rest.IndexOfAny('/', '?', '#');
        var host = path < 0 ? rest : rest[..path];
        if (isWeb && host.StartsWith("[")) return IsBracketed(host);
        var port = host.IndexOf(':');
        if (port >= 0)
        {
            if (host.Length - port - 1 is < 1 or > 5 || host[(port + 1)..].ContainsAnyExceptInRange('0', '9')) return false;
            host = host[..port];
        }
        var labels = host.ToString().Split('.');
        if (isWeb && labels.Length == 4 && labels.All(l => l.Length is >= 1 and <= 3 && l.All(char.IsAsciiDigit))) return true;
        if (isWeb || Starts("www.")) return labels[..^1].All(l => IsLabel(l, 1)) && IsDomain(labels[^1]);
        return labels.Length > 1 && labels[..^1].All(l => IsLabel(l, 2)) && Known.Contains(labels[^1]);

        bool Starts(string prefix) => text.StartsWith(prefix, StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsBracketed(ReadOnlySpan<char> host)
    {
        var end = host.IndexOf(']');
        var rest = end < 0 ? host : host[(end + 1)..];
        if (rest.Length > 0 && (rest[0] != ':' || rest.Length is < 2 or > 6 || rest[1..].ContainsAnyExceptInRange('0', '9'))) return false;
        return end > 0 && host[1..end].Count(':') >= 2 && !host[1..end].ContainsAnyExcept(Hexadecimal);
    }

    private static bool IsLabel(string label, int least) =>
        label.Length >= least && (least == 1 || label.Length <= 63) && label.All(c => c is '_' or '%' or '-' || char.IsLetterOrDigit(c));

    private static bool IsDomain(string label) =>
        label.Length is >= 2 and <= 63 && (label.All(char.IsAsciiLetter) || (label.Length >= 6 && label.StartsWith("xn--", StringComparison.OrdinalIgnoreCase)));

    /// <summary>Something, an @, and a name with a dot that begins and ends with letters or digits.</summary>
    private static bool IsMail(string text)
    {
        var at = text.LastIndexOf('@');
        if (at < 1 || at + 1 >= text.Length) return false;
        var host = text[(at + 1)..];
        var dot = host.LastIndexOf('.');
        return dot > 0 && dot + 1 < host.Length && IsWord(host[0]) && host[(dot + 1)..].All(IsWord) && host[..dot].All(c => IsWord(c) || c is '.' or '-');

        static bool IsWord(char c) => c == '_' || char.IsLetterOrDigit(c);
    }

    internal static Value Filter(Rendering rendering, Value?[] arguments)
    {
        var text = Markup.Escape(Table.Text(arguments[0], rendering));
        rendering.Charge(text.Length);
        var limit = Table.IsAbsent(arguments[1]) ? int.MaxValue : Table.Integer(arguments[1], 0);
        var rel = new SortedSet<string>(PyText.Words(Table.IsAbsent(arguments[4]) ? "" : arguments[4]!.Str(rendering), -1, fromEnd: false), StringComparer.Ordinal) { "noopener" };
        if (Table.Flag(arguments[2])) rel.Add("nofollow");
        var target = Table.IsAbsent(arguments[3]) ? "" : $" target=\"{Markup.Escape(arguments[3]!.Str(rendering))}\"";
        string[] schemes = Table.IsAbsent(arguments[5]) ? [] : [.. Access.ToList(arguments[5]!, rendering).Select(s => s.Str(rendering))];
        var attributes = $" rel=\"{Markup.Escape(string.Join(' ', rel))}\"{target}";
        var result = new StringBuilder();
        for (var at = 0; at < text.Length;)
        {
            var isSpace = PyText.IsSpace(text[at]);
            var end = at;
            while (end < text.Length && PyText.IsSpace(text[end]) == isSpace) end++;
            rendering.Append(result, isSpace ? text[at..end] : Word(text[at..end]));
            at = end;
        }
        return rendering.Text(result.ToString());

        string Word(string word)
        {
            var (head, middle, tail) = Split(word);
            return head + Link(middle) + tail;
        }

        string Link(string middle)
        {
            if (IsAddress(middle))
            {
                var scheme = middle.StartsWith("https://", StringComparison.Ordinal) || middle.StartsWith("http://", StringComparison.Ordinal) ? "" : "https://";
                return $"<a href=\"{scheme}{middle}\"{attributes}>{(middle.Length > limit ? middle[..Math.Max(0, limit)] + "..." : middle)}</a>";
            }
            if (middle.StartsWith("mailto:", StringComparison.Ordinal) && IsMail(middle[7..])) return $"<a href=\"{middle}\">{middle[7..]}</a>";
            if (middle.Contains('@') && !middle.StartsWith("www.", StringComparison.Ordinal) && !middle.StartsWith('@') && !middle.Contains(':') && IsMail(middle))
                return $"<a href=\"mailto:{middle}\">{middle}</a>";
            return schemes.Any(s => middle != s && middle.StartsWith(s, StringComparison.Ordinal)) ? $"<a href=\"{middle}\"{attributes}>{middle}</a>" : middle;
        }
    }

    /// <summary>Brackets before, punctuation after; closing brackets that the address itself opened stay in it.</summary>
    private static (string Head, string Middle, string Tail) Split(string word)
    {
        var start = 0;
        while (start < word.Length)
        {
            if (word[start] is '(' or '<') start++;
            else if (string.CompareOrdinal(word, start, "&lt;", 0, 4) == 0) start += 4;
            else break;
        }
        var end = word.Length;
        while (end > start)
        {
            if (word[end - 1] is ')' or '>' or '.' or ',' or '\n') end--;
            else if (end - start >= 4 && string.CompareOrdinal(word, end - 4, "&gt;", 0, 4) == 0) end -= 4;
            else break;
        }
        var (middle, tail) = (word[start..end], word[end..]);
        foreach (var (open, close) in new[] { ("(", ")"), ("<", ">"), ("&lt;", "&gt;") })
        {
            var missing = middle.AsSpan().Count(open);
            if (missing <= middle.AsSpan().Count(close)) continue;
            for (missing = Math.Min(missing, tail.AsSpan().Count(close)); missing > 0; missing--)
            {
                var take = tail.IndexOf(close, StringComparison.Ordinal) + close.Length;
                middle += tail[..take];
                tail = tail[take..];
            }
        }
        return (word[..start], middle, tail);
    }
}
