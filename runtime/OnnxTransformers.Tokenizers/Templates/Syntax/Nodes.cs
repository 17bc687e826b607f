namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>A part of a template as written. Children are listed in the order in which the reference visits them: it decides which name is declared
/// first.</summary>
internal abstract record Node(int Line)
{
    internal virtual IEnumerable<Node?> Children => [];
}

internal abstract record Expression(int Line) : Node(Line);

internal abstract record Statement(int Line) : Node(Line);

internal enum NameUse { Load, Store, Parameter }

internal sealed record Name(string Text, NameUse Use, int Line) : Expression(Line);

/// <summary><c>{% set ns.attribute = ... %}</c></summary>
internal sealed record NamespaceTarget(string Namespace, string Attribute, int Line) : Expression(Line);

internal sealed record Constant(Value Value, int Line) : Expression(Line);

internal sealed record TupleLiteral(IReadOnlyList<Expression> Items, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => Items;
}

internal sealed record ListLiteral(IReadOnlyList<Expression> Items, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => Items;
}

internal sealed record DictLiteral(IReadOnlyList<(Expression Key, Expression Value)> Items, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => Items.SelectMany(i => new Node?[] { i.Key, i.Value });
}

internal sealed record Unary(string Operator, Expression Operand, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => [Operand];
}

internal sealed record Binary(string Operator, Expression Left, Expression Right, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => [Left, Right];
}

/// <summary><c>a ~ b ~ c</c></summary>
internal sealed record Concatenation(IReadOnlyList<Expression> Items, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => Items;
}

/// <summary><c>a &lt; b &lt;= c</c></summary>
internal sealed record Comparison(Expression First, IReadOnlyList<(string Operator, Expression Operand)> Rest, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => Rest.Select(r => (Node?)r.Operand).Prepend(First);
}

internal sealed record Conditional(Expression Test, Expression Then, Expression? Else, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => [Test, Then, Else];
}

internal sealed record AttributeAccess(Expression Object, string Attribute, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => [Object];
}

internal sealed record ItemAccess(Expression Object, Expression Index, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => [Object, Index];
}

internal sealed record SliceBounds(Expression? Start, Expression? Stop, Expression? Step, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => [Start, Stop, Step];
}

internal sealed record CallArguments(IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named, Expression? MorePositional, Expression? MoreNamed)
{
    internal static readonly CallArguments None = new([], [], null, null);

    internal IEnumerable<Node?> Children => [.. Positional, .. Named.Select(n => n.Value), MorePositional, MoreNamed];
}

internal sealed record Call(Expression Function, CallArguments Arguments, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => Arguments.Children.Prepend(Function);
}

/// <summary>A filter; without a value it works on the body of the block that it belongs to.</summary>
internal sealed record FilterCall(Expression? Value, string Filter, CallArguments Arguments, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => Arguments.Children.Prepend(Value);
}

internal sealed record TestCall(Expression Value, string Test, CallArguments Arguments, int Line) : Expression(Line)
{
    internal override IEnumerable<Node?> Children => Arguments.Children.Prepend(Value);
}

/// <summary>Template text.</summary>
internal sealed record TextData(string Text, int Line) : Expression(Line);

internal sealed record Output(IReadOnlyList<Expression> Items, int Line) : Statement(Line)
{
    internal override IEnumerable<Node?> Children => Items;
}

internal sealed record For(Expression Target, Expression Iterable, IReadOnlyList<Statement> Body, IReadOnlyList<Statement> Else, Expression? Test, bool Recursive, int Line) : Statement(Line)
{
    internal override IEnumerable<Node?> Children => [Target, Iterable, .. Body, .. Else, Test];
}

internal sealed record If(Expression Test, IReadOnlyList<Statement> Body, IReadOnlyList<If> ElseIf, IReadOnlyList<Statement> Else, int Line) : Statement(Line)
{
    internal override IEnumerable<Node?> Children => [Test, .. Body, .. ElseIf, .. Else];
}

internal sealed record Set(Expression Target, Expression Value, int Line) : Statement(Line)
{
    internal override IEnumerable<Node?> Children => [Target, Value];
}

internal sealed record SetBlock(Expression Target, FilterCall? Filter, IReadOnlyList<Statement> Body, int Line) : Statement(Line)
{
    internal override IEnumerable<Node?> Children => [Target, Filter, .. Body];
}

internal sealed record With(IReadOnlyList<Expression> Targets, IReadOnlyList<Expression> Values, IReadOnlyList<Statement> Body, int Line) : Statement(Line)
{
    internal override IEnumerable<Node?> Children => [.. Targets, .. Values, .. Body];
}

/// <summary>What macros and call blocks share.</summary>
internal sealed record MacroSignature(IReadOnlyList<Name> Parameters, IReadOnlyList<Expression> Defaults)
{
    internal IEnumerable<Node?> Children => [.. Parameters, .. Defaults];
}

internal sealed record Macro(string Name, MacroSignature Signature, IReadOnlyList<Statement> Body, int Line) : Statement(Line)
{
    internal override IEnumerable<Node?> Children => [.. Signature.Children, .. Body];
}

internal sealed record CallBlock(Call Call, MacroSignature Signature, IReadOnlyList<Statement> Body, int Line) : Statement(Line)
{
    internal override IEnumerable<Node?> Children => [Call, .. Signature.Children, .. Body];
}

/// <summary><c>{% generation %}</c>: the reference makes it a call block around the same text.</summary>
internal sealed record Generation(IReadOnlyList<Statement> Body, int Line) : Statement(Line)
{
    internal override IEnumerable<Node?> Children => Body;
}

internal sealed record FilterBlock(FilterCall Filter, IReadOnlyList<Statement> Body, int Line) : Statement(Line)
{
    internal override IEnumerable<Node?> Children => [.. Body, Filter];
}

internal sealed record Block(string Name, bool Scoped, bool Required, IReadOnlyList<Statement> Body, int Line) : Statement(Line)
{
    internal override IEnumerable<Node?> Children => Body;
}

internal sealed record LoopControl(bool IsBreak, int Line) : Statement(Line);

/// <summary>include, import, from and extends: they need a loader, and chat templates have none.</summary>
internal sealed record LoadOther(string Tag, Expression Template, int Line) : Statement(Line)
{
    internal override IEnumerable<Node?> Children => [Template];
}
