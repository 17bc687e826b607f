namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>What a filter, a test's inner function or a method does with its bound arguments; those left out are null.</summary>
internal delegate Value BoundBody(Rendering rendering, Value?[] arguments);

/// <summary>Helpers that the tables of built-in functions share.</summary>
internal static class Table
{
    /// <summary>A row: the name, the parameters, the body.</summary>
    internal static KeyValuePair<string, Func<Rendering, Arguments, Value>> Row(string name, string parameters, BoundBody body)
    {
        var signature = new Signature(name, parameters);
        return new(name, (rendering, arguments) => body(rendering, signature.Bind(arguments)));
    }

    /// <summary>A row whose body binds its own arguments.</summary>
    internal static KeyValuePair<string, Func<Rendering, Arguments, Value>> Row(string name, Func<Rendering, Arguments, Value> body) => new(name, body);

    internal static Dictionary<string, Func<Rendering, Arguments, Value>> Of(params IEnumerable<KeyValuePair<string, Func<Rendering, Arguments, Value>>>[] groups) =>
        new(groups.SelectMany(g => g), StringComparer.Ordinal);

    /// <summary>The text of any value; markup stays markup.</summary>
    internal static StrValue Text(Value? value, Rendering rendering) => value as StrValue ?? rendering.Text(value!.Str(rendering));

    internal static int Integer(Value? value, int absent)
    {
        if (value is null) return absent;
        if (!Arithmetic.TryInteger(value, out var number)) throw TemplateFault.Type($"'{value.TypeName}' object cannot be interpreted as an integer");
        return (int)System.Numerics.BigInteger.Min(System.Numerics.BigInteger.Max(number, int.MinValue), int.MaxValue);
    }

    internal static bool Flag(Value? value, bool absent = false) => value?.Truth ?? absent;

    internal static bool IsAbsent(Value? value) => value is null or NoneValue;
}
