namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Attributes and items as the reference's sandbox gives them: <c>a.b</c> tries the attribute first, <c>a['b']</c> the item first; a failure
/// is an undefined value, not an error.</summary>
internal static class Access
{
    /// <summary>Names that Python's objects have. None of them may be read.</summary>
    private static readonly HashSet<string> OfObjects = new(StringComparer.Ordinal)
    {
        "__class__", "__doc__", "__init__", "__new__", "__repr__", "__str__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__getattribute__", "__setattr__", "__delattr__",
        "__reduce__", "__reduce_ex__", "__sizeof__", "__format__", "__dir__", "__subclasshook__", "__init_subclass__", "__getstate__",
    };

    private static readonly HashSet<string> OfContainers = new(StringComparer.Ordinal)
    {
        "__len__", "__getitem__", "__iter__", "__contains__", "__add__", "__mul__", "__rmul__", "__setitem__", "__delitem__", "__reversed__", "__class_getitem__", "__getnewargs__", "__mod__",
    };

    private static readonly HashSet<string> OfFunctions = new(StringComparer.Ordinal)
    {
        "__call__", "__name__", "__qualname__", "__self__", "__func__", "__module__", "__globals__", "__code__", "__closure__", "__defaults__", "__kwdefaults__", "__annotations__", "__dict__", "__get__",
        "__bases__", "__base__", "__mro__", "__subclasses__", "__text_signature__",
    };

    private static bool IsInternal(Value value, string name) =>
        OfObjects.Contains(name) || (value.Count >= 0 && OfContainers.Contains(name)) || (value.IsCallable && OfFunctions.Contains(name));

    internal static Value Attribute(Value value, string name, Rendering rendering)
    {
        if (Find(value, name, rendering) is { } found) return found;
        return value.Item(new StrValue(name), rendering) ?? new UndefinedValue(null, value, new StrValue(name));
    }

    internal static Value Item(Value value, Value key, Rendering rendering)
    {
        rendering.Charge(1 + key.Weight);
        if (value.Item(key, rendering) is { } item) return item;
        if (key is StrValue name && Find(value, name.Text, rendering) is { } attribute) return attribute;
        return new UndefinedValue(null, value, key);
    }

    /// <summary>The attribute alone: null where Python's object has none, undefined where the sandbox forbids it.</summary>
    internal static Value? Find(Value value, string name, Rendering rendering)
    {
        if (name.StartsWith("__", StringComparison.Ordinal) && value is not NamespaceValue && name.EndsWith("__", StringComparison.Ordinal))
            return IsInternal(value, name) ? Unsafe(value, name) : null;
        if (value is NamespaceValue && name.StartsWith('_'))
            return value.Attribute(name, rendering) is null && name != "__class__" ? null : Unsafe(value, name);
        return value.Attribute(name, rendering);
    }

    internal static UndefinedValue Unsafe(Value value, string name) =>
        new($"access to attribute {PyRepr.Of(name)} of '{value.TypeName.Split('.')[^1]}' object is unsafe.", value, new StrValue(name), "SecurityError");

    /// <summary>The items of a value that must have some.</summary>
    internal static IEnumerable<Value> Iterate(Value value, Rendering rendering) =>
        value.Items(rendering) ?? throw TemplateFault.Type($"'{value.TypeName}' object is not iterable");

    /// <summary>Python's list(value).</summary>
    internal static List<Value> ToList(Value value, Rendering rendering)
    {
        var list = new List<Value>(Math.Max(0, value is StrValue or IteratorValue ? 0 : value.Count));
        foreach (var item in Iterate(value, rendering))
        {
            rendering.Charge(1);
            rendering.Allocate(8);
            list.Add(item);
        }
        return list;
    }

    internal static int Length(Value value) => value.Count >= 0 ? value.Count : throw TemplateFault.Type($"object of type '{value.TypeName}' has no len()");

    /// <summary>A path such as "a.b.0", each part looked up as an item first.</summary>
    internal static Func<Value, Value> Path(Value? attribute, Rendering rendering, Value? fallback = null)
    {
        var parts = attribute switch
        {
            null or NoneValue => [],
            StrValue text => text.Text.Split('.').Select(p => p.Length is > 0 and < 10 && p.All(char.IsAsciiDigit) ? IntValue.Of(long.Parse(p, System.Globalization.CultureInfo.InvariantCulture)) : (Value)new StrValue(p)).ToArray(),
            _ => [attribute],
        };
        return value =>
        {
            foreach (var part in parts)
            {
                value = Item(value, part, rendering);
                if (fallback is not null && value is UndefinedValue) value = fallback;
            }
            return value;
        };
    }

    /// <summary>Strings in lower case, other values as they are.</summary>
    internal static Value IgnoreCase(Value value, Rendering rendering) => value is StrValue text ? rendering.Text(PyText.Lower(text.Text)) : value;
}
