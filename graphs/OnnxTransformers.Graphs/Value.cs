using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs;

/// <summary>A tensor that a graph computes: its name, element type and shape are known as soon as it exists.</summary>
public sealed class Value
{
    internal Value(Graph graph, string name, ElementType type, Shape shape) => (Graph, Name, Type, Shape) = (graph, name, type, shape);

    /// <summary>The graph that it belongs to.</summary>
    public Graph Graph { get; }

    /// <summary>Its name in the graph.</summary>
    public string Name { get; }

    /// <summary>Type of its elements.</summary>
    public ElementType Type { get; }

    /// <summary>Its dimensions.</summary>
    public Shape Shape { get; }

    /// <summary>The name with type and shape, as messages show it.</summary>
    public override string ToString() => $"{Name} {Type}{Shape}";

    /// <summary>Elementwise sum.</summary>
    public static Value operator +(Value a, Value b) => Op.Add(a, b);

    /// <summary>Elementwise difference.</summary>
    public static Value operator -(Value a, Value b) => Op.Sub(a, b);

    /// <summary>Elementwise product.</summary>
    public static Value operator *(Value a, Value b) => Op.Mul(a, b);

    /// <summary>Elementwise quotient.</summary>
    public static Value operator /(Value a, Value b) => Op.Div(a, b);

    /// <summary>Sum with a constant of this value's type.</summary>
    public static Value operator +(Value a, double b) => Op.Add(a, a.Graph.Scalar(b, a.Type));

    /// <summary>Difference to a constant of this value's type.</summary>
    public static Value operator -(Value a, double b) => Op.Sub(a, a.Graph.Scalar(b, a.Type));

    /// <summary>Product with a constant of this value's type.</summary>
    public static Value operator *(Value a, double b) => Op.Mul(a, a.Graph.Scalar(b, a.Type));

    /// <summary>Quotient by a constant of this value's type.</summary>
    public static Value operator /(Value a, double b) => Op.Div(a, a.Graph.Scalar(b, a.Type));

    /// <summary>Elementwise negation.</summary>
    public static Value operator -(Value a) => Op.Neg(a);
}
