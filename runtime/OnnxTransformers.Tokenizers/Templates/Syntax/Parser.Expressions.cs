namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Expressions, from the loosest operator to the tightest.</summary>
internal sealed partial class Parser
{
    private static readonly HashSet<string> Comparisons = new(StringComparer.Ordinal) { "eq", "ne", "lt", "lteq", "gt", "gteq" };

    private static readonly Dictionary<string, Value> Constants = new(StringComparer.Ordinal)
    {
        ["true"] = BoolValue.True,
        ["True"] = BoolValue.True,
        ["false"] = BoolValue.False,
        ["False"] = BoolValue.False,
        ["none"] = NoneValue.Instance,
        ["None"] = NoneValue.Instance,
    };

    private static readonly HashSet<string> StartsTestArgument = new(StringComparer.Ordinal)
    {
        TokenKind.Name, TokenKind.String, TokenKind.Integer, TokenKind.Float, "lparen", "lbracket", "lbrace",
    };

    private Name ParseNameTarget()
    {
        var token = Expect(TokenKind.Name);
        if (Constants.ContainsKey(token.Text)) throw Fail("can't assign to 'name'", token.Line);
        return new Name(token.Text, NameUse.Store, token.Line);
    }

    private Expression ParseTarget(bool withNamespace = false, string? end = null) => AsTarget(ParseTuple(simple: true, end: end, withNamespace: withNamespace));

    private Expression AsTarget(Expression target) => target switch
    {
        Name name => name with { Use = NameUse.Store },
        TupleLiteral tuple => tuple with { Items = [.. tuple.Items.Select(AsTarget)] },
        NamespaceTarget => target,
        Constant => throw Fail("can't assign to 'const'", target.Line),
        _ => throw Fail($"can't assign to '{(target is ListLiteral ? "list" : "dict")}'", target.Line),
    };

    private Expression ParseTuple(bool simple = false, bool conditional = true, string? end = null, bool inParentheses = false, bool withNamespace = false)
    {
        var line = Current.Line;
        var items = new List<Expression>();
        var isTuple = false;
        while (true)
        {
            if (items.Count > 0) Expect("comma");
            if (Current.Is(TokenKind.VariableEnd) || Current.Is(TokenKind.BlockEnd) || Current.Is("rparen") || (end is not null && Current.IsName(end))) break;
            items.Add(simple ? ParsePrimary(withNamespace) : ParseExpression(conditional));
            if (!Current.Is("comma")) break;
            isTuple = true;
            line = Current.Line;
        }
        if (isTuple) return new TupleLiteral(items, line);
        if (items.Count > 0) return items[0];
        return inParentheses ? new TupleLiteral(items, line) : throw Fail($"Expected an expression, got {PyRepr.Of(Current.Describe())}");
    }

    private Expression ParseExpression(bool conditional = true)
    {
        Deeper();
        var result = conditional ? ParseConditional() : ParseOr();
        _depth--;
        return result;
    }

    private Expression ParseConditional()
    {
        var line = Current.Line;
        var then = ParseOr();
        while (SkipName("if"))
        {
            var test = ParseOr();
            Expression? otherwise = null;
            if (SkipName("else"))
            {
                Deeper();
                otherwise = ParseConditional();
                _depth--;
            }
            then = new Conditional(test, then, otherwise, line);
            line = Current.Line;
        }
        return then;
    }

    private Expression ParseOr()
    {
        var left = ParseAnd();
        while (SkipName("or")) left = new Binary("or", left, ParseAnd(), left.Line);
        return left;
    }

    private Expression ParseAnd()
    {
        var left = ParseNot();
        while (SkipName("and")) left = new Binary("and", left, ParseNot(), left.Line);
        return left;
    }

    private Expression ParseNot()
    {
        if (!Current.IsName("not")) return ParseComparison();
        Deeper();
        var line = Next().Line;
        var result = new Unary("not", ParseNot(), line);
        _depth--;
        return result;
    }

    private Expression ParseComparison()
    {
        var first = ParseSum();
        var rest = new List<(string, Expression)>();
        while (true)
        {
            if (Comparisons.Contains(Current.Kind)) rest.Add((Next().Kind, ParseSum()));
            else if (SkipName("in")) rest.Add(("in", ParseSum()));
            else if (Current.IsName("not") && Ahead.IsName("in"))
            {
                Next();
                Next();
                rest.Add(("notin", ParseSum()));
            }
            else break;
        }
        return rest.Count == 0 ? first : new Comparison(first, rest, first.Line);
    }

    private Expression ParseSum()
    {
        var left = ParseConcatenation();
        while (Current.Is("add") || Current.Is("sub")) left = new Binary(Next().Text, left, ParseConcatenation(), left.Line);
        return left;
    }

    private Expression ParseConcatenation()
    {
        var first = ParseProduct();
        if (!Current.Is("tilde")) return first;
        var items = new List<Expression> { first };
        while (Skip("tilde")) items.Add(ParseProduct());
        return new Concatenation(items, first.Line);
    }

    private Expression ParseProduct()
    {
        var left = ParsePower();
        while (Current.Kind is "mul" or "div" or "floordiv" or "mod") left = new Binary(Next().Text, left, ParsePower(), left.Line);
        return left;
    }

    private Expression ParsePower()
    {
        var left = ParseUnary();
        while (Current.Is("pow")) left = new Binary(Next().Text, left, ParseUnary(), left.Line);
        return left;
    }

    private Expression ParseUnary(bool filters = true)
    {
        Expression node;
        if (Current.Is("sub") || Current.Is("add"))
        {
            Deeper();
            var sign = Next();
            node = new Unary(sign.Text, ParseUnary(filters: false), sign.Line);
            _depth--;
        }
        else node = ParsePrimary();
        node = ParsePostfix(node);
        return filters ? ParseFiltersAndTests(node) : node;
    }

    private Expression ParsePrimary(bool withNamespace = false)
    {
        var token = Current;
        if (token.Is(TokenKind.Name))
        {
            Next();
            if (Constants.TryGetValue(token.Text, out var constant)) return new Constant(constant, token.Line);
            if (withNamespace && Skip("dot")) return new NamespaceTarget(token.Text, Expect(TokenKind.Name).Text, token.Line);
            return new Name(token.Text, NameUse.Load, token.Line);
        }
        if (token.Is(TokenKind.String))
        {
            var text = Next().Text;
            while (Current.Is(TokenKind.String)) text += Next().Text;
            return new Constant(new StrValue(text), token.Line);
        }
        if (token.Number is { } number)
        {
            Next();
            return new Constant(number, token.Line);
        }
        if (token.Is("lbracket")) return ParseList();
        if (token.Is("lbrace")) return ParseDict();
        if (!token.Is("lparen")) throw Fail($"unexpected {PyRepr.Of(token.Describe())}");
        Deeper();
        Next();
        var inner = ParseTuple(inParentheses: true);
        Expect("rparen");
        _depth--;
        return inner;
    }

    private ListLiteral ParseList()
    {
        var line = Next().Line;
        var items = new List<Expression>();
        while (!Current.Is("rbracket"))
        {
            if (items.Count > 0) Expect("comma");
            if (Current.Is("rbracket")) break;
            items.Add(ParseExpression());
        }
        Next();
        return new ListLiteral(items, line);
    }

    private DictLiteral ParseDict()
    {
        var line = Next().Line;
        var items = new List<(Expression, Expression)>();
        while (!Current.Is("rbrace"))
        {
            if (items.Count > 0) Expect("comma");
            if (Current.Is("rbrace")) break;
            var key = ParseExpression();
            Expect("colon");
            items.Add((key, ParseExpression()));
        }
        Next();
        return new DictLiteral(items, line);
    }

    private Expression ParsePostfix(Expression node)
    {
        while (true)
        {
            if (Current.Is("dot") || Current.Is("lbracket")) node = ParseSubscript(node);
            else if (Current.Is("lparen")) node = ParseCall(node);
            else return node;
        }
    }

    private Expression ParseFiltersAndTests(Expression node)
    {
        while (true)
        {
            if (Current.Is("pipe")) node = ParseFilters(node)!;
            else if (Current.IsName("is")) node = ParseTest(node);
            else if (Current.Is("lparen")) node = ParseCall(node);
            else return node;
        }
    }

    private Expression ParseSubscript(Expression node)
    {
        var token = Next();
        if (token.Is("dot"))
        {
            var attribute = Next();
            if (attribute.Is(TokenKind.Name)) return new AttributeAccess(node, attribute.Text, token.Line);
            if (!attribute.Is(TokenKind.Integer)) throw Fail("expected name or number", attribute.Line);
            return new ItemAccess(node, new Constant(attribute.Number!, attribute.Line), token.Line);
        }
        var indexes = new List<Expression>();
        while (!Current.Is("rbracket"))
        {
            if (indexes.Count > 0) Expect("comma");
            indexes.Add(ParseIndex());
        }
        Next();
        return new ItemAccess(node, indexes.Count == 1 ? indexes[0] : new TupleLiteral(indexes, token.Line), token.Line);
    }

    private Expression ParseIndex()
    {
        var line = Current.Line;
        Expression? start = null;
        if (!Skip("colon"))
        {
            start = ParseExpression();
            if (!Skip("colon")) return start;
        }
        Expression? stop = null, step = null;
        if (Current.Kind is not ("colon" or "rbracket" or "comma")) stop = ParseExpression();
        if (Skip("colon") && Current.Kind is not ("rbracket" or "comma")) step = ParseExpression();
        return new SliceBounds(start, stop, step, line);
    }

    private CallArguments ParseArguments()
    {
        var open = Expect("lparen");
        var positional = new List<Expression>();
        var named = new List<(string, Expression)>();
        Expression? morePositional = null, moreNamed = null;
        var comma = false;
        while (!Current.Is("rparen"))
        {
            if (comma)
            {
                Expect("comma");
                if (Current.Is("rparen")) break;
            }
            comma = true;
            if (Current.Is("mul"))
            {
                Ensure(morePositional is null && moreNamed is null);
                Next();
                morePositional = ParseExpression();
            }
            else if (Current.Is("pow"))
            {
                Ensure(moreNamed is null);
                Next();
                moreNamed = ParseExpression();
            }
            else if (Current.Is(TokenKind.Name) && Ahead.Is("assign"))
            {
                Ensure(moreNamed is null);
                var name = Next().Text;
                Next();
                if (named.Any(n => n.Item1 == name)) throw Fail($"keyword argument repeated: {name}");
                named.Add((name, ParseExpression()));
            }
            else
            {
                Ensure(morePositional is null && moreNamed is null && named.Count == 0);
                positional.Add(ParseExpression());
            }
        }
        Expect("rparen");
        return positional.Count + named.Count == 0 && morePositional is null && moreNamed is null ? CallArguments.None : new CallArguments(positional, named, morePositional, moreNamed);

        void Ensure(bool allowed)
        {
            if (!allowed) throw Fail("invalid syntax for function call expression", open.Line);
        }
    }

    private Call ParseCall(Expression function)
    {
        var line = Current.Line;
        return new Call(function, ParseArguments(), line);
    }

    private string ParseDottedName()
    {
        var name = Expect(TokenKind.Name).Text;
        while (Skip("dot")) name += "." + Expect(TokenKind.Name).Text;
        return name;
    }

    private Expression? ParseFilters(Expression? node, bool startsInline = false)
    {
        while (startsInline || Current.Is("pipe"))
        {
            if (!startsInline) Next();
            startsInline = false;
            var line = Current.Line;
            var name = ParseDottedName();
            node = new FilterCall(node, name, Current.Is("lparen") ? ParseArguments() : CallArguments.None, line);
        }
        return node;
    }

    private Expression ParseTest(Expression node)
    {
        var line = Next().Line;
        var negated = SkipName("not");
        var name = ParseDottedName();
        var arguments = CallArguments.None;
        if (Current.Is("lparen")) arguments = ParseArguments();
        else if (StartsTestArgument.Contains(Current.Kind) && !Current.IsName("else") && !Current.IsName("or") && !Current.IsName("and"))
        {
            if (Current.IsName("is")) throw Fail("You cannot chain multiple tests with is");
            arguments = new CallArguments([ParsePostfix(ParsePrimary())], [], null, null);
        }
        Expression test = new TestCall(node, name, arguments, line);
        return negated ? new Unary("not", test, line) : test;
    }
}
