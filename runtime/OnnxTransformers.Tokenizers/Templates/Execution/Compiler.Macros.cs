namespace OnnxTransformers.Tokenizers.Templates;

internal sealed partial class Compiler
{
    private MacroCode MacroBody(string? name, MacroSignature signature, IReadOnlyList<Statement> body, Scope scope, int line)
    {
        var inner = scope.Inner(new FunctionScope(scope.Symbols.Function));
        Analyze();
        var special = NameFinder.Undeclared(body, "caller", "kwargs", "varargs");
        var parameters = signature.Parameters.Select(p => p.Text).ToArray();
        var explicitCaller = Array.IndexOf(parameters, "caller");
        Slot? caller = null;
        if (special.Contains("caller"))
        {
            if (explicitCaller >= 0 && explicitCaller < parameters.Length - signature.Defaults.Count)
                throw TemplateFault.Syntax("When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.", line);
            caller = explicitCaller >= 0 ? inner.Symbols.Find("caller") : inner.Symbols.DeclareParameter("caller");
        }
        var named = special.Contains("kwargs") && !parameters.Contains("kwargs") ? inner.Symbols.DeclareParameter("kwargs") : null;
        var positional = special.Contains("varargs") && !parameters.Contains("varargs") ? inner.Symbols.DeclareParameter("varargs") : null;
        Analyze();
        var required = parameters.Length - signature.Defaults.Count;
        return new MacroCode(name, parameters, inner.Symbols.Function, [.. parameters.Select(p => inner.Symbols.Find(p)!)], caller, named, positional, Enter(inner),
            [.. parameters.Select((_, i) => i < required ? null : Expression(signature.Defaults[i - required], inner))], Body(body, inner));

        void Analyze()
        {
            NameFinder.Visit(signature.Children, inner.Symbols);
            NameFinder.Visit(body, inner.Symbols);
        }
    }

    private Execute Define(Macro macro, Scope scope)
    {
        var code = MacroBody(macro.Name, macro.Signature, macro.Body, scope, macro.Line);
        var assign = Target(new Name(macro.Name, NameUse.Store, macro.Line), scope);
        return frame =>
        {
            assign(frame, new MacroValue(code, frame));
            return Flow.Normal;
        };
    }

    private Execute CallWithBody(CallBlock block, Scope scope)
    {
        var code = MacroBody(null, block.Signature, block.Body, scope, block.Line);
        var function = Expression(block.Call.Function, scope);
        var arguments = CallArguments(block.Call.Arguments, scope);
        return frame =>
        {
            var passed = arguments(frame);
            if (passed.Get("caller") is not null) throw TemplateFault.Type("got multiple values for keyword argument 'caller'");
            var result = function(frame).Invoke(new Arguments(passed.Positional, [.. passed.Named, ("caller", new MacroValue(code, frame))]), frame.Rendering);
            frame.Rendering.Append(frame.Output, result.Str(frame.Rendering));
            return Flow.Normal;
        };
    }

    /// <summary>The body is a macro of its own, so that what it sets stays inside; where it begins and ends in the text is noted.</summary>
    private Execute Generate(Generation generation, Scope scope)
    {
        var code = MacroBody(null, new MacroSignature([], []), generation.Body, scope, generation.Line);
        return frame =>
        {
            var text = new MacroValue(code, frame).Invoke(Arguments.None, frame.Rendering).Str(frame.Rendering);
            var start = frame.Rendering.Root.Length;
            frame.Rendering.Allocate(8);
            frame.Rendering.Generated.Add(new CharacterSpan(start, start + text.Length));
            frame.Rendering.Append(frame.Output, text);
            return Flow.Normal;
        };
    }
}
