using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

internal sealed partial class Compiler
{
    /// <summary>A loop's parts, compiled: it runs in a frame, over a value, at a depth of recursion.</summary>
    private delegate Flow RunLoop(Frame frame, Value iterable, int depth, Func<Value, int, Value>? recurse);

    private Execute Loop(For node, Scope scope)
    {
        var iterable = Expression(node.Iterable, scope);
        var run = LoopParts(node, scope, scope.Symbols.Function);
        return frame => run(frame, iterable(frame), 0, null);
    }

    private Execute RecursiveLoop(For node, Scope scope)
    {
        var iterable = Expression(node.Iterable, scope);
        var function = new FunctionScope(scope.Symbols.Function);
        var run = LoopParts(node, scope, function);
        return frame =>
        {
            frame.Rendering.Append(frame.Output, Call(iterable(frame), 0).Text);
            return Flow.Normal;

            StrValue Call(Value items, int depth)
            {
                frame.Rendering.Enter();
                var inner = new Frame(function.Count, frame, frame.Context, frame.Rendering, new StringBuilder());
                run(inner, items, depth, Call);
                frame.Rendering.Leave();
                return frame.Rendering.Text(inner.Output.ToString());
            }
        };
    }

    private RunLoop LoopParts(For node, Scope scope, FunctionScope function)
    {
        if (NameFinder.All<Name>(node.Children).FirstOrDefault(n => n is { Use: NameUse.Store, Text: "loop" }) is { } bad)
            throw TemplateFault.Syntax("Can't assign to special loop variable in for-loop target", bad.Line);
        var extended = node.Recursive || NameFinder.Undeclared(node.Body, "loop").Count > 0 || NameFinder.All<Block>(node.Children).Any(b => b.Scoped);
        var inner = new Scope(new Symbols(scope.Symbols, function), InLoop: true);
        var loopSlot = extended ? inner.Symbols.DeclareParameter("loop").Index : -1;
        NameFinder.Visit(node.Target, inner.Symbols, asParameter: true);
        NameFinder.Visit(node.Body, inner.Symbols);
        var otherwise = new Scope(new Symbols(scope.Symbols, function), InLoop: scope.InLoop && !node.Recursive);
        NameFinder.Visit(node.Else, otherwise.Symbols);
        var filter = node.Test is null ? null : LoopFilter(node, scope);
        var assign = Target(node.Target, inner);
        var (enter, body, leave) = (Enter(inner), Body(node.Body, inner), Leave(inner));
        var (enterElse, elseBody, leaveElse) = (Enter(otherwise), Body(node.Else, otherwise), Leave(otherwise));
        var hasElse = node.Else.Count > 0;
        return (frame, iterable, depth, recurse) =>
        {
            var rendering = frame.Rendering;
            // The filter's variables belong to the function around a recursive loop.
            if (filter is not null) iterable = filter(node.Recursive ? frame.Parent! : frame, iterable);
            var items = Access.Iterate(iterable, rendering).GetEnumerator();
            var loop = extended ? new LoopValue(iterable, items, depth, recurse) : null;
            if (extended) frame.Slots[loopSlot] = null;
            var completed = false;
            while (Next(out var item))
            {
                assign(frame, item);
                if (extended) frame.Slots[loopSlot] = loop;
                enter(frame);
                var flow = body(frame);
                if (flow == Flow.Break) break;
                // As in the reference, an iteration that continue has left doesn't count for else.
                completed |= flow == Flow.Normal;
            }
            leave(frame);
            if (completed || !hasElse) return Flow.Normal;
            enterElse(frame);
            var elseFlow = elseBody(frame);
            leaveElse(frame);
            return elseFlow;

            bool Next(out Value item)
            {
                if (loop is not null) return loop.MoveNext(out item, rendering);
                rendering.Charge(1);
                var more = items.MoveNext();
                item = more ? items.Current : NoneValue.Instance;
                return more;
            }
        };
    }

    private Func<Frame, Value, Value> LoopFilter(For node, Scope scope)
    {
        var function = new FunctionScope(scope.Symbols.Function);
        var inner = new Scope(new Symbols(scope.Symbols, function));
        NameFinder.Visit(node.Target, inner.Symbols, asParameter: true);
        NameFinder.Visit(node.Test, inner.Symbols);
        var (enter, assign, test) = (Enter(inner), Target(node.Target, inner), Expression(node.Test!, inner));
        return (frame, iterable) => new IteratorValue("generator", Walk(new Frame(function.Count, frame, frame.Context, frame.Rendering, frame.Output), Access.Iterate(iterable, frame.Rendering)));

        IEnumerable<Value> Walk(Frame frame, IEnumerable<Value> items)
        {
            enter(frame);
            foreach (var item in items)
            {
                frame.Rendering.Charge(1);
                assign(frame, item);
                if (test(frame).Truth) yield return item;
            }
        }
    }
}
