namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>An error inside a template, with the name that the reference's exception has. It never leaves this folder: callers get an
/// <see cref="InvalidInputException"/>.</summary>
internal sealed class TemplateFault(string kind, string message, int line = 0) : Exception(message)
{
    internal string Kind { get; } = kind;

    /// <summary>The template's line, from 1; 0 while it is not known.</summary>
    internal int Line { get; set; } = line;

    internal static TemplateFault Type(string message) => new("TypeError", message);

    internal static TemplateFault Value(string message) => new("ValueError", message);

    internal static TemplateFault Attribute(string message) => new("AttributeError", message);

    internal static TemplateFault Filter(string message) => new("FilterArgumentError", message);

    internal static TemplateFault Runtime(string message) => new("TemplateRuntimeError", message);

    internal static TemplateFault Overflow(string message) => new("OverflowError", message);

    internal static TemplateFault ZeroDivision(string message) => new("ZeroDivisionError", message);

    internal static TemplateFault Syntax(string message, int line) => new("TemplateSyntaxError", message, line);

    internal static TemplateFault Limit(string message) => new("LimitExceeded", message);
}
