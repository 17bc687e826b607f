namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>All filters by name. Reference: jinja2/filters.py, with the reference's own tojson.</summary>
internal static class Filters
{
    internal static readonly Dictionary<string, Func<Rendering, Arguments, Value>> All =
        Table.Of(TextFilters.Rows, NumberFilters.Rows, SequenceFilters.Rows, OrderFilters.Rows, SelectionFilters.Rows, MarkupFilters.Rows, JsonFilter.Rows);

    internal static Value Apply(string name, Value value, Arguments arguments, Rendering rendering)
    {
        if (!All.TryGetValue(name, out var filter)) throw TemplateFault.Runtime($"No filter named {PyRepr.Of(name)}.");
        rendering.Charge(1 + value.Weight);
        return filter(rendering, arguments.Before(value));
    }
}
