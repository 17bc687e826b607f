using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

internal delegate Value Evaluate(Frame frame);

internal delegate Flow Execute(Frame frame);

internal enum Flow { Normal, Break, Continue }

/// <summary>One running function of a template.</summary>
internal sealed class Frame(int slots, Frame? parent, Context context, Rendering rendering, StringBuilder output)
{
    /// <summary>Variables; null is one that has no value.</summary>
    internal Value?[] Slots { get; } = new Value?[slots];

    internal Frame? Parent { get; } = parent;

    internal Context Context { get; } = context;

    internal Rendering Rendering { get; } = rendering;

    internal StringBuilder Output { get; set; } = output;
}

/// <summary>Names that no scope of the template sets: what the caller passed, what the top level has set so far, and the globals.</summary>
internal sealed class Context(Func<string, Value?> outer)
{
    private readonly Dictionary<string, Value?> _set = new(StringComparer.Ordinal);

    internal void Set(string name, Value? value) => _set[name] = value;

    internal Value? Resolve(string name) => _set.TryGetValue(name, out var value) ? value : outer(name);
}
