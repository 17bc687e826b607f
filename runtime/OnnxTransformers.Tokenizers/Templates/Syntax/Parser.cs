namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Parses statements; expressions are in the other part. Reference: jinja2/parser.py.</summary>
internal sealed partial class Parser
{
    private const int MostNested = 200;

    /// <summary>Tags and what parses each.</summary>
    private static readonly Dictionary<string, Func<Parser, Statement>> Tags = new(StringComparer.Ordinal)
    {
        ["for"] = p => p.ParseFor(),
        ["if"] = p => p.ParseIf(),
        ["set"] = p => p.ParseSet(),
        ["with"] = p => p.ParseWith(),
        ["print"] = p => p.ParsePrint(),
        ["macro"] = p => p.ParseMacro(),
        ["call"] = p => p.ParseCallBlock(),
        ["filter"] = p => p.ParseFilterBlock(),
        ["block"] = p => p.ParseBlock(),
        ["generation"] = p => p.ParseGeneration(),
        ["break"] = p => new LoopControl(true, p.Next().Line),
        ["continue"] = p => new LoopControl(false, p.Next().Line),
        ["include"] = p => p.ParseLoad(),
        ["import"] = p => p.ParseLoad(),
        ["from"] = p => p.ParseLoad(),
        ["extends"] = p => p.ParseLoad(),
        ["autoescape"] = p => p.RefuseAutoescape(),
    };

    private readonly List<Token> _tokens;
    private readonly Stack<string> _openTags = new();
    private readonly Stack<string[]> _endTags = new();
    private int _at, _depth;

    private Parser(List<Token> tokens) => _tokens = tokens;

    internal static IReadOnlyList<Statement> Parse(string source) => new Parser(Lexer.Tokenize(source)).ParseBody(null);

    private Token Current => _tokens[_at];

    private Token Ahead => _tokens[Math.Min(_at + 1, _tokens.Count - 1)];

    private Token Next() => _at < _tokens.Count - 1 ? _tokens[_at++] : _tokens[_at];

    private bool Skip(string kind)
    {
        if (!Current.Is(kind)) return false;
        Next();
        return true;
    }

    private bool SkipName(string name)
    {
        if (!Current.IsName(name)) return false;
        Next();
        return true;
    }

    private Token Expect(string kind) => Current.Is(kind) ? Next() : throw Unexpected(TokenKind.Describe(kind));

    private Token ExpectName(string name) => Current.IsName(name) ? Next() : throw Unexpected(name);

    private TemplateFault Unexpected(string expected) => Current.Is(TokenKind.Eof)
        ? Fail($"unexpected end of template, expected '{expected}'.")
        : Fail($"expected token '{expected}', got {PyRepr.Of(Current.Describe())}");

    private TemplateFault Fail(string message, int? line = null) => TemplateFault.Syntax(message, line ?? Current.Line);

    private void Deeper()
    {
        if (++_depth > MostNested) throw Fail($"the template nests more than {MostNested} deep");
    }

    private List<Statement> ParseBody(string[]? ends)
    {
        Deeper();
        var body = new List<Statement>();
        var data = new List<Expression>();
        if (ends is not null) _endTags.Push(ends);
        while (!Current.Is(TokenKind.Eof))
        {
            if (Current.Is(TokenKind.Data)) data.Add(new TextData(Current.Text, Next().Line));
            else if (Skip(TokenKind.VariableBegin))
            {
                data.Add(ParseTuple());
                Expect(TokenKind.VariableEnd);
            }
            else
            {
                Flush();
                Expect(TokenKind.BlockBegin);
                if (ends is not null && Current.Is(TokenKind.Name) && ends.Contains(Current.Text)) break;
                body.Add(ParseStatement());
                Expect(TokenKind.BlockEnd);
            }
        }
        Flush();
        if (ends is not null) _endTags.Pop();
        _depth--;
        return body;

        void Flush()
        {
            if (data.Count == 0) return;
            body.Add(new Output([.. data], data[0].Line));
            data.Clear();
        }
    }

    /// <summary>The rest of a tag, its body and, where asked, the name of the tag that ends it.</summary>
    private List<Statement> ParseStatements(string[] ends, bool drop)
    {
        Skip("colon");
        Expect(TokenKind.BlockEnd);
        var body = ParseBody(ends);
        if (Current.Is(TokenKind.Eof))
        {
            _endTags.Push(ends);
            throw UnknownTag(null, Current.Line);
        }
        if (drop) Next();
        return body;
    }

    private Statement ParseStatement()
    {
        var token = Current;
        if (!token.Is(TokenKind.Name)) throw Fail("tag name expected");
        if (!Tags.TryGetValue(token.Text, out var parse)) throw UnknownTag(token.Text, token.Line);
        _openTags.Push(token.Text);
        var statement = parse(this);
        _openTags.Pop();
        return statement;
    }

    private TemplateFault UnknownTag(string? name, int line)
    {
        var message = name is null ? "Unexpected end of template." : $"Encountered unknown tag '{name}'.";
        if (_endTags.TryPeek(out var ends))
        {
            var looking = string.Join(" or ", ends.Select(e => $"'{e}'"));
            message += name is not null && _endTags.Any(e => e.Contains(name))
                ? $" You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for {looking}."
                : $" Jinja was looking for the following tags: {looking}.";
        }
        if (_openTags.TryPeek(out var open)) message += $" The innermost block that needs to be closed is '{open}'.";
        return Fail(message, line);
    }

    private Statement ParseSet()
    {
        var line = Next().Line;
        var target = ParseTarget(withNamespace: true);
        if (Skip("assign")) return new Set(target, ParseTuple(), line);
        var filter = (FilterCall?)ParseFilters(null);
        return new SetBlock(target, filter, ParseStatements(["endset"], drop: true), line);
    }

    private For ParseFor()
    {
        var line = Next().Line;
        var target = ParseTarget(end: "in");
        ExpectName("in");
        var iterable = ParseTuple(conditional: false, end: "recursive");
        var test = SkipName("if") ? ParseExpression() : null;
        var recursive = SkipName("recursive");
        var body = ParseStatements(["endfor", "else"], drop: false);
        var rest = Next().Text == "endfor" ? [] : ParseStatements(["endfor"], drop: true);
        return new For(target, iterable, body, rest, test, recursive, line);
    }

    private If ParseIf()
    {
        var branches = new List<If>();
        IReadOnlyList<Statement> rest = [];
        var line = Next().Line;
        while (true)
        {
            var test = ParseTuple(conditional: false);
            branches.Add(new If(test, ParseStatements(["elif", "else", "endif"], drop: false), [], [], line));
            line = Current.Line;
            var tag = Next().Text;
            if (tag == "elif") continue;
            if (tag == "else") rest = ParseStatements(["endif"], drop: true);
            break;
        }
        return branches[0] with { ElseIf = branches[1..], Else = rest };
    }

    private With ParseWith()
    {
        var line = Next().Line;
        var targets = new List<Expression>();
        var values = new List<Expression>();
        while (!Current.Is(TokenKind.BlockEnd))
        {
            if (targets.Count > 0) Expect("comma");
            targets.Add(AsParameter(ParseTarget()));
            Expect("assign");
            values.Add(ParseExpression());
        }
        return new With(targets, values, ParseStatements(["endwith"], drop: true), line);
    }

    private static Expression AsParameter(Expression target) => target switch
    {
        Name name => name with { Use = NameUse.Parameter },
        TupleLiteral tuple => tuple with { Items = [.. tuple.Items.Select(AsParameter)] },
        _ => target,
    };

    private Output ParsePrint()
    {
        var line = Next().Line;
        var items = new List<Expression>();
        while (!Current.Is(TokenKind.BlockEnd))
        {
            if (items.Count > 0) Expect("comma");
            items.Add(ParseExpression());
        }
        return new Output(items, line);
    }

    private MacroSignature ParseSignature()
    {
        var parameters = new List<Name>();
        var defaults = new List<Expression>();
        Expect("lparen");
        while (!Current.Is("rparen"))
        {
            if (parameters.Count > 0) Expect("comma");
            var parameter = ParseNameTarget() with { Use = NameUse.Parameter };
            if (Skip("assign")) defaults.Add(ParseExpression());
            else if (defaults.Count > 0) throw Fail("non-default argument follows default argument");
            if (parameters.Any(p => p.Text == parameter.Text)) throw Fail($"duplicate argument '{parameter.Text}' in function definition");
            parameters.Add(parameter);
        }
        Expect("rparen");
        return new MacroSignature(parameters, defaults);
    }

    private Macro ParseMacro()
    {
        var line = Next().Line;
        var name = ParseNameTarget().Text;
        var signature = ParseSignature();
        return new Macro(name, signature, ParseStatements(["endmacro"], drop: true), line);
    }

    private CallBlock ParseCallBlock()
    {
        var line = Next().Line;
        var signature = Current.Is("lparen") ? ParseSignature() : new MacroSignature([], []);
        if (ParseExpression() is not Call call) throw Fail("expected call", line);
        return new CallBlock(call, signature, ParseStatements(["endcall"], drop: true), line);
    }

    private FilterBlock ParseFilterBlock()
    {
        var line = Next().Line;
        var filter = (FilterCall)ParseFilters(null, startsInline: true)!;
        return new FilterBlock(filter, ParseStatements(["endfilter"], drop: true), line);
    }

    private Generation ParseGeneration()
    {
        var line = Next().Line;
        return new Generation(ParseStatements(["endgeneration"], drop: true), line);
    }

    private Block ParseBlock()
    {
        var line = Next().Line;
        var name = Expect(TokenKind.Name).Text;
        var scoped = SkipName("scoped");
        var required = SkipName("required");
        if (Current.Is("sub")) throw Fail("Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an underscore instead.");
        var body = ParseStatements(["endblock"], drop: true);
        if (required && body.Any(s => s is not Output output || output.Items.Any(i => i is not TextData text || !text.Text.All(PyText.IsSpace))))
            throw Fail("Required blocks can only contain comments or whitespace");
        SkipName(name);
        return new Block(name, scoped, required, body, line);
    }

    private LoadOther ParseLoad()
    {
        var tag = Next();
        var template = ParseExpression();
        if (tag.Text == "include" && Current.IsName("ignore") && Ahead.IsName("missing")) SkipTwo();
        if (tag.Text == "import")
        {
            ExpectName("as");
            ParseNameTarget();
        }
        if (tag.Text == "from") ParseImportedNames();
        if (IsContextClause()) SkipTwo();
        return new LoadOther(tag.Text, template, tag.Line);
    }

    private bool IsContextClause() => (Current.IsName("with") || Current.IsName("without")) && Ahead.IsName("context");

    private void SkipTwo()
    {
        Next();
        Next();
    }

    private void ParseImportedNames()
    {
        ExpectName("import");
        do
        {
            if (IsContextClause()) return;
            var name = ParseNameTarget();
            if (name.Text.StartsWith('_')) throw Fail("names starting with an underline can not be imported", name.Line);
            if (SkipName("as")) ParseNameTarget();
        }
        while (Skip("comma"));
    }

    private Statement RefuseAutoescape() => throw Fail("the tag 'autoescape' is not supported: chat templates are rendered without escaping");
}
