namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>What a token is; the names are those that Jinja's messages use.</summary>
internal static class TokenKind
{
    internal const string Data = "data", VariableBegin = "variable_begin", VariableEnd = "variable_end", BlockBegin = "block_begin", BlockEnd = "block_end",
        Name = "name", String = "string", Integer = "integer", Float = "float", Eof = "eof";

    /// <summary>Operators, longest first within a first character.</summary>
    internal static readonly (string Text, string Kind)[] Operators =
    [
        ("//", "floordiv"), ("**", "pow"), ("==", "eq"), ("!=", "ne"), (">=", "gteq"), ("<=", "lteq"),
        ("+", "add"), ("-", "sub"), ("/", "div"), ("*", "mul"), ("%", "mod"), ("~", "tilde"), ("[", "lbracket"), ("]", "rbracket"), ("(", "lparen"), (")", "rparen"),
        ("{", "lbrace"), ("}", "rbrace"), (">", "gt"), ("<", "lt"), ("=", "assign"), (".", "dot"), (":", "colon"), ("|", "pipe"), (",", "comma"), (";", "semicolon"),
    ];

    private static readonly Dictionary<string, string> Descriptions = new(StringComparer.Ordinal)
    {
        [Data] = "template data / text",
        [VariableBegin] = "begin of print statement",
        [VariableEnd] = "end of print statement",
        [BlockBegin] = "begin of statement block",
        [BlockEnd] = "end of statement block",
        [Eof] = "end of template",
    };

    internal static string Describe(string kind)
    {
        foreach (var (text, name) in Operators)
            if (name == kind) return text;
        return Descriptions.GetValueOrDefault(kind, kind);
    }
}

/// <summary>One token: a text for names, operators and data, a number for literals.</summary>
internal readonly record struct Token(int Line, string Kind, string Text, Value? Number = null)
{
    internal bool Is(string kind) => Kind == kind;

    internal bool IsName(string name) => Kind == TokenKind.Name && Text == name;

    internal string Describe() => Kind == TokenKind.Name ? Text : TokenKind.Describe(Kind);
}
