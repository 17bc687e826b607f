using System.Numerics;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The tests of <c>is</c>. Reference: jinja2/tests.py.</summary>
internal static class Tests
{
    private delegate bool Test(Rendering rendering, Value value, Value?[] arguments);

    internal static readonly Dictionary<string, Func<Rendering, Arguments, Value>> All = Build(
        ("odd", "value", (r, v, _) => Remainder(v, IntValue.Of(2), 1, r)),
        ("even", "value", (r, v, _) => Remainder(v, IntValue.Of(2), 0, r)),
        ("divisibleby", "value num", (r, v, a) => Remainder(v, a[1]!, 0, r)),
        ("defined", "value", (_, v, _) => v is not UndefinedValue), ("undefined", "value", (_, v, _) => v is UndefinedValue),
        ("filter", "value", (r, v, _) => v is StrValue s && Filters.All.ContainsKey(s.Text)), ("test", "value", (r, v, _) => v is StrValue s && All!.ContainsKey(s.Text)),
        ("none", "value", (_, v, _) => v is NoneValue), ("boolean", "value", (_, v, _) => v is BoolValue), ("true", "value", (_, v, _) => v == BoolValue.True), ("false", "value", (_, v, _) => v == BoolValue.False),
        ("integer", "value", (_, v, _) => v is IntValue), ("float", "value", (_, v, _) => v is FloatValue), ("number", "value", (_, v, _) => v is IntValue or FloatValue or BoolValue),
        ("string", "value", (_, v, _) => v is StrValue), ("mapping", "value", (_, v, _) => v is DictValue), ("sequence", "value", (_, v, _) => v.IsIndexable || v is DictValue or UndefinedValue),
        ("iterable", "value", (r, v, _) => v.Items(r) is not null), ("callable", "value", (_, v, _) => v.IsCallable || v is UndefinedValue), ("escaped", "value", (_, v, _) => v is StrValue { IsMarkup: true }),
        ("lower", "value", (r, v, _) => StringMethods.IsLower(Text(v, r))), ("upper", "value", (r, v, _) => StringMethods.IsUpper(Text(v, r))),
        ("sameas", "value other", (_, v, a) => IsSame(v, a[1]!)), ("in", "value seq", (r, v, a) => Comparing.Contains(a[1]!, v, r)),
        ("==", "a b", IsEqual),
        ("eq", "a b", IsEqual),
        ("equalto", "a b", IsEqual),
        ("!=", "a b", (r, v, a) => !IsEqual(r, v, a)),
        ("ne", "a b", (r, v, a) => !IsEqual(r, v, a)),
        (">", "a b", IsGreater), ("gt", "a b", IsGreater), ("greaterthan", "a b", IsGreater), ("<", "a b", IsLess), ("lt", "a b", IsLess), ("lessthan", "a b", IsLess),
        (">=", "a b", (r, v, a) => Comparing.Ordered(">=", v, a[1]!, r, o => o >= 0)), ("ge", "a b", (r, v, a) => Comparing.Ordered(">=", v, a[1]!, r, o => o >= 0)),
        ("<=", "a b", (r, v, a) => Comparing.Ordered("<=", v, a[1]!, r, o => o <= 0)), ("le", "a b", (r, v, a) => Comparing.Ordered("<=", v, a[1]!, r, o => o <= 0)));

    private static Dictionary<string, Func<Rendering, Arguments, Value>> Build(params (string Name, string Parameters, Test Body)[] rows) =>
        Table.Of(rows.Select(row => Table.Row(row.Name, row.Parameters, (r, a) => BoolValue.Of(row.Body(r, a[0]!, a)))));

    private static string Text(Value value, Rendering rendering)
    {
        var text = value.Str(rendering);
        rendering.Charge(text.Length >> 2);
        return text;
    }

    private static bool IsEqual(Rendering rendering, Value value, Value?[] arguments) => Comparing.Equal(value, arguments[1]!, rendering);

    private static bool IsGreater(Rendering rendering, Value value, Value?[] arguments) => Comparing.Ordered(">", value, arguments[1]!, rendering, o => o > 0);

    private static bool IsLess(Rendering rendering, Value value, Value?[] arguments) => Comparing.Less(value, arguments[1]!, rendering);

    private static bool Remainder(Value value, Value divisor, int expected, Rendering rendering) =>
        Comparing.Equal(Arithmetic.Modulo(value, divisor, rendering), IntValue.Of(expected), rendering);

    /// <summary>Identity: equal small integers and equal literal texts are one object in Python.</summary>
    private static bool IsSame(Value a, Value b) => ReferenceEquals(a, b) || (a is IntValue x && b is IntValue y && x.Number == y.Number && BigInteger.Abs(x.Number) <= 256)
        || (a is StrValue s && b is StrValue t && s.Text == t.Text && s.Count <= 1);
}
