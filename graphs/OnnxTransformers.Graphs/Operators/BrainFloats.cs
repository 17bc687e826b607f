using System.Collections.Frozen;

namespace OnnxTransformers.Graphs.Operators;

/// <summary>Operators that don't take bfloat16: ONNX's own of opset 21, and those that ONNX Runtime has no CUDA kernel of. They compute in float32 instead.</summary>
internal static class BrainFloats
{
    private static readonly FrozenSet<string> Widened = FrozenSet.ToFrozenSet(
        [
            "AveragePool", "BatchNormalization", "Clip", "Conv", "ConvTranspose", "Cos", "CumSum", "Elu", "GlobalAveragePool", "GlobalMaxPool", "GridSample", "HardSigmoid", "HardSwish", "InstanceNormalization", "LeakyRelu", "Log",
            "MaxPool", "Mish", "NonZero", "Pow", "PRelu", "Reciprocal", "ReduceL2", "ReduceMax", "ReduceMin", "ReduceProd", "Resize", "Round", "Selu", "Sin", "Softplus", "TopK",
        ], StringComparer.Ordinal);

    /// <summary>Whether an operator is one of these.</summary>
    internal static bool AreWidenedFor(string op) => Widened.Contains(op);
}
