namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Filters that apply another filter or a test to each item. They are lazy, as the reference's are: an item is looked at when it is asked
/// for.</summary>
internal static class SelectionFilters
{
    internal static readonly KeyValuePair<string, Func<Rendering, Arguments, Value>>[] Rows =
    [
        Table.Row("map", (r, a) => new IteratorValue("generator", Map(r, First(a, "map"), a.From(1)))),
        Table.Row("select", (r, a) => new IteratorValue("generator", Choose(r, First(a, "select"), a.From(1), keep: true, byAttribute: false))),
        Table.Row("reject", (r, a) => new IteratorValue("generator", Choose(r, First(a, "reject"), a.From(1), keep: false, byAttribute: false))),
        Table.Row("selectattr", (r, a) => new IteratorValue("generator", Choose(r, First(a, "selectattr"), a.From(1), keep: true, byAttribute: true))),
        Table.Row("rejectattr", (r, a) => new IteratorValue("generator", Choose(r, First(a, "rejectattr"), a.From(1), keep: false, byAttribute: true))),
    ];

    private static Value First(Arguments arguments, string filter) =>
        arguments.Positional.Length > 0 ? arguments.Positional[0] : throw TemplateFault.Type($"{filter}() missing 1 required positional argument: 'value'");

    private static IEnumerable<Value> Map(Rendering rendering, Value value, Arguments arguments)
    {
        if (!value.Truth) yield break;
        var function = Mapping(rendering, arguments);
        foreach (var item in Access.Iterate(value, rendering)) yield return function(item);
    }

    private static Func<Value, Value> Mapping(Rendering rendering, Arguments arguments)
    {
        if (arguments.Positional.Length == 0 && arguments.Get("attribute") is { } attribute)
        {
            foreach (var (name, _) in arguments.Named)
                if (name is not ("attribute" or "default")) throw TemplateFault.Filter($"Unexpected keyword argument '{name}'");
            var fallback = arguments.Get("default");
            return Access.Path(attribute, rendering, Table.IsAbsent(fallback) ? null : fallback);
        }
        if (arguments.Positional.Length == 0) throw TemplateFault.Filter("map requires a filter argument");
        var filter = Name(arguments.Positional[0], "filter", rendering);
        var rest = arguments.From(1);
        return item => Filters.Apply(filter, item, rest, rendering);
    }

    private static string Name(Value value, string kind, Rendering rendering) =>
        value is StrValue text ? text.Text : throw TemplateFault.Runtime($"No {kind} named {PyRepr.Of(value, rendering)}.");

    private static IEnumerable<Value> Choose(Rendering rendering, Value value, Arguments arguments, bool keep, bool byAttribute)
    {
        if (!value.Truth) yield break;
        if (byAttribute && arguments.Positional.Length == 0) throw TemplateFault.Filter("Missing parameter for attribute name");
        var path = byAttribute ? Access.Path(arguments.Positional[0], rendering) : item => item;
        var rest = byAttribute ? arguments.From(1) : arguments;
        Func<Value, bool> accepts = item => item.Truth;
        if (rest.Positional.Length > 0)
        {
            var name = Name(rest.Positional[0], "test", rendering);
            if (!Tests.All.TryGetValue(name, out var test)) throw TemplateFault.Runtime($"No test named {PyRepr.Of(name)}.");
            rest = rest.From(1);
            accepts = item => test(rendering, rest.Before(item)).Truth;
        }
        foreach (var item in Access.Iterate(value, rendering))
        {
            var looked = path(item);
            rendering.Charge(2 + looked.Weight);
            if (accepts(looked) == keep) yield return item;
        }
    }
}
