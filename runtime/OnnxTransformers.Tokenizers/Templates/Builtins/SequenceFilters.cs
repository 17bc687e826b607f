namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Filters that take a sequence apart or count it.</summary>
internal static class SequenceFilters
{
    internal static readonly KeyValuePair<string, Func<Rendering, Arguments, Value>>[] Rows =
    [
        Table.Row("length", "obj", (_, a) => IntValue.Of(Access.Length(a[0]!))),
        Table.Row("count", "obj", (_, a) => IntValue.Of(Access.Length(a[0]!))),
        Table.Row("list", "value", (r, a) => r.List(Access.ToList(a[0]!, r))),
        Table.Row("default", "value default_value? boolean?", Default),
        Table.Row("d", "value default_value? boolean?", Default),
        Table.Row("attr", "obj name", Attribute),
        Table.Row("first", "seq", (r, a) => Access.Iterate(a[0]!, r).FirstOrDefault() ?? new UndefinedValue("No first item, sequence was empty.")),
        Table.Row("last", "seq", (r, a) => Reversed(a[0]!, r).FirstOrDefault() ?? new UndefinedValue("No last item, sequence was empty.")),
        Table.Row("random", "seq", Random),
        Table.Row("reverse", "value", Reverse),
        Table.Row("items", "value", Items),
        Table.Row("batch", "value linecount fill_with?", (r, a) => new IteratorValue("generator", Batch(r, a))),
        Table.Row("slice", "value slices fill_with?", (r, a) => new IteratorValue("generator", Slice(r, a))),
        Table.Row("sum", "iterable attribute? start?", Sum),
    ];

    private static Value Default(Rendering rendering, Value?[] arguments) =>
        arguments[0] is UndefinedValue || (Table.Flag(arguments[2]) && !arguments[0]!.Truth) ? arguments[1] ?? StrValue.Empty : arguments[0]!;

    private static Value Attribute(Rendering rendering, Value?[] arguments)
    {
        if (arguments[1] is not StrValue name) throw TemplateFault.Type("attribute name must be string");
        return Access.Find(arguments[0]!, name.Text, rendering) ?? new UndefinedValue(null, arguments[0], name);
    }

    /// <summary>Python's reversed(): sequences and dictionaries, no iterators.</summary>
    private static IEnumerable<Value> Reversed(Value value, Rendering rendering)
    {
        if (value is UndefinedValue) return [];
        if (!value.IsIndexable && value is not (DictValue or DictView)) throw TemplateFault.Type($"'{value.TypeName}' object is not reversible");
        return Walk();

        IEnumerable<Value> Walk()
        {
            // A text is long and asked for its end most often.
            if (value is StrValue or ListValue or TupleValue or RangeValue)
                for (var i = value.Count - 1; i >= 0; i--) yield return value.Item(IntValue.Of(i), rendering)!;
            else
                foreach (var item in Access.ToList(value, rendering).AsEnumerable().Reverse()) yield return item;
        }
    }

    private static Value Reverse(Rendering rendering, Value?[] arguments)
    {
        var value = arguments[0]!;
        if (value is StrValue) return Indexing.Slice(value, NoneValue.Instance, NoneValue.Instance, IntValue.Of(-1), rendering);
        if (value.IsIndexable || value is DictValue or DictView or UndefinedValue)
            return new IteratorValue(value is ListValue ? "list_reverseiterator" : "reversed", Reversed(value, rendering));
        if (value.Items(rendering) is null) throw TemplateFault.Filter("argument must be iterable");
        var items = Access.ToList(value, rendering);
        items.Reverse();
        return rendering.List(items);
    }

    private static Value Random(Rendering rendering, Value?[] arguments)
    {
        var count = Access.Length(arguments[0]!);
        if (count == 0) return new UndefinedValue("No random item, sequence was empty.");
        return arguments[0]!.Item(IntValue.Of(System.Security.Cryptography.RandomNumberGenerator.GetInt32(count)), rendering) ?? throw TemplateFault.Type($"'{arguments[0]!.TypeName}' object is not subscriptable");
    }

    private static IteratorValue Items(Rendering rendering, Value?[] arguments) => arguments[0] switch
    {
        UndefinedValue => new IteratorValue("generator", []),
        DictValue dict => new IteratorValue("generator", new DictView(dict, "items").Items(rendering)),
        _ => new IteratorValue("generator", NotPairs()),
    };

    /// <summary>The reference complains when the first pair is asked for.</summary>
    private static IEnumerable<Value> NotPairs() =>
        Enumerable.Repeat(0, 1).Select<int, Value>(_ => throw TemplateFault.Type("Can only get item pairs from a mapping."));

    private static IEnumerable<Value> Batch(Rendering rendering, Value?[] arguments)
    {
        var size = Table.Integer(arguments[1], 0);
        var batch = new List<Value>();
        foreach (var item in Access.Iterate(arguments[0]!, rendering))
        {
            if (batch.Count == size)
            {
                yield return rendering.List(batch);
                batch = [];
            }
            batch.Add(item);
            rendering.Allocate(8);
        }
        if (batch.Count == 0) yield break;
        if (!Table.IsAbsent(arguments[2]) && batch.Count < size)
        {
            rendering.Reserve(size);
            while (batch.Count < size) batch.Add(arguments[2]!);
        }
        yield return rendering.List(batch);
    }

    private static IEnumerable<Value> Slice(Rendering rendering, Value?[] arguments)
    {
        var items = Access.ToList(arguments[0]!, rendering);
        var slices = Table.Integer(arguments[1], 0);
        if (slices == 0) throw TemplateFault.ZeroDivision("integer division or modulo by zero");
        if (slices < 0) yield break;
        var (size, extra) = (items.Count / slices, items.Count % slices);
        for (int i = 0, at = 0; i < slices; i++)
        {
            var count = size + (i < extra ? 1 : 0);
            var slice = items.GetRange(at, count);
            at += count;
            if (!Table.IsAbsent(arguments[2]) && i >= extra) slice.Add(arguments[2]!);
            yield return rendering.List(slice);
        }
    }

    private static Value Sum(Rendering rendering, Value?[] arguments)
    {
        var total = arguments[2] ?? IntValue.Of(0);
        if (total is StrValue) throw TemplateFault.Type("sum() can't sum strings [use ''.join(seq) instead]");
        var path = Access.Path(arguments[1], rendering);
        foreach (var item in Access.Iterate(arguments[0]!, rendering))
        {
            rendering.Charge(1 + total.Weight);
            total = Arithmetic.Add(total, path(item), rendering);
        }
        return total;
    }
}
