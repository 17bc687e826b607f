namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Filters that compare items: sorting, grouping, extremes, duplicates. Case counts only when asked for.</summary>
internal static class OrderFilters
{
    internal static readonly KeyValuePair<string, Func<Rendering, Arguments, Value>>[] Rows =
    [
        Table.Row("sort", "value reverse? case_sensitive? attribute?", Sort),
        Table.Row("dictsort", "value case_sensitive? by? reverse?", DictSort),
        Table.Row("groupby", "value attribute default? case_sensitive?", GroupBy),
        Table.Row("unique", "value case_sensitive? attribute?", (r, a) => new IteratorValue("generator", Unique(r, a))),
        Table.Row("min", "value case_sensitive? attribute?", (r, a) => Extreme(r, a, largest: false)),
        Table.Row("max", "value case_sensitive? attribute?", (r, a) => Extreme(r, a, largest: true)),
    ];

    private static Func<Value, Value> Key(Value? attribute, bool caseSensitive, Rendering rendering, Value? fallback = null)
    {
        var path = Access.Path(attribute, rendering, Table.IsAbsent(fallback) ? null : fallback);
        return caseSensitive ? path : value => Access.IgnoreCase(path(value), rendering);
    }

    private static ListValue Sort(Rendering rendering, Value?[] arguments)
    {
        var caseSensitive = Table.Flag(arguments[2]);
        // "age,name" sorts by several.
        var keys = (arguments[3] is StrValue text ? text.Text.Split(',').Select(p => (Value?)new StrValue(p)) : [arguments[3]]).Select(p => Key(p, caseSensitive, rendering)).ToArray();
        // Lists compare equal items first, so that undefined ones are no error.
        return rendering.List(Sorting.Stable(Access.ToList(arguments[0]!, rendering), value => new ListValue([.. keys.Select(k => k(value))]), Table.Flag(arguments[1]), rendering));
    }

    private static ListValue DictSort(Rendering rendering, Value?[] arguments)
    {
        var by = arguments[2] is null ? "key" : arguments[2]!.Str(rendering);
        if (by is not ("key" or "value")) throw TemplateFault.Filter("You can only sort by either \"key\" or \"value\"");
        if (arguments[0] is UndefinedValue undefined) throw undefined.Fault(rendering);
        if (arguments[0] is not DictValue dict) throw TemplateFault.Attribute($"'{arguments[0]!.TypeName}' object has no attribute 'items'");
        var caseSensitive = Table.Flag(arguments[1]);
        var sorted = Sorting.Stable([.. dict.Entries], e => caseSensitive ? Part(e) : Access.IgnoreCase(Part(e), rendering), Table.Flag(arguments[3]), rendering);
        rendering.Reserve(sorted.Count * 4L);
        return new ListValue([.. sorted.Select(e => new TupleValue([e.Key, e.Value]))]);

        Value Part(KeyValuePair<Value, Value> entry) => by == "key" ? entry.Key : entry.Value;
    }

    private static ListValue GroupBy(Rendering rendering, Value?[] arguments)
    {
        var caseSensitive = Table.Flag(arguments[3]);
        var key = Key(arguments[1], caseSensitive, rendering, arguments[2]);
        var shown = Key(arguments[1], caseSensitive: true, rendering, arguments[2]);
        var groups = new List<Value>();
        var members = new List<Value>();
        Value? current = null;
        foreach (var item in Sorting.Stable(Access.ToList(arguments[0]!, rendering), key, reverse: false, rendering))
        {
            var itemKey = key(item);
            if (current is not null && !Comparing.Equal(current, itemKey, rendering)) Close();
            current = itemKey;
            members.Add(item);
        }
        if (current is not null) Close();
        return rendering.List(groups);

        void Close()
        {
            groups.Add(new TupleValue([shown(members[0]), rendering.List(members)], isGroup: true));
            members = [];
        }
    }

    private static IEnumerable<Value> Unique(Rendering rendering, Value?[] arguments)
    {
        var key = Key(arguments[2], Table.Flag(arguments[1]), rendering);
        var seen = new HashSet<Value>(rendering.Keys);
        foreach (var item in Access.Iterate(arguments[0]!, rendering))
        {
            rendering.Allocate(16);
            if (seen.Add(Comparing.Hashable(key(item), rendering))) yield return item;
        }
    }

    private static Value Extreme(Rendering rendering, Value?[] arguments, bool largest)
    {
        var key = Key(arguments[2], Table.Flag(arguments[1]), rendering);
        Value? best = null, bestKey = null;
        foreach (var item in Access.Iterate(arguments[0]!, rendering))
        {
            var itemKey = key(item);
            if (bestKey is not null && !(largest ? Comparing.Ordered(">", itemKey, bestKey, rendering, o => o > 0) : Comparing.Less(itemKey, bestKey, rendering)))
                continue;
            (best, bestKey) = (item, itemKey);
        }
        return best ?? new UndefinedValue("No aggregated item, sequence was empty.");
    }
}
