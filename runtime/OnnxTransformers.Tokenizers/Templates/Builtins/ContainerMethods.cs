namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Methods of lists, tuples, ranges and dictionaries. Those that would change their object are forbidden, as in the reference's sandbox.</summary>
internal static class ContainerMethods
{
    private delegate Value Method<in T>(Rendering rendering, T self, Value?[] arguments);

    private static readonly HashSet<string> ListChanges = new(StringComparer.Ordinal) { "append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove" };

    private static readonly HashSet<string> DictChanges = new(StringComparer.Ordinal) { "clear", "pop", "popitem", "setdefault", "update" };

    private static readonly Dictionary<string, (Signature Signature, Method<Value> Body)> Sequences = new(StringComparer.Ordinal)
    {
        ["count"] = (new("count", "value /"), (r, s, a) => IntValue.Of(Access.Iterate(s, r).Count(i => Comparing.Equal(i, a[0]!, r)))),
        ["index"] = (new("index", "value start? stop? /"), Index),
    };

    private static readonly Dictionary<string, (Signature Signature, Method<DictValue> Body)> Dicts = new(StringComparer.Ordinal)
    {
        ["get"] = (new("get", "key default? /"), (r, d, a) => d.Find(Comparing.Hashable(a[0]!, r)) ?? a[1] ?? NoneValue.Instance),
        ["keys"] = (new("dict.keys", ""), (_, d, _) => new DictView(d, "keys")),
        ["values"] = (new("dict.values", ""), (_, d, _) => new DictView(d, "values")),
        ["items"] = (new("dict.items", ""), (_, d, _) => new DictView(d, "items")),
        ["copy"] = (new("dict.copy", ""), (_, d, _) => d),
        ["fromkeys"] = (new("fromkeys", "iterable value? /"), FromKeys),
    };

    internal static bool IsDictMethod(string name) => Dicts.ContainsKey(name) || DictChanges.Contains(name);

    internal static Value? OfList(ListValue list, string name)
    {
        if (ListChanges.Contains(name)) return Access.Unsafe(list, name);
        return name == "copy" ? new FunctionValue(name, (_, _) => list) : OfTuple(list, name);
    }

    internal static Value? OfTuple(Value sequence, string name) =>
        Sequences.TryGetValue(name, out var method) ? new FunctionValue(name, (r, a) => method.Body(r, sequence, method.Signature.Bind(a))) : null;

    internal static Value? OfRange(RangeValue range, string name) => name switch
    {
        "start" => IntValue.Of(range.Start),
        "stop" => IntValue.Of(range.Stop),
        "step" => IntValue.Of(range.Step),
        _ => OfTuple(range, name),
    };

    internal static Value? OfDict(DictValue dict, string name)
    {
        if (DictChanges.Contains(name)) return Access.Unsafe(dict, name);
        return Dicts.TryGetValue(name, out var method) ? new FunctionValue(name, (r, a) => method.Body(r, dict, method.Signature.Bind(a))) : null;
    }

    private static IntValue Index(Rendering rendering, Value self, Value?[] arguments)
    {
        var items = Access.ToList(self, rendering);
        var start = Clamp(Table.Integer(arguments[1], 0), items.Count);
        var stop = Clamp(Table.Integer(arguments[2], items.Count), items.Count);
        for (var i = start; i < stop; i++)
            if (Comparing.Equal(items[i], arguments[0]!, rendering)) return IntValue.Of(i);
        throw TemplateFault.Value(self is ListValue ? $"{PyRepr.Of(arguments[0]!, rendering)} is not in list" : "tuple.index(x): x not in tuple");

        static int Clamp(int position, int count) => Math.Clamp(position < 0 ? position + count : position, 0, count);
    }

    private static DictValue FromKeys(Rendering rendering, DictValue self, Value?[] arguments)
    {
        var result = new DictValue(rendering);
        foreach (var key in Access.ToList(arguments[0]!, rendering)) result.Set(Comparing.Hashable(key, rendering), arguments[1] ?? NoneValue.Instance);
        return result;
    }
}
