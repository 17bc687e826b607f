using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>What a call passes.</summary>
internal readonly struct Arguments(Value[] positional, (string Name, Value Value)[] named)
{
    internal static readonly Arguments None = new([], []);

    internal Value[] Positional { get; } = positional;

    internal (string Name, Value Value)[] Named { get; } = named;

    internal Arguments Before(Value first) => new([first, .. Positional], Named);

    internal Arguments From(int index) => new(Positional[Math.Min(index, Positional.Length)..], Named);

    internal Value? Get(string name)
    {
        foreach (var (key, value) in Named)
            if (key == name) return value;
        return null;
    }
}

/// <summary>A function that templates can call: a global, or a method with its object.</summary>
internal sealed class FunctionValue(string name, Func<Rendering, Arguments, Value> body, string kind = "builtin_function_or_method") : Value
{
    internal override string TypeName { get; } = kind;

    internal override bool IsCallable => true;

    internal override void Repr(StringBuilder into, Rendering rendering) => into.Append("<function ").Append(name).Append('>');

    internal override Value Invoke(Arguments arguments, Rendering rendering) => body(rendering, arguments);
}

/// <summary>Binds what a call passes to a function's parameters, with Python's messages. The text lists names; "?" marks those that may be left out;
/// "/" ends those that have no name for the caller.</summary>
internal sealed class Signature
{
    private readonly string _function;
    private readonly string[] _names;
    private readonly int _required, _positionalOnly;

    internal Signature(string function, string parameters)
    {
        var parts = parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        _function = function;
        _positionalOnly = Math.Max(0, Array.IndexOf(parts, "/"));
        parts = [.. parts.Where(p => p != "/")];
        _required = parts.Count(p => !p.EndsWith('?'));
        _names = [.. parts.Select(p => p.TrimEnd('?'))];
    }

    internal Value?[] Bind(Arguments arguments)
    {
        var bound = new Value?[_names.Length];
        if (arguments.Positional.Length > _names.Length)
            throw TemplateFault.Type($"{_function}() takes {(_required < _names.Length ? $"from {_required} to " : "")}{_names.Length} positional argument{(_names.Length == 1 ? "" : "s")} but {arguments.Positional.Length} {(arguments.Positional.Length == 1 ? "was" : "were")} given");
        arguments.Positional.CopyTo(bound, 0);
        foreach (var (name, value) in arguments.Named)
        {
            var at = Array.IndexOf(_names, name);
            if (at < 0 || at < _positionalOnly) throw TemplateFault.Type($"{_function}() got an unexpected keyword argument '{name}'");
            if (bound[at] is not null) throw TemplateFault.Type($"{_function}() got multiple values for argument '{name}'");
            bound[at] = value;
        }
        for (var i = 0; i < _required; i++)
            if (bound[i] is null) throw TemplateFault.Type($"{_function}() missing 1 required positional argument: '{_names[i]}'");
        return bound;
    }
}
