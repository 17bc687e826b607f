using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>A dictionary in the order of insertion, with Python's equality of keys (1, 1.0 and True are one key).</summary>
internal sealed class DictValue(Rendering rendering) : Value
{
    private readonly OrderedDictionary<Value, Value> _entries = new(rendering.Keys);

    internal IEnumerable<Value> Keys => _entries.Keys;

    internal IEnumerable<KeyValuePair<Value, Value>> Entries => _entries;

    internal override string TypeName => "dict";

    internal override bool Truth => _entries.Count > 0;

    internal override int Weight => _entries.Count >> 2;

    internal override int Count => _entries.Count;

    /// <summary>Only while the dictionary is being made: templates cannot change one.</summary>
    internal void Set(Value key, Value value) => _entries[key] = value;

    internal Value? Find(Value key) => _entries.TryGetValue(key, out var value) ? value : null;

    internal override void Repr(StringBuilder into, Rendering rendering)
    {
        StackGuard.Check();
        into.Append('{');
        var first = true;
        foreach (var (key, value) in _entries)
        {
            if (!first) into.Append(", ");
            first = false;
            rendering.Charge(2);
            key.Repr(into, rendering);
            into.Append(": ");
            value.Repr(into, rendering);
            rendering.CheckLength(into.Length);
        }
        into.Append('}');
    }

    internal override IEnumerable<Value> Items(Rendering rendering) => _entries.Keys;

    internal override Value? Attribute(string name, Rendering rendering) => ContainerMethods.OfDict(this, name);

    internal override Value? Item(Value key, Rendering rendering) => Comparing.IsHashable(key, rendering) ? Find(key) : null;
}

/// <summary>What keys(), values() and items() give.</summary>
internal sealed class DictView(DictValue dict, string kind) : Value
{
    internal override string TypeName => "dict_" + kind;

    internal override bool Truth => dict.Truth;

    internal override int Count => dict.Count;

    internal override int Weight => dict.Weight;

    internal override void Repr(StringBuilder into, Rendering rendering)
    {
        into.Append(TypeName).Append('(');
        PyRepr.Sequence(into, [.. Items(rendering)], '[', ']', rendering);
        into.Append(')');
    }

    internal override IEnumerable<Value> Items(Rendering rendering) => kind switch
    {
        "keys" => dict.Keys,
        "values" => dict.Entries.Select(e => e.Value),
        _ => Pairs(rendering),
    };

    private IEnumerable<Value> Pairs(Rendering rendering)
    {
        foreach (var (key, value) in dict.Entries)
        {
            rendering.Reserve(2);
            yield return new TupleValue([key, value]);
        }
    }
}

/// <summary>The one mutable value: <c>{% set ns.x = ... %}</c> writes it.</summary>
internal sealed class NamespaceValue : Value
{
    private readonly OrderedDictionary<string, Value> _attributes = new(StringComparer.Ordinal);
    private bool _isBeingPrinted;

    internal override string TypeName => "jinja2.utils.Namespace";

    internal void Set(string name, Value value) => _attributes[name] = value;

    internal override void Repr(StringBuilder into, Rendering rendering)
    {
        if (_isBeingPrinted)
        {
            into.Append("<Namespace {...}>");
            return;
        }
        StackGuard.Check();
        _isBeingPrinted = true;
        into.Append("<Namespace {");
        var first = true;
        foreach (var (name, value) in _attributes)
        {
            if (!first) into.Append(", ");
            first = false;
            rendering.Charge(2);
            PyRepr.Quote(into, name);
            into.Append(": ");
            value.Repr(into, rendering);
            rendering.CheckLength(into.Length);
        }
        into.Append("}>");
        _isBeingPrinted = false;
    }

    internal override Value? Attribute(string name, Rendering rendering) => _attributes.GetValueOrDefault(name);
}
