namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The reference's tojson: json.dumps, without Jinja's HTML escapes. Reference: transformers, utils/chat_template_utils.py.</summary>
internal static class JsonFilter
{
    private const int MostIndent = 1000;

    internal static readonly KeyValuePair<string, Func<Rendering, Arguments, Value>>[] Rows = [Table.Row("tojson", "x ensure_ascii? indent? separators? sort_keys?", ToJson)];

    private static StrValue ToJson(Rendering rendering, Value?[] arguments)
    {
        var indent = arguments[2] switch
        {
            null or NoneValue => null,
            StrValue text => text.Text,
            { } width => Table.Integer(width, 0) is var n && n <= MostIndent ? new string(' ', Math.Max(0, n)) : throw TemplateFault.Limit($"tojson asks for an indent of more than {MostIndent}"),
        };
        string? item = null, key = null;
        if (!Table.IsAbsent(arguments[3]))
        {
            var separators = Access.ToList(arguments[3]!, rendering);
            if (separators is not [StrValue first, StrValue second]) throw TemplateFault.Value("separators must be two texts");
            (item, key) = (first.Text, second.Text);
        }
        return rendering.Text(PyJson.Write(arguments[0]!, rendering, Table.Flag(arguments[1]), Table.Flag(arguments[4]), indent, item, key));
    }
}
