using System.Text;
using System.Text.RegularExpressions;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The urlize filter: addresses in a text become links.</summary>
internal static partial class Urlizer
{
    [GeneratedRegex(@"^((https?://|www\.)(([\w%-]+\.)+)?([a-z]{2,63}|xn--[\w%]{2,59})|([\w%-]{2,63}\.)+(com|net|int|edu|gov|org|info|mil)|(https?://)((([\d]{1,3})(\.[\d]{1,3}){3})|(\[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}\])))(?::[\d]{1,5})?(?:[/?#]\S*)?$", RegexOptions.IgnoreCase | RegexOptions.NonBacktracking)]
    private static partial Regex Address();

    [GeneratedRegex(@"^\S+@\w[\w.-]*\.\w+$", RegexOptions.NonBacktracking)]
    private static partial Regex Mail();

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
            if (Address().IsMatch(middle))
            {
                var scheme = middle.StartsWith("https://", StringComparison.Ordinal) || middle.StartsWith("http://", StringComparison.Ordinal) ? "" : "https://";
                return $"<a href=\"{scheme}{middle}\"{attributes}>{(middle.Length > limit ? middle[..Math.Max(0, limit)] + "..." : middle)}</a>";
            }
            if (middle.StartsWith("mailto:", StringComparison.Ordinal) && Mail().IsMatch(middle[7..])) return $"<a href=\"{middle}\">{middle[7..]}</a>";
            if (middle.Contains('@') && !middle.StartsWith("www.", StringComparison.Ordinal) && !middle.StartsWith('@') && !middle.Contains(':') && Mail().IsMatch(middle)) return $"<a href=\"mailto:{middle}\">{middle}</a>";
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
