namespace OnnxTransformers.Tokenizers.Templates;

internal sealed partial class Compiler
{
    private delegate bool Compare(Value left, Value right, Rendering rendering);

    private static readonly Dictionary<string, Compare> Comparisons = new(StringComparer.Ordinal)
    {
        ["eq"] = Comparing.Equal,
        ["ne"] = (a, b, r) => !Comparing.Equal(a, b, r),
        ["lt"] = Comparing.Less,
        ["gt"] = (a, b, r) => Comparing.Ordered(">", a, b, r, o => o > 0),
        ["lteq"] = (a, b, r) => Comparing.Ordered("<=", a, b, r, o => o <= 0),
        ["gteq"] = (a, b, r) => Comparing.Ordered(">=", a, b, r, o => o >= 0),
        ["in"] = (a, b, r) => Comparing.Contains(b, a, r),
        ["notin"] = (a, b, r) => !Comparing.Contains(b, a, r),
    };

    private Evaluate Expression(Expression expression, Scope scope)
    {
        Deeper(expression);
        Evaluate compiled = expression switch
        {
            Constant constant => _ => constant.Value,
            Name name => Variable(name.Text, scope),
            TextData data => Constantly(new StrValue(data.Text)),
            TupleLiteral tuple => Elements(tuple.Items, scope, elements => new TupleValue(elements)),
            ListLiteral list => Elements(list.Items, scope, elements => new ListValue(elements)),
            DictLiteral dict => Dictionary(dict, scope),
            Unary unary => OneOperand(unary, scope),
            Binary binary => TwoOperands(binary, scope),
            Concatenation concatenation => Concatenate(concatenation, scope),
            Comparison comparison => CompareAll(comparison, scope),
            Conditional conditional => Either(conditional, scope),
            AttributeAccess access => ReadAttribute(access, scope),
            ItemAccess access => ReadItem(access, scope),
            Call call => CallFunction(call, scope),
            FilterCall filter => FilterValue(filter, scope),
            TestCall test => TestValue(test, scope),
            _ => _ => throw TemplateFault.Type("a slice may only stand alone in brackets"),
        };
        _depth--;
        return compiled;
    }

    private static Evaluate Constantly(Value value) => _ => value;

    private static Evaluate Variable(string name, Scope scope)
    {
        var undefined = UndefinedValue.Named(name);
        if (scope.Symbols.Find(name) is not { } slot) return frame => frame.Context.Resolve(name) ?? undefined;
        var read = Reader(slot, scope.Symbols.Function);
        return frame => read(frame) ?? undefined;
    }

    private Evaluate Elements(IReadOnlyList<Expression> items, Scope scope, Func<Value[], Value> make)
    {
        var all = items.Select(i => Expression(i, scope)).ToArray();
        return frame =>
        {
            frame.Rendering.Reserve(all.Length);
            var elements = new Value[all.Length];
            for (var i = 0; i < all.Length; i++) elements[i] = all[i](frame);
            return make(elements);
        };
    }

    private Evaluate Dictionary(DictLiteral dict, Scope scope)
    {
        var all = dict.Items.Select(i => (Key: Expression(i.Key, scope), Value: Expression(i.Value, scope))).ToArray();
        return frame =>
        {
            frame.Rendering.Reserve(4L * all.Length);
            var result = new DictValue(frame.Rendering);
            foreach (var (key, value) in all) result.Set(Comparing.Hashable(key(frame), frame.Rendering), value(frame));
            return result;
        };
    }

    private Evaluate OneOperand(Unary unary, Scope scope)
    {
        var operand = Expression(unary.Operand, scope);
        return unary.Operator switch
        {
            "not" => frame => BoolValue.Of(!operand(frame).Truth),
            "-" => frame => Arithmetic.Negate(operand(frame), frame.Rendering),
            _ => frame => Arithmetic.Plus(operand(frame), frame.Rendering),
        };
    }

    private Evaluate TwoOperands(Binary binary, Scope scope)
    {
        var (left, right) = (Expression(binary.Left, scope), Expression(binary.Right, scope));
        if (binary.Operator == "and") return frame => left(frame) is { Truth: false } no ? no : right(frame);
        if (binary.Operator == "or") return frame => left(frame) is { Truth: true } yes ? yes : right(frame);
        var apply = Arithmetic.Operators[binary.Operator];
        return frame =>
        {
            var (a, b) = (left(frame), right(frame));
            frame.Rendering.Charge(1);
            return apply(a, b, frame.Rendering);
        };
    }

    private Evaluate Concatenate(Concatenation concatenation, Scope scope)
    {
        var all = concatenation.Items.Select(i => Expression(i, scope)).ToArray();
        return frame =>
        {
            var values = new Value[all.Length];
            for (var i = 0; i < all.Length; i++) values[i] = all[i](frame);
            var texts = new string[all.Length];
            long length = 0;
            for (var i = 0; i < all.Length; i++) length += (texts[i] = values[i].Str(frame.Rendering)).Length;
            frame.Rendering.CheckLength(length);
            return frame.Rendering.Text(string.Concat(texts));
        };
    }

    private Evaluate CompareAll(Comparison comparison, Scope scope)
    {
        var first = Expression(comparison.First, scope);
        var rest = comparison.Rest.Select(r => (Compare: Comparisons[r.Operator], Operand: Expression(r.Operand, scope))).ToArray();
        if (rest is [var (compare, operand)])
            return frame =>
            {
                var left = first(frame);
                return BoolValue.Of(compare(left, operand(frame), frame.Rendering));
            };
        return frame =>
        {
            var left = first(frame);
            foreach (var (test, next) in rest)
            {
                var right = next(frame);
                if (!test(left, right, frame.Rendering)) return BoolValue.False;
                left = right;
            }
            return BoolValue.True;
        };
    }

    private Evaluate Either(Conditional conditional, Scope scope)
    {
        var soft = scope with { IsSoft = true };
        var (test, then) = (Expression(conditional.Test, soft), Expression(conditional.Then, soft));
        var otherwise = conditional.Else is { } expression
            ? Expression(expression, soft)
            : Constantly(new UndefinedValue($"the inline if-expression on line {conditional.Line} evaluated to false and no else section was defined."));
        return frame => test(frame).Truth ? then(frame) : otherwise(frame);
    }

    private Evaluate ReadAttribute(AttributeAccess access, Scope scope)
    {
        var (value, name, key) = (Expression(access.Object, scope), access.Attribute, new StrValue(access.Attribute));
        var isPlainKey = !ContainerMethods.IsDictMethod(name) && !name.StartsWith("__", StringComparison.Ordinal);
        return frame =>
        {
            var owner = value(frame);
            frame.Rendering.Charge(1);
            return isPlainKey && owner is DictValue dict ? dict.Find(key) ?? new UndefinedValue(null, owner, key) : Access.Attribute(owner, name, frame.Rendering);
        };
    }

    private Evaluate ReadItem(ItemAccess access, Scope scope)
    {
        var value = Expression(access.Object, scope);
        if (access.Index is SliceBounds slice)
        {
            var (start, stop, step) = (Bound(slice.Start), Bound(slice.Stop), Bound(slice.Step));
            return frame => Indexing.Slice(value(frame), start(frame), stop(frame), step(frame), frame.Rendering);
        }
        var index = Expression(access.Index, scope);
        return frame =>
        {
            var owner = value(frame);
            return Access.Item(owner, index(frame), frame.Rendering);
        };

        Evaluate Bound(Expression? bound) => bound is null ? Constantly(NoneValue.Instance) : Expression(bound, scope);
    }

    private Func<Frame, Arguments> CallArguments(CallArguments arguments, Scope scope)
    {
        if (ReferenceEquals(arguments, Templates.CallArguments.None)) return _ => Templates.Arguments.None;
        var positional = arguments.Positional.Select(p => Expression(p, scope)).ToArray();
        var named = arguments.Named.Select(n => (n.Name, Value: Expression(n.Value, scope))).ToArray();
        var morePositional = arguments.MorePositional is null ? null : Expression(arguments.MorePositional, scope);
        var moreNamed = arguments.MoreNamed is null ? null : Expression(arguments.MoreNamed, scope);
        return frame =>
        {
            var values = new Value[positional.Length];
            for (var i = 0; i < values.Length; i++) values[i] = positional[i](frame);
            var names = named.Length == 0 ? [] : new (string, Value)[named.Length];
            for (var i = 0; i < names.Length; i++) names[i] = (named[i].Name, named[i].Value(frame));
            if (morePositional is not null) values = [.. values, .. Access.ToList(morePositional(frame), frame.Rendering)];
            if (moreNamed is not null) names = [.. names, .. MoreNamed(moreNamed(frame), names, frame.Rendering)];
            return new Arguments(values, names);
        };
    }

    private static List<(string, Value)> MoreNamed(Value value, (string Name, Value)[] given, Rendering rendering)
    {
        if (value is not DictValue dict) throw TemplateFault.Type($"argument after ** must be a mapping, not {value.TypeName}");
        rendering.Reserve(dict.Count);
        var more = new List<(string, Value)>();
        foreach (var (key, item) in dict.Entries)
        {
            if (key is not StrValue name) throw TemplateFault.Type("keywords must be strings");
            if (given.Any(g => g.Name == name.Text)) throw TemplateFault.Type($"got multiple values for keyword argument '{name.Text}'");
            more.Add((name.Text, item));
        }
        return more;
    }

    private Evaluate CallFunction(Call call, Scope scope)
    {
        var (function, arguments) = (Expression(call.Function, scope), CallArguments(call.Arguments, scope));
        return frame =>
        {
            var callee = function(frame);
            frame.Rendering.Charge(1);
            return callee.Invoke(arguments(frame), frame.Rendering);
        };
    }

    private Func<Frame, Value, Value> Filter(FilterCall call, Scope scope)
    {
        // In a chain, the inner filters work on the block's text first.
        var inner = call.Value is FilterCall before ? Filter(before, scope) : null;
        var arguments = CallArguments(call.Arguments, scope);
        if (!Filters.All.TryGetValue(call.Filter, out var filter)) filter = Unknown("filter", call.Filter, call.Line, scope);
        return (frame, value) =>
        {
            if (inner is not null) value = inner(frame, value);
            frame.Rendering.Charge(1 + value.Weight);
            return filter(frame.Rendering, arguments(frame).Before(value));
        };
    }

    private Evaluate FilterValue(FilterCall call, Scope scope)
    {
        var value = Expression(call.Value!, scope);
        var filter = Filter(call with { Value = null }, scope);
        return frame => filter(frame, value(frame));
    }

    private Evaluate TestValue(TestCall call, Scope scope)
    {
        var (value, arguments) = (Expression(call.Value, scope), CallArguments(call.Arguments, scope));
        if (!Tests.All.TryGetValue(call.Test, out var test)) test = Unknown("test", call.Test, call.Line, scope);
        return frame =>
        {
            var tested = value(frame);
            frame.Rendering.Charge(1 + tested.Weight);
            return test(frame.Rendering, arguments(frame).Before(tested));
        };
    }

    private static Func<Rendering, Arguments, Value> Unknown(string kind, string name, int line, Scope scope) => scope.IsSoft
        ? (_, _) => throw TemplateFault.Runtime($"No {kind} named {PyRepr.Of(name)} found.")
        : throw new TemplateFault("TemplateAssertionError", $"No {kind} named {PyRepr.Of(name)}.", line);
}
