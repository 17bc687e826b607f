using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Filters for HTML. Chat templates print without escaping; these still do what they say.</summary>
internal static class MarkupFilters
{
    internal static readonly KeyValuePair<string, Func<Rendering, Arguments, Value>>[] Rows =
    [
        Table.Row("escape", "s", (r, a) => Markup.Of(a[0]!, r)), Table.Row("e", "s", (r, a) => Markup.Of(a[0]!, r)),
        Table.Row("forceescape", "value", (r, a) => Markup.Of(r.Text(a[0]!.Str(r)), r)),
        Table.Row("safe", "value", (r, a) => new StrValue(Table.Text(a[0], r).Text, isMarkup: true)),
        Table.Row("striptags", "value", (r, a) => r.Text(Markup.StripTags(a[0]!.Str(r)))),
        Table.Row("xmlattr", "d autospace?", XmlAttributes),
        Table.Row("urlize", "value trim_url_limit? nofollow? target? rel? extra_schemes?", Urlizer.Filter),
    ];

    private static readonly System.Buffers.SearchValues<char> NotInNames = System.Buffers.SearchValues.Create(" \t\n\r\f\v/>=");

    private static StrValue XmlAttributes(Rendering rendering, Value?[] arguments)
    {
        if (arguments[0] is not DictValue dict)
            throw arguments[0] is UndefinedValue undefined ? undefined.Fault(rendering) : TemplateFault.Attribute($"'{arguments[0]!.TypeName}' object has no attribute 'items'");
        var result = new StringBuilder();
        foreach (var (key, value) in dict.Entries)
        {
            if (value is NoneValue or UndefinedValue) continue;
            if (key is not StrValue name) throw TemplateFault.Type("expected string or bytes-like object");
            if (name.Text.AsSpan().ContainsAny(NotInNames)) throw TemplateFault.Value($"Invalid character in attribute name: {PyRepr.Of(name.Text)}");
            if (result.Length > 0) result.Append(' ');
            rendering.Append(result, $"{Markup.Of(key, rendering).Text}=\"{Markup.Of(value, rendering).Text}\"");
        }
        if (result.Length > 0 && Table.Flag(arguments[1], absent: true)) result.Insert(0, ' ');
        return rendering.Text(result.ToString());
    }
}
