namespace OnnxTransformers.Graphs.Operators;

/// <summary>The ONNX operators that this library's networks use, typed: shapes and types are inferred as they are called, and operands that don't fit are refused with both shapes.</summary>
public static partial class Op
{
    /// <summary>a + b, broadcast as NumPy does.</summary>
    public static Value Add(Value a, Value b) => Arithmetic("Add", a, b);

    /// <summary>a - b.</summary>
    public static Value Sub(Value a, Value b) => Arithmetic("Sub", a, b);

    /// <summary>a * b.</summary>
    public static Value Mul(Value a, Value b) => Arithmetic("Mul", a, b);

    /// <summary>a / b; integers are divided towards zero.</summary>
    public static Value Div(Value a, Value b) => Arithmetic("Div", a, b);

    /// <summary>a to the power b.</summary>
    public static Value Pow(Value a, Value b) => Arithmetic("Pow", a, b);

    /// <summary>The smaller of both.</summary>
    public static Value Min(Value a, Value b) => Arithmetic("Min", a, b);

    /// <summary>The larger of both.</summary>
    public static Value Max(Value a, Value b) => Arithmetic("Max", a, b);

    /// <summary>a == b.</summary>
    public static Value Equal(Value a, Value b) => Compare("Equal", a, b);

    /// <summary>a &gt; b.</summary>
    public static Value Greater(Value a, Value b) => Compare("Greater", a, b);

    /// <summary>a &gt;= b.</summary>
    public static Value GreaterOrEqual(Value a, Value b) => Compare("GreaterOrEqual", a, b);

    /// <summary>a &lt; b.</summary>
    public static Value Less(Value a, Value b) => Compare("Less", a, b);

    /// <summary>a &lt;= b.</summary>
    public static Value LessOrEqual(Value a, Value b) => Compare("LessOrEqual", a, b);

    /// <summary>Logical and of booleans.</summary>
    public static Value And(Value a, Value b) => Compare("And", a, b);

    /// <summary>Logical or of booleans.</summary>
    public static Value Or(Value a, Value b) => Compare("Or", a, b);

    /// <summary>Logical negation of booleans.</summary>
    public static Value Not(Value a) => Unary("Not", a);

    /// <summary>-a.</summary>
    public static Value Neg(Value a) => Unary("Neg", a);

    /// <summary>|a|.</summary>
    public static Value Abs(Value a) => Unary("Abs", a);

    /// <summary>e^a.</summary>
    public static Value Exp(Value a) => Unary("Exp", a);

    /// <summary>Natural logarithm.</summary>
    public static Value Log(Value a) => Unary("Log", a);

    /// <summary>Square root.</summary>
    public static Value Sqrt(Value a) => Unary("Sqrt", a);

    /// <summary>1 / a.</summary>
    public static Value Reciprocal(Value a) => Unary("Reciprocal", a);

    /// <summary>Gauss's error function.</summary>
    public static Value Erf(Value a) => Unary("Erf", a);

    /// <summary>Cosine of radians.</summary>
    public static Value Cos(Value a) => Unary("Cos", a);

    /// <summary>Sine of radians.</summary>
    public static Value Sin(Value a) => Unary("Sin", a);

    /// <summary>Hyperbolic tangent.</summary>
    public static Value Tanh(Value a) => Unary("Tanh", a);

    /// <summary>1 / (1 + e^-a).</summary>
    public static Value Sigmoid(Value a) => Unary("Sigmoid", a);

    /// <summary>max(a, 0).</summary>
    public static Value Relu(Value a) => Unary("Relu", a);

    /// <summary>log(1 + e^a).</summary>
    public static Value Softplus(Value a) => Unary("Softplus", a);

    /// <summary>a * tanh(softplus(a)).</summary>
    public static Value Mish(Value a) => Unary("Mish", a);

    /// <summary>a where positive, slope * a elsewhere.</summary>
    public static Value LeakyRelu(Value a, float slope) => a.Graph.Node("LeakyRelu", [a], a.Type, a.Shape, [Attributes.Of("alpha", slope)]);

    /// <summary>a where positive, slope * a elsewhere, with a learned slope that broadcasts to a.</summary>
    public static Value PRelu(Value a, Value slope) => a.Graph.Node("PRelu", [a, slope], a.Type, a.Shape);

    /// <summary>The Gaussian error linear unit: exact by erf, or its tanh approximation.</summary>
    public static Value Gelu(Value a, bool tanh) => a.Graph.Node("Gelu", [a], a.Type, a.Shape, [Attributes.Of("approximate", tanh ? "tanh" : "none")]);

    /// <summary>a limited to [low, high].</summary>
    public static Value Clip(Value a, double low, double high) => a.Graph.Node("Clip", [a, a.Graph.Scalar(low, a.Type), a.Graph.Scalar(high, a.Type)], a.Type, a.Shape);

    /// <summary>Elements of <paramref name="a"/> where the condition holds, of <paramref name="b"/> elsewhere.</summary>
    public static Value Where(Value condition, Value a, Value b)
    {
        var g = condition.Graph;
        if (condition.Type != ElementType.Bool || a.Type != b.Type) throw g.Error($"Where({condition}, {a}, {b}): a boolean and two values of one type are needed");
        var shape = Shape.Broadcast(a.Shape, b.Shape) is { } ab ? Shape.Broadcast(condition.Shape, ab) : null;
        return g.Node("Where", [condition, a, b], a.Type, shape ?? throw g.Error($"Where({condition}, {a}, {b}): the shapes don't fit"));
    }

    /// <summary>The elements converted to another type.</summary>
    public static Value Cast(Value a, ElementType to) => a.Type == to ? a : a.Graph.Node("Cast", [a], to, a.Shape, [Attributes.Of("to", (long)to)]);

    private static Value Unary(string op, Value a) => a.Graph.Node(op, [a], a.Type, a.Shape);

    private static Value Arithmetic(string op, Value a, Value b) => Binary(op, a, b, a.Type);

    private static Value Compare(string op, Value a, Value b) => Binary(op, a, b, ElementType.Bool);

    private static Value Binary(string op, Value a, Value b, ElementType result)
    {
        if (a.Type != b.Type) throw a.Graph.Error($"{op}({a}, {b}): the types differ");
        return a.Graph.Node(op, [a, b], result, Shape.Broadcast(a.Shape, b.Shape) ?? throw a.Graph.Error($"{op}({a}, {b}): the shapes don't fit"));
    }
}
