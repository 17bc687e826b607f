using System.Numerics;
using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

internal sealed class ListValue(Value[] elements) : Value
{
    internal Value[] Elements { get; } = elements;

    internal override string TypeName => "list";

    internal override bool Truth => Elements.Length > 0;

    internal override int Weight => Elements.Length >> 2;

    internal override int Count => Elements.Length;

    internal override bool IsIndexable => true;

    internal override void Repr(StringBuilder into, Rendering rendering) => PyRepr.Sequence(into, Elements, '[', ']', rendering);

    internal override IEnumerable<Value> Items(Rendering rendering) => Elements;

    internal override Value? Attribute(string name, Rendering rendering) => ContainerMethods.OfList(this, name);

    internal override Value? Item(Value key, Rendering rendering) => Indexing.Position(key, Elements.Length) is { } at ? Elements[at] : null;
}

/// <summary>A tuple; groupby makes tuples with names for their two parts.</summary>
internal sealed class TupleValue(Value[] elements, bool isGroup = false) : Value
{
    internal static readonly TupleValue Empty = new([]);

    internal Value[] Elements { get; } = elements;

    internal override string TypeName => isGroup ? "_GroupTuple" : "tuple";

    internal override bool Truth => Elements.Length > 0;

    internal override int Weight => Elements.Length >> 2;

    internal override int Count => Elements.Length;

    internal override bool IsIndexable => true;

    internal override void Repr(StringBuilder into, Rendering rendering)
    {
        PyRepr.Sequence(into, Elements, '(', ')', rendering);
        if (Elements.Length == 1) into.Insert(into.Length - 1, ',');
    }

    internal override IEnumerable<Value> Items(Rendering rendering) => Elements;

    internal override Value? Attribute(string name, Rendering rendering)
    {
        if (isGroup && name == "grouper") return Elements[0];
        if (isGroup && name == "list") return Elements[1];
        return ContainerMethods.OfTuple(this, name);
    }

    internal override Value? Item(Value key, Rendering rendering) => Indexing.Position(key, Elements.Length) is { } at ? Elements[at] : null;
}

/// <summary>What range() gives; never more than <see cref="Most"/> numbers, as in the reference's sandbox.</summary>
internal sealed class RangeValue(BigInteger start, BigInteger stop, BigInteger step) : Value
{
    internal const int Most = 100_000;

    private readonly int _count = Length(start, stop, step);

    internal BigInteger Start { get; } = start;

    internal BigInteger Stop { get; } = stop;

    internal BigInteger Step { get; } = step;

    private static int Length(BigInteger start, BigInteger stop, BigInteger step)
    {
        if (step.IsZero) throw TemplateFault.Value("range() arg 3 must not be zero");
        var span = step.Sign > 0 ? stop - start : start - stop;
        if (span.Sign <= 0) return 0;
        var count = (span - 1) / BigInteger.Abs(step) + 1;
        if (count > Most) throw TemplateFault.Overflow($"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({Most}).");
        return (int)count;
    }

    internal override string TypeName => "range";

    internal override bool Truth => _count > 0;

    internal override int Count => _count;

    internal override bool IsIndexable => true;

    internal override void Repr(StringBuilder into, Rendering rendering) =>
        into.Append(Step.IsOne ? $"range({Start}, {Stop})" : $"range({Start}, {Stop}, {Step})");

    internal override IEnumerable<Value> Items(Rendering rendering)
    {
        for (var i = 0; i < _count; i++) yield return At(i);
    }

    internal IntValue At(int index) => IntValue.Of(Start + Step * index);

    internal override Value? Attribute(string name, Rendering rendering) => ContainerMethods.OfRange(this, name);

    internal override Value? Item(Value key, Rendering rendering) => Indexing.Position(key, _count) is { } at ? At(at) : null;
}

/// <summary>Something that can be walked once: what map, select, reversed() and the like give.</summary>
internal sealed class IteratorValue(string typeName, IEnumerable<Value> source) : Value
{
    private IEnumerator<Value>? _walk;

    internal override string TypeName { get; } = typeName;

    internal override void Repr(StringBuilder into, Rendering rendering) => into.Append('<').Append(TypeName).Append(" object>");

    internal override IEnumerable<Value> Items(Rendering rendering)
    {
        _walk ??= source.GetEnumerator();
        while (true)
        {
            // Each step may run filters that hold iterators themselves.
            rendering.Charge(1);
            rendering.Enter();
            var more = _walk.MoveNext();
            rendering.Leave();
            if (!more) yield break;
            yield return _walk.Current;
        }
    }
}
