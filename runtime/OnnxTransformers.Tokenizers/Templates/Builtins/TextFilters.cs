using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Filters that make a text from a text.</summary>
internal static class TextFilters
{
    private const int TruncateLeeway = 5;

    internal static readonly KeyValuePair<string, Func<Rendering, Arguments, Value>>[] Rows =
    [
        Table.Row("capitalize", "s", (r, a) => Map(r, a[0]!, PyText.Capitalize)),
        Table.Row("lower", "s", (r, a) => Map(r, a[0]!, PyText.Lower)),
        Table.Row("upper", "s", (r, a) => Map(r, a[0]!, PyText.Upper)),
        Table.Row("title", "s", (r, a) => Map(r, a[0]!, t => Title(t))),
        Table.Row("trim", "value chars?", Trim),
        Table.Row("string", "object", (r, a) => Table.Text(a[0], r)),
        Table.Row("center", "value width?", (r, a) => StringMethods.Center(r, Table.Text(a[0], r), Table.Integer(a[1], 80))),
        Table.Row("replace", "s old new count?", Replace),
        Table.Row("indent", "s width? first? blank?", Indent),
        Table.Row("truncate", "s length? killwords? end? leeway?", Truncate),
        Table.Row("wordcount", "s", (r, a) => IntValue.Of(WordCount(Table.Text(a[0], r).Text, r))),
        Table.Row("wordwrap", "s width? break_long_words? wrapstring? break_on_hyphens?", WordWrapper.Filter),
        Table.Row("format", Format),
        Table.Row("join", "value d? attribute?", Join),
        Table.Row("urlencode", "value", UrlEncode), Table.Row("pprint", "value", (r, a) => r.Text(PrettyPrinter.Write(a[0]!, r))),
    ];

    private static StrValue Map(Rendering rendering, Value value, Func<string, string> map)
    {
        var text = Table.Text(value, rendering);
        rendering.Charge(text.Text.Length >> 2);
        return StringMethods.Make(rendering, text, map(text.Text));
    }

    private static string Title(string text)
    {
        var result = new StringBuilder(text.Length);
        if (Ascii.IsValid(text))
        {
            for (var i = 0; i < text.Length; i++) result.Append(i == 0 || IsGap(text[i - 1]) ? char.ToUpperInvariant(text[i]) : char.ToLowerInvariant(text[i]));
            return result.ToString();
        }
        for (var at = 0; at < text.Length;)
        {
            var isGap = IsGap(text[at]);
            var end = at;
            while (end < text.Length && IsGap(text[end]) == isGap) end++;
            var first = at + PyText.WidthAt(text, at);
            result.Append(isGap ? text[at..end] : PyText.Upper(text[at..first]) + PyText.Lower(text[first..end]));
            at = end;
        }
        return result.ToString();

        static bool IsGap(char c) => c is '-' or '(' or '{' or '[' or '<' || PyText.IsSpace(c);
    }

    private static StrValue Trim(Rendering rendering, Value?[] arguments)
    {
        if (!Table.IsAbsent(arguments[1]) && arguments[1] is not StrValue) throw TemplateFault.Type("strip arg must be None or str");
        return Map(rendering, arguments[0]!, t => PyText.Trim(t, (arguments[1] as StrValue)?.Text));
    }

    private static StrValue Replace(Rendering rendering, Value?[] arguments) => rendering.Text(
        StringMethods.Replace(rendering, arguments[0]!.Str(rendering), arguments[1]!.Str(rendering), arguments[2]!.Str(rendering), Table.IsAbsent(arguments[3]) ? -1 : Table.Integer(arguments[3], -1)));

    private static StrValue Indent(Rendering rendering, Value?[] arguments)
    {
        if (arguments[0] is not StrValue text)
            throw arguments[0] is UndefinedValue undefined ? undefined.Fault(rendering) : TemplateFault.Type($"unsupported operand type(s) for +=: '{arguments[0]!.TypeName}' and 'str'");
        var width = arguments[1] as StrValue is { } given ? given.Text : new string(' ', Width(Table.Integer(arguments[1], 4), rendering));
        var blank = Table.Flag(arguments[3]);
        var lines = PyText.Lines(text.Text + "\n");
        var result = new StringBuilder(Table.Flag(arguments[2]) ? width : "");
        for (var i = 0; i < lines.Count; i++)
        {
            if (i > 0)
            {
                rendering.Append(result, "\n");
                if (blank || lines[i].Length > 0) rendering.Append(result, width);
            }
            rendering.Append(result, lines[i]);
        }
        return StringMethods.Make(rendering, text, result.ToString());
    }

    private static int Width(int width, Rendering rendering)
    {
        rendering.CheckLength(width);
        return Math.Max(0, width);
    }

    private static Value Truncate(Rendering rendering, Value?[] arguments)
    {
        var (length, end, leeway) = (Table.Integer(arguments[1], 255), arguments[3] is null ? "..." : Table.Text(arguments[3], rendering).Text, Table.IsAbsent(arguments[4]) ? TruncateLeeway : Table.Integer(arguments[4], 0));
        var endLength = PyText.CodePoints(end);
        if (length < endLength) throw new TemplateFault("AssertionError", $"expected length >= {endLength}, got {length}");
        if (leeway < 0) throw new TemplateFault("AssertionError", $"expected leeway >= 0, got {leeway}");
        if (Access.Length(arguments[0]!) <= (long)length + leeway) return arguments[0]!;
        var text = arguments[0] as StrValue ?? throw TemplateFault.Type($"can only concatenate {arguments[0]!.TypeName} (not \"str\") to {arguments[0]!.TypeName}");
        var kept = text.Text[..PyText.Offset(text.Text, length - endLength)];
        if (!Table.Flag(arguments[2]) && kept.LastIndexOf(' ') is >= 0 and var space) kept = kept[..space];
        return StringMethods.Make(rendering, text, kept + end);
    }

    private static int WordCount(string text, Rendering rendering)
    {
        rendering.Charge(text.Length >> 2);
        var count = 0;
        var inside = false;
        foreach (var rune in text.EnumerateRunes())
        {
            var isWord = rune.Value == '_' || PyText.IsAlphanumeric(rune);
            if (isWord && !inside) count++;
            inside = isWord;
        }
        return count;
    }

    private static StrValue Format(Rendering rendering, Arguments arguments)
    {
        if (arguments.Positional.Length > 1 && arguments.Named.Length > 0)
            throw TemplateFault.Filter("can't handle positional and keyword arguments at the same time");
        var format = Table.Text(arguments.Positional[0], rendering);
        Value values = arguments.Named.Length > 0 ? Globals.Dict(new Arguments([], arguments.Named), rendering, "dict") : new TupleValue(arguments.Positional[1..]);
        return PercentFormat.Apply(format, values, rendering);
    }

    private static StrValue Join(Rendering rendering, Value?[] arguments)
    {
        var separator = arguments[1] is null ? "" : arguments[1]!.Str(rendering);
        var path = Access.Path(arguments[2], rendering);
        var result = new StringBuilder();
        var first = true;
        foreach (var item in Access.Iterate(arguments[0]!, rendering))
        {
            if (!first) rendering.Append(result, separator);
            first = false;
            rendering.Append(result, path(item).Str(rendering));
        }
        return rendering.Text(result.ToString());
    }

    private static StrValue UrlEncode(Rendering rendering, Value?[] arguments)
    {
        if (arguments[0] is StrValue text || arguments[0]!.Items(rendering) is not { } items)
            return rendering.Text(Quote(arguments[0]!.Str(rendering), "/", rendering));
        var pairs = arguments[0] is DictValue dict ? new DictView(dict, "items").Items(rendering) : items;
        var result = new StringBuilder();
        foreach (var pair in pairs)
        {
            var parts = Access.ToList(pair, rendering);
            if (parts.Count != 2) throw TemplateFault.Value($"not enough values to unpack (expected 2, got {parts.Count})");
            if (result.Length > 0) result.Append('&');
            rendering.Append(result, ForQuery(parts[0]) + "=" + ForQuery(parts[1]));
        }
        return rendering.Text(result.ToString());

        string ForQuery(Value value) => Quote(value.Str(rendering), "", rendering).Replace("%20", "+", StringComparison.Ordinal);
    }

    private static string Quote(string text, string safe, Rendering rendering)
    {
        rendering.Charge(text.Length);
        var result = new StringBuilder();
        foreach (var b in System.Text.Encoding.UTF8.GetBytes(text))
        {
            var c = (char)b;
            if (char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '~' || safe.Contains(c)) result.Append(c);
            else result.Append('%').Append(b.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
        }
        return result.ToString();
    }
}
