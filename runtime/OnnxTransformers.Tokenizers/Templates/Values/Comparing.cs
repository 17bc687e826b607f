using System.Numerics;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Python's equality, order, membership and hashing.</summary>
internal static class Comparing
{
    internal static bool Equal(Value a, Value b, Rendering rendering)
    {
        if (ReferenceEquals(a, b)) return a is not FloatValue { Number: double.NaN };
        rendering.Charge(1);
        switch (a, b)
        {
            case (StrValue x, StrValue y):
                rendering.Charge(x.Text.Length == y.Text.Length ? x.Weight : 0);
                return x.Text == y.Text;
            case (NoneValue, _) or (_, NoneValue):
                return false;
            case (UndefinedValue, UndefinedValue):
                return true;
            case (ListValue x, ListValue y):
                return Equal(x.Elements, y.Elements, rendering);
            case (TupleValue x, TupleValue y):
                return Equal(x.Elements, y.Elements, rendering);
            case (DictValue x, DictValue y):
                return Equal(x, y, rendering);
            case (RangeValue x, RangeValue y):
                return x.Count == y.Count && (x.Count == 0 || (x.Start == y.Start && (x.Count == 1 || x.Step == y.Step)));
            case (DictView { TypeName: not "dict_values" } x, DictView { TypeName: not "dict_values" } y):
                return x.Count == y.Count && x.Items(rendering).All(i => Contains(y, i, rendering));
        }
        return a is BoolValue or IntValue or FloatValue && b is BoolValue or IntValue or FloatValue && OrderNumbers(a, b) == 0;
    }

    private static bool Equal(Value[] a, Value[] b, Rendering rendering)
    {
        if (a.Length != b.Length) return false;
        StackGuard.Check();
        for (var i = 0; i < a.Length; i++)
            if (!Equal(a[i], b[i], rendering)) return false;
        return true;
    }

    private static bool Equal(DictValue a, DictValue b, Rendering rendering)
    {
        if (a.Count != b.Count) return false;
        StackGuard.Check();
        foreach (var (key, value) in a.Entries)
            if (b.Find(key) is not { } other || !Equal(value, other, rendering)) return false;
        return true;
    }

    /// <summary>Less than zero, zero, more than zero; null where one is not a number (NaN).</summary>
    private static int? OrderNumbers(Value a, Value b)
    {
        if (Arithmetic.TryInteger(a, out var i) && Arithmetic.TryInteger(b, out var j)) return i.CompareTo(j);
        if (a is FloatValue x && b is FloatValue y) return double.IsNaN(x.Number) || double.IsNaN(y.Number) ? null : x.Number.CompareTo(y.Number);
        return a is FloatValue f ? -OrderMixed(b, f.Number) : OrderMixed(a, ((FloatValue)b).Number);
    }

    private static int? OrderMixed(Value integer, double number)
    {
        if (double.IsNaN(number)) return null;
        if (double.IsInfinity(number)) return number > 0 ? -1 : 1;
        Arithmetic.TryInteger(integer, out var i);
        var floor = Math.Floor(number);
        var order = i.CompareTo(new BigInteger(floor));
        return order != 0 ? order : floor < number ? -1 : 0;
    }

    internal static bool Less(Value a, Value b, Rendering rendering) => Ordered("<", a, b, rendering, o => o < 0);

    internal static bool Ordered(string symbol, Value a, Value b, Rendering rendering, Func<int, bool> accept)
    {
        rendering.Charge(1 + Math.Min(a.Weight, b.Weight));
        switch (a, b)
        {
            case (StrValue x, StrValue y):
                return accept(PyText.Compare(x.Text, y.Text));
            case (ListValue x, ListValue y):
                return Ordered(symbol, x.Elements, y.Elements, rendering, accept);
            case (TupleValue x, TupleValue y):
                return Ordered(symbol, x.Elements, y.Elements, rendering, accept);
            case (UndefinedValue x, _):
                throw x.Fault(rendering);
            case (_, UndefinedValue y):
                throw y.Fault(rendering);
        }
        if (a is BoolValue or IntValue or FloatValue && b is BoolValue or IntValue or FloatValue) return OrderNumbers(a, b) is { } order && accept(order);
        throw TemplateFault.Type($"'{symbol}' not supported between instances of '{a.TypeName}' and '{b.TypeName}'");
    }

    private static bool Ordered(string symbol, Value[] a, Value[] b, Rendering rendering, Func<int, bool> accept)
    {
        StackGuard.Check();
        for (var i = 0; i < Math.Min(a.Length, b.Length); i++)
            if (!Equal(a[i], b[i], rendering)) return Ordered(symbol, a[i], b[i], rendering, accept);
        return accept(a.Length.CompareTo(b.Length));
    }

    internal static bool Contains(Value container, Value item, Rendering rendering)
    {
        switch (container)
        {
            case StrValue text:
                if (item is not StrValue part) throw TemplateFault.Type($"'in <string>' requires string as left operand, not {item.TypeName}");
                rendering.Charge(1 + text.Weight);
                return text.Text.Contains(part.Text, StringComparison.Ordinal);
            case DictValue dict:
                return dict.Find(Hashable(item, rendering)) is not null;
        }
        if (container.Items(rendering) is not { } items) throw TemplateFault.Type($"argument of type '{container.TypeName}' is not iterable");
        foreach (var candidate in items)
            if (Equal(candidate, item, rendering)) return true;
        return false;
    }

    internal static bool IsHashable(Value value, Rendering rendering)
    {
        if (value is not TupleValue tuple) return value is not (ListValue or DictValue);
        StackGuard.Check();
        foreach (var element in tuple.Elements)
        {
            rendering.Charge(1);
            if (!IsHashable(element, rendering)) return false;
        }
        return true;
    }

    internal static Value Hashable(Value key, Rendering rendering) =>
        IsHashable(key, rendering) ? key : throw TemplateFault.Type($"unhashable type: '{(key is TupleValue ? "list" : key.TypeName)}'");
}

/// <summary>Keys of dictionaries and sets.</summary>
internal sealed class KeyComparer(Rendering rendering) : IEqualityComparer<Value>
{
    public bool Equals(Value? a, Value? b) => Comparing.Equal(a!, b!, rendering);

    public int GetHashCode(Value value)
    {
        switch (value)
        {
            case StrValue text:
                rendering.Charge(text.Weight);
                return text.Text.GetHashCode(StringComparison.Ordinal);
            case FloatValue f when f.Number == Math.Floor(f.Number) && double.IsFinite(f.Number):
                return new BigInteger(f.Number).GetHashCode();
            case FloatValue f:
                return f.Number.GetHashCode();
            case BoolValue or IntValue:
                Arithmetic.TryInteger(value, out var number);
                return number.GetHashCode();
            case TupleValue tuple:
                StackGuard.Check();
                var hash = new HashCode();
                foreach (var element in tuple.Elements)
                {
                    rendering.Charge(1);
                    hash.Add(GetHashCode(element));
                }
                return hash.ToHashCode();
            case UndefinedValue:
                return 1;
            default:
                return System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(value);
        }
    }
}
