using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>A value as templates see it: Python's, without its mutable parts.</summary>
internal abstract class Value
{
    /// <summary>Python's name of the type, as messages give it.</summary>
    internal abstract string TypeName { get; }

    internal virtual bool Truth => true;

    /// <summary>What reading this value whole costs, in steps.</summary>
    internal virtual int Weight => 0;

    /// <summary>The number of items, or -1 where Python's len() fails.</summary>
    internal virtual int Count => -1;

    /// <summary>True where indexing by number or slicing is meant.</summary>
    internal virtual bool IsIndexable => false;

    internal virtual bool IsCallable => false;

    /// <summary>Writes what Python's repr() gives.</summary>
    internal abstract void Repr(StringBuilder into, Rendering rendering);

    /// <summary>What Python's str() gives.</summary>
    internal virtual string Str(Rendering rendering)
    {
        var text = new StringBuilder();
        Repr(text, rendering);
        rendering.CheckLength(text.Length);
        rendering.Allocate(2L * text.Length);
        return text.ToString();
    }

    /// <summary>The items, or null where Python's iter() fails.</summary>
    internal virtual IEnumerable<Value>? Items(Rendering rendering) => null;

    /// <summary>The attribute, or null where Python's getattr() fails.</summary>
    internal virtual Value? Attribute(string name, Rendering rendering) => null;

    /// <summary>What <c>value[key]</c> is, or null where it fails.</summary>
    internal virtual Value? Item(Value key, Rendering rendering) => null;

    internal virtual Value Invoke(Arguments arguments, Rendering rendering) => throw TemplateFault.Type($"'{TypeName}' object is not callable");
}

internal sealed class NoneValue : Value
{
    internal static readonly NoneValue Instance = new();

    internal override string TypeName => "NoneType";

    internal override bool Truth => false;

    internal override void Repr(StringBuilder into, Rendering rendering) => into.Append("None");

    internal override string Str(Rendering rendering) => "None";
}

/// <summary>What a failed look-up gives: prints as nothing, is false and empty, and fails on most other uses with the message of the failed look-up.</summary>
internal sealed class UndefinedValue(string? hint, Value? owner = null, Value? name = null, string kind = "UndefinedError") : Value
{
    internal override string TypeName => "Undefined";

    internal override bool Truth => false;

    internal override int Count => 0;

    internal override void Repr(StringBuilder into, Rendering rendering) => into.Append("Undefined");

    internal override string Str(Rendering rendering) => "";

    internal override IEnumerable<Value> Items(Rendering rendering) => [];

    internal override Value? Attribute(string name, Rendering rendering) => throw Fault(rendering);

    internal override Value? Item(Value key, Rendering rendering) => throw Fault(rendering);

    internal override Value Invoke(Arguments arguments, Rendering rendering) => throw Fault(rendering);

    internal TemplateFault Fault(Rendering rendering) => new(kind, Message(rendering));

    private string Message(Rendering rendering)
    {
        if (hint is not null) return hint;
        var shown = name is null ? "None" : PyRepr.Of(name, rendering);
        if (owner is null) return $"{shown} is undefined";
        return name is StrValue ? $"'{Describe(owner)}' has no attribute {shown}" : $"{Describe(owner)} has no element {shown}";
    }

    private static string Describe(Value value) => value is NoneValue ? "None" : $"{value.TypeName} object";

    internal static UndefinedValue Named(string name) => new(null, null, new StrValue(name));
}
