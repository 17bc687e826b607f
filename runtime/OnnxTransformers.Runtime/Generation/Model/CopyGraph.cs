using System.Collections.Immutable;

namespace OnnxTransformers.Generation;

/// <summary>ONNX graphs of one operator that copy a part of a tensor. Field numbers are those of onnx.proto.</summary>
internal static class CopyGraph
{
    private static readonly Dictionary<string, ImmutableArray<string>> OtherInputs = new(StringComparer.Ordinal) { ["Gather"] = ["indices"], ["Slice"] = ["starts", "ends", "axes"], ["Expand"] = ["shape"] };

    /// <summary>The bytes of a model with inputs x, of any shape, and the operator's own of int64; its output is y.</summary>
    internal static byte[] Write(ElementType type, int rank, string op)
    {
        var node = new ProtoWriter().Text(1, "x");
        foreach (var input in OtherInputs[op]) node.Text(1, input);
        node.Text(2, "y").Text(4, op);
        var graph = new ProtoWriter().Message(1, node).Text(2, op).Message(11, Tensor("x", type, rank));
        foreach (var input in OtherInputs[op]) graph.Message(11, Tensor(input, ElementType.Int64, 1));
        graph.Message(12, Tensor("y", type, rank));
        return new ProtoWriter().Number(1, 10).Message(7, graph).Message(8, new ProtoWriter().Number(2, 21)).ToArray();
    }

    private static ProtoWriter Tensor(string name, ElementType type, int rank)
    {
        var dimensions = new ProtoWriter();
        for (var i = 0; i < rank; i++) dimensions.Message(1, new ProtoWriter().Text(2, $"{name}_{i}"));
        return new ProtoWriter().Text(1, name).Message(2, new ProtoWriter().Message(1, new ProtoWriter().Number(1, (int)type).Message(2, dimensions)));
    }
}
