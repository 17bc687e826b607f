using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

internal sealed partial class Compiler
{
    private Execute Body(IReadOnlyList<Statement> statements, Scope scope)
    {
        var all = statements.Select(s => Located(s, Statement(s, scope))).ToArray();
        if (all.Length == 1) return all[0];
        return frame =>
        {
            foreach (var statement in all)
                if (statement(frame) is not Flow.Normal and var flow) return flow;
            return Flow.Normal;
        };
    }

    private static Execute Located(Statement statement, Execute execute)
    {
        var line = statement.Line;
        return frame =>
        {
            frame.Rendering.Line = line;
            frame.Rendering.Charge(1);
            return execute(frame);
        };
    }

    private Execute Statement(Statement statement, Scope scope)
    {
        Deeper(statement);
        var compiled = statement switch
        {
            Output output => Print(output, scope),
            If choice => Choose(choice, scope),
            For { Recursive: true } loop => RecursiveLoop(loop, scope),
            For loop => Loop(loop, scope),
            Set set => Assignment(set, scope),
            SetBlock set => AssignmentOfBlock(set, scope),
            With with => WithBlock(with, scope),
            Macro macro => Define(macro, scope),
            CallBlock call => CallWithBody(call, scope),
            Generation generation => Generate(generation, scope),
            FilterBlock filter => Filtered(filter, scope),
            Block block => Placed(block, scope),
            LoopControl control => scope.InLoop ? Control(control.IsBreak ? Flow.Break : Flow.Continue) : throw TemplateFault.Syntax($"'{(control.IsBreak ? "break' outside loop" : "continue' not properly in loop")}", control.Line),
            LoadOther { Tag: "extends" } when !scope.IsTop => throw TemplateFault.Syntax("cannot use extend from a non top-level scope", statement.Line),
            _ => _ => throw TemplateFault.Type("no loader for this environment specified"),
        };
        _depth--;
        return compiled;
    }

    private static Execute Control(Flow flow) => _ => flow;

    private Execute Print(Output output, Scope scope)
    {
        var parts = new List<Action<Frame>>();
        var text = new StringBuilder();
        foreach (var item in output.Items)
        {
            if (item is TextData data)
            {
                text.Append(data.Text);
                continue;
            }
            Flush();
            var expression = Expression(item, scope);
            var line = item.Line;
            parts.Add(frame =>
            {
                frame.Rendering.Line = line;
                var value = expression(frame);
                frame.Rendering.Append(frame.Output, value is StrValue plain ? plain.Text : value.Str(frame.Rendering));
            });
        }
        Flush();
        var all = parts.ToArray();
        return frame =>
        {
            foreach (var part in all) part(frame);
            return Flow.Normal;
        };

        void Flush()
        {
            if (text.Length == 0) return;
            var constant = text.ToString();
            parts.Add(frame => frame.Rendering.Append(frame.Output, constant));
            text.Clear();
        }
    }

    private Execute Choose(If choice, Scope scope)
    {
        var soft = scope with { IsSoft = true };
        var branches = choice.ElseIf.Prepend(choice).Select(b => (Test: Expression(b.Test, soft), Body: Body(b.Body, soft))).ToArray();
        var otherwise = Body(choice.Else, soft);
        return frame =>
        {
            foreach (var (test, body) in branches)
                if (test(frame).Truth) return body(frame);
            return otherwise(frame);
        };
    }

    /// <summary>Writes a value to a name, several names or a namespace's attribute.</summary>
    private static Action<Frame, Value> Target(Expression target, Scope scope)
    {
        switch (target)
        {
            case Name name:
                var index = scope.Symbols.Find(name.Text)!.Index;
                if (!scope.IsTop) return (frame, value) => frame.Slots[index] = value;
                return (frame, value) =>
                {
                    frame.Slots[index] = value;
                    frame.Context.Set(name.Text, value);
                };
            case NamespaceTarget attribute:
                var ns = Variable(attribute.Namespace, scope);
                return (frame, value) => ((NamespaceValue)ns(frame)).Set(attribute.Attribute, value);
            default:
                var targets = ((TupleLiteral)target).Items.Select(i => Target(i, scope)).ToArray();
                return (frame, value) => Unpack(targets, frame, value);
        }
    }

    private static void Unpack(Action<Frame, Value>[] targets, Frame frame, Value value)
    {
        if (value.Items(frame.Rendering) is not { } items) throw TemplateFault.Type($"cannot unpack non-iterable {value.TypeName} object");
        var parts = new Value[targets.Length];
        var count = 0;
        foreach (var item in items)
        {
            if (count == parts.Length) throw TemplateFault.Value($"too many values to unpack (expected {parts.Length})");
            parts[count++] = item;
        }
        if (count < parts.Length) throw TemplateFault.Value($"not enough values to unpack (expected {parts.Length}, got {count})");
        for (var i = 0; i < targets.Length; i++) targets[i](frame, parts[i]);
    }

    private Execute Assignment(Set set, Scope scope)
    {
        var namespaces = NameFinder.All<NamespaceTarget>([set.Target]).Select(t => Variable(t.Namespace, scope)).ToArray();
        var value = Expression(set.Value, scope);
        var assign = Target(set.Target, scope);
        return frame =>
        {
            foreach (var ns in namespaces)
                if (ns(frame) is not NamespaceValue) throw TemplateFault.Runtime("cannot assign attribute on non-namespace object");
            assign(frame, value(frame));
            return Flow.Normal;
        };
    }

    private Execute AssignmentOfBlock(SetBlock set, Scope scope)
    {
        var inner = scope.Inner();
        NameFinder.Visit(set.Body, inner.Symbols);
        var (enter, body, leave) = (Enter(inner), Body(set.Body, inner), Leave(inner));
        var filter = set.Filter is null ? null : Filter(set.Filter, inner);
        var namespaces = NameFinder.All<NamespaceTarget>([set.Target]).Select(t => Variable(t.Namespace, scope)).ToArray();
        var assign = Target(set.Target, scope);
        return frame =>
        {
            enter(frame);
            var (flow, text) = Captured(frame, body);
            if (flow != Flow.Normal) return flow;
            Value value = frame.Rendering.Text(text);
            if (filter is not null) value = filter(frame, value);
            foreach (var ns in namespaces)
                if (ns(frame) is not NamespaceValue) throw TemplateFault.Runtime("cannot assign attribute on non-namespace object");
            assign(frame, value);
            leave(frame);
            return Flow.Normal;
        };
    }

    private Execute Filtered(FilterBlock block, Scope scope)
    {
        var inner = scope.Inner();
        NameFinder.Visit(block.Body, inner.Symbols);
        NameFinder.Visit(block.Filter, inner.Symbols);
        var (enter, body, leave) = (Enter(inner), Body(block.Body, inner), Leave(inner));
        var filter = Filter(block.Filter, inner);
        return frame =>
        {
            enter(frame);
            var (flow, text) = Captured(frame, body);
            if (flow != Flow.Normal) return flow;
            frame.Rendering.Append(frame.Output, filter(frame, frame.Rendering.Text(text)).Str(frame.Rendering));
            leave(frame);
            return Flow.Normal;
        };
    }

    private Execute WithBlock(With with, Scope scope)
    {
        var inner = scope.Inner();
        NameFinder.Visit(with.Targets, inner.Symbols);
        NameFinder.Visit(with.Body, inner.Symbols);
        var assignments = with.Targets.Zip(with.Values, (target, value) => (Assign: Target(target, inner), Value: Expression(value, scope))).ToArray();
        var (enter, body, leave) = (Enter(inner), Body(with.Body, inner), Leave(inner));
        return frame =>
        {
            enter(frame);
            foreach (var (assign, value) in assignments) assign(frame, value(frame));
            var flow = body(frame);
            leave(frame);
            return flow;
        };
    }

    private Execute Placed(Block block, Scope scope)
    {
        if (block.Required) return _ => throw TemplateFault.Runtime($"Required block '{block.Name}' not found");
        var locals = block.Scoped ? scope.Symbols.AllStores().Select(s => (s.Key, Read: Reader(s.Value, scope.Symbols.Function))).ToArray() : [];
        return frame =>
        {
            var context = frame.Context;
            if (block.Scoped)
            {
                context = new Context(frame.Context.Resolve);
                foreach (var (name, read) in locals)
                    if (read(frame) is { } value) context.Set(name, value);
            }
            RunBlock(block.Name, context, frame.Rendering, frame.Output);
            return Flow.Normal;
        };
    }
}
