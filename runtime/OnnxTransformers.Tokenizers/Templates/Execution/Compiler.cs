using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Where the compiler is: the names it sees, and what is allowed there.</summary>
/// <param name="Symbols">The names.</param>
/// <param name="IsTop">What is set here is seen by blocks, too.</param>
/// <param name="IsSoft">Inside a condition: an unknown filter is an error only when it is reached.</param>
/// <param name="InLoop">break and continue have a loop here.</param>
internal sealed record Scope(Symbols Symbols, bool IsTop = false, bool IsSoft = false, bool InLoop = false)
{
    internal Scope Inner(FunctionScope? function = null) => new(new Symbols(Symbols, function ?? Symbols.Function), InLoop: InLoop && function is null);
}

/// <summary>A template ready to run.</summary>
internal sealed class CompiledTemplate(FunctionScope function, Action<Frame> enter, Execute body)
{
    internal string Render(IReadOnlyDictionary<string, Value> variables, Rendering rendering)
    {
        var context = new Context(name => variables.TryGetValue(name, out var value) ? value : Globals.All.GetValueOrDefault(name));
        var frame = new Frame(function.Count, null, context, rendering, rendering.Root);
        try
        {
            enter(frame);
            body(frame);
        }
        catch (TemplateFault fault) when (fault.Line == 0)
        {
            fault.Line = rendering.Line;
            throw;
        }
        return rendering.Root.ToString();
    }
}

/// <summary>Turns a parsed template into functions that run it; expressions and statements are in the other parts. Reference: jinja2/compiler.py.</summary>
internal sealed partial class Compiler
{
    private const int MostNested = 500;

    private sealed record CompiledBlock(FunctionScope Function, Action<Frame> Enter, Execute Body);

    private readonly Dictionary<string, CompiledBlock> _blocks = new(StringComparer.Ordinal);
    private int _depth;

    internal static CompiledTemplate Compile(string source)
    {
        var body = Parser.Parse(source);
        var compiler = new Compiler();
        var blocks = NameFinder.All<Block>(body).ToList();
        if (blocks.GroupBy(b => b.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw TemplateFault.Syntax($"block '{twice.Key}' defined twice", twice.Last().Line);
        var function = new FunctionScope(null);
        var scope = new Scope(new Symbols(null, function), IsTop: true);
        var self = NameFinder.Undeclared(body, "self").Count > 0 ? scope.Symbols.DeclareParameter("self") : null;
        NameFinder.Visit(body, scope.Symbols);
        var enter = Enter(scope);
        var run = compiler.Body(body, scope);
        foreach (var block in blocks) compiler._blocks[block.Name] = compiler.BlockBody(block);
        return new CompiledTemplate(function, frame =>
        {
            enter(frame);
            if (self is not null) frame.Slots[self.Index] = new SelfValue(compiler, frame.Context);
        }, run);
    }

    private CompiledBlock BlockBody(Block block)
    {
        var function = new FunctionScope(null);
        var scope = new Scope(new Symbols(null, function));
        var special = NameFinder.Undeclared(block.Body, "self", "super");
        var self = special.Contains("self") ? scope.Symbols.DeclareParameter("self") : null;
        var super = special.Contains("super") ? scope.Symbols.DeclareParameter("super") : null;
        NameFinder.Visit(block.Body, scope.Symbols);
        var enter = Enter(scope);
        var body = Body(block.Body, scope);
        return new CompiledBlock(function, frame =>
        {
            enter(frame);
            if (self is not null) frame.Slots[self.Index] = new SelfValue(this, frame.Context);
            if (super is not null) frame.Slots[super.Index] = new UndefinedValue($"there is no parent block called '{block.Name}'.");
        }, body);
    }

    private void RunBlock(string name, Context context, Rendering rendering, StringBuilder output)
    {
        var block = _blocks[name];
        rendering.Enter();
        var frame = new Frame(block.Function.Count, null, context, rendering, output);
        block.Enter(frame);
        block.Body(frame);
        rendering.Leave();
    }

    /// <summary>The variable <c>self</c>: blocks by name, to be called.</summary>
    private sealed class SelfValue(Compiler compiler, Context context) : Value
    {
        internal override string TypeName => "jinja2.runtime.TemplateReference";

        internal override void Repr(StringBuilder into, Rendering rendering) => into.Append("<TemplateReference None>");

        internal override Value? Item(Value key, Rendering rendering) => key is StrValue name && compiler._blocks.ContainsKey(name.Text)
            ? new FunctionValue(name.Text, (r, _) =>
            {
                var output = new StringBuilder();
                compiler.RunBlock(name.Text, context, r, output);
                return r.Text(output.ToString());
            }, "jinja2.runtime.BlockReference")
            : null;
    }

    /// <summary>Gives a scope's variables their first values.</summary>
    private static Action<Frame> Enter(Scope scope)
    {
        var actions = new List<Action<Frame>>();
        foreach (var (slot, load) in scope.Symbols.Loads)
        {
            var index = slot.Index;
            if (load.Kind == LoadKind.Resolve) actions.Add(frame => frame.Slots[index] = frame.Context.Resolve(load.Name!));
            else if (load.Kind == LoadKind.Undefined) actions.Add(frame => frame.Slots[index] = null);
            else if (load.Kind == LoadKind.Alias)
            {
                var read = Reader(load.Source!, scope.Symbols.Function);
                actions.Add(frame => frame.Slots[index] = read(frame));
            }
        }
        var all = actions.ToArray();
        return frame =>
        {
            foreach (var action in all) action(frame);
        };
    }

    /// <summary>Takes a scope's values away; a macro that was made inside sees it.</summary>
    private static Action<Frame> Leave(Scope scope)
    {
        var indexes = scope.Symbols.Loads.Keys.Select(s => s.Index).ToArray();
        return frame =>
        {
            foreach (var index in indexes) frame.Slots[index] = null;
        };
    }

    private static Func<Frame, Value?> Reader(Slot slot, FunctionScope from)
    {
        var index = slot.Index;
        var hops = 0;
        for (var function = from; !ReferenceEquals(function, slot.Owner); function = function.Parent!) hops++;
        if (hops == 0) return frame => frame.Slots[index];
        if (hops == 1) return frame => frame.Parent!.Slots[index];
        return frame =>
        {
            for (var i = 0; i < hops; i++) frame = frame.Parent!;
            return frame.Slots[index];
        };
    }

    /// <summary>Runs with an output of its own and gives what was written, or null where a break or continue left.</summary>
    private static (Flow Flow, string Text) Captured(Frame frame, Execute body)
    {
        var outer = frame.Output;
        frame.Output = new StringBuilder();
        var flow = body(frame);
        var text = frame.Output.ToString();
        frame.Output = outer;
        return (flow, text);
    }

    private void Deeper(Node node)
    {
        if (++_depth > MostNested) throw TemplateFault.Syntax($"the template nests more than {MostNested} deep", node.Line);
    }
}
