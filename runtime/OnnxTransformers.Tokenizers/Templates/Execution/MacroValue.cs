using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>What is known of a macro before rendering.</summary>
internal sealed record MacroCode(string? Name, string[] Parameters, FunctionScope Function, Slot[] Slots, Slot? Caller, Slot? Named, Slot? Positional, Action<Frame> Enter, Evaluate?[] Defaults, Execute Body);

/// <summary>A macro, or the body of a call block. Reference: jinja2/runtime.py, Macro.</summary>
internal sealed class MacroValue(MacroCode code, Frame around) : Value
{
    internal override string TypeName => "jinja2.runtime.Macro";

    internal override bool IsCallable => true;

    internal override void Repr(StringBuilder into, Rendering rendering) =>
        into.Append("<Macro ").Append(code.Name is null ? "anonymous" : PyRepr.Of(code.Name)).Append('>');

    internal override Value? Attribute(string name, Rendering rendering) => name switch
    {
        "name" => code.Name is null ? NoneValue.Instance : new StrValue(code.Name),
        "arguments" => new TupleValue([.. code.Parameters.Select(p => new StrValue(p))]),
        "catch_kwargs" => BoolValue.Of(code.Named is not null),
        "catch_varargs" => BoolValue.Of(code.Positional is not null),
        "caller" => BoolValue.Of(code.Caller is not null),
        "explicit_caller" => BoolValue.Of(code.Parameters.Contains("caller")),
        _ => null,
    };

    internal override Value Invoke(Arguments arguments, Rendering rendering)
    {
        var frame = new Frame(code.Function.Count, around, around.Context, rendering, new StringBuilder());
        var positional = Math.Min(arguments.Positional.Length, code.Parameters.Length);
        for (var i = 0; i < positional; i++) frame.Slots[code.Slots[i].Index] = arguments.Positional[i];
        var rest = new List<(string Name, Value Value)>();
        foreach (var (name, value) in arguments.Named)
        {
            var at = Array.IndexOf(code.Parameters, name, positional);
            if (at >= 0) frame.Slots[code.Slots[at].Index] = value;
            else rest.Add((name, value));
        }
        TakeCaller(frame, rest);
        if (code.Named is not null) frame.Slots[code.Named.Index] = Globals.Dict(new Arguments([], [.. rest]), rendering, "dict");
        else if (rest.Exists(r => r.Name == "caller"))
            throw TemplateFault.Type($"macro {Shown} was invoked with two values for the special caller argument. This is most likely a bug.");
        else if (rest.Count > 0) throw TemplateFault.Type($"macro {Shown} takes no keyword argument {PyRepr.Of(rest[0].Name)}");
        if (code.Positional is not null) frame.Slots[code.Positional.Index] = new TupleValue(arguments.Positional[positional..]);
        else if (arguments.Positional.Length > positional) throw TemplateFault.Type($"macro {Shown} takes not more than {code.Parameters.Length} argument(s)");
        return rendering.Text(Run(frame));
    }

    private string Shown => code.Name is null ? "None" : PyRepr.Of(code.Name);

    private void TakeCaller(Frame frame, List<(string Name, Value Value)> named)
    {
        var explicitCaller = Array.IndexOf(code.Parameters, "caller") >= 0;
        if (code.Caller is null || explicitCaller) return;
        var at = named.FindIndex(n => n.Name == "caller");
        frame.Slots[code.Caller.Index] = at >= 0 && named[at].Value is not NoneValue ? named[at].Value : new UndefinedValue("No caller defined");
        if (at >= 0) named.RemoveAt(at);
    }

    private string Run(Frame frame)
    {
        var rendering = frame.Rendering;
        rendering.Enter();
        code.Enter(frame);
        for (var i = 0; i < code.Parameters.Length; i++)
            frame.Slots[code.Slots[i].Index] ??= code.Defaults[i]?.Invoke(frame) ?? new UndefinedValue($"parameter {PyRepr.Of(code.Parameters[i])} was not provided");
        code.Body(frame);
        rendering.Leave();
        return frame.Output.ToString();
    }
}
