using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The variable <c>loop</c>. Items are read one ahead only when a template asks for it. Reference: jinja2/runtime.py, LoopContext.</summary>
internal sealed class LoopValue(Value iterable, IEnumerator<Value> items, int depth, Func<Value, int, Value>? recurse) : Value
{
    private int _index = -1, _length = -1;
    private Value? _before, _current, _after;
    private IEnumerator<Value> _items = items;
    private Value[]? _lastChanged;

    internal override string TypeName => "jinja2.runtime.LoopContext";

    internal override bool IsCallable => true;

    internal bool MoveNext(out Value item, Rendering rendering)
    {
        item = NoneValue.Instance;
        if (Peek() is not { } next) return false;
        rendering.Charge(1);
        _after = null;
        _index++;
        (_before, _current) = (_current, next);
        item = next;
        return true;
    }

    private Value? Peek() => _after ??= _items.MoveNext() ? _items.Current : null;

    private int Length(Rendering rendering)
    {
        if (_length >= 0) return _length;
        if (iterable.Count >= 0) return _length = iterable.Count;
        var rest = new List<Value>();
        while (_items.MoveNext())
        {
            rendering.Allocate(8);
            rest.Add(_items.Current);
        }
        _items = rest.GetEnumerator();
        return _length = rest.Count + _index + 1 + (_after is null ? 0 : 1);
    }

    internal override void Repr(StringBuilder into, Rendering rendering) =>
        into.Append("<LoopContext ").Append(_index + 1).Append('/').Append(Length(rendering)).Append('>');

    internal override Value? Attribute(string name, Rendering rendering) => name switch
    {
        "index" => IntValue.Of(_index + 1),
        "index0" => IntValue.Of(_index),
        "first" => BoolValue.Of(_index == 0),
        "last" => BoolValue.Of(Peek() is null),
        "length" => IntValue.Of(Length(rendering)),
        "revindex" => IntValue.Of(Length(rendering) - _index),
        "revindex0" => IntValue.Of(Length(rendering) - _index - 1),
        "depth" => IntValue.Of(depth + 1),
        "depth0" => IntValue.Of(depth),
        "previtem" => _index == 0 ? new UndefinedValue("there is no previous item") : _before,
        "nextitem" => Peek() ?? new UndefinedValue("there is no next item"),
        "cycle" => new FunctionValue(name, (_, a) => a.Positional.Length > 0 ? a.Positional[_index % a.Positional.Length] : throw TemplateFault.Type("no items for cycling given")),
        "changed" => new FunctionValue(name, (r, a) => Changed(a.Positional, r)),
        _ => null,
    };

    private BoolValue Changed(Value[] values, Rendering rendering)
    {
        if (_lastChanged is not null && Comparing.Equal(new TupleValue(_lastChanged), new TupleValue(values), rendering)) return BoolValue.False;
        _lastChanged = values;
        return BoolValue.True;
    }

    internal override Value Invoke(Arguments arguments, Rendering rendering)
    {
        var bound = new Signature("loop", "iterable").Bind(arguments);
        return recurse is null ? throw TemplateFault.Type("The loop must have the 'recursive' marker to be called recursively.") : recurse(bound[0]!, depth + 1);
    }
}
