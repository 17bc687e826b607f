using OnnxTransformers.Graphs.Operators;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>A gated expert's matrices.</summary>
/// <param name="Stored">Those that its own graph multiplies with: all of them are quantized, or none is.</param>
/// <param name="Input">Rows of gate and up in turn, [2 * width, D].</param>
/// <param name="Output">[D, width].</param>
internal sealed record ExpertMatrices(Weight[] Stored, Weight Input, Weight Output);

/// <summary>How gates count: with G = min(gate, limit) and L = up within the limit, G * sigmoid(alpha * G) * (L + beta).</summary>
/// <param name="Alpha">1 for SiLU.</param>
/// <param name="Beta">Added to what is gated.</param>
/// <param name="Limit">Infinite for none.</param>
internal sealed record Gating(double Alpha = 1, double Beta = 0, double Limit = double.PositiveInfinity);

internal static partial class Layer
{
    /// <summary>From this many experts on the CPU's operator is worth it: each costs the plain graph a dozen nodes, while the operator computes gates number by number (docs/BENCHMARKS.md, "Experts").</summary>
    private const int ManyExperts = 32;

    /// <summary>All experts as one operator, where ONNX Runtime has it for them and it is faster: quantized matrices of whole blocks; null elsewhere. rows [N, D] -> [N, D].</summary>
    /// <param name="m">The module of the experts.</param>
    /// <param name="rows">Vectors of the tokens.</param>
    /// <param name="routing">Where they go: weights are positive.</param>
    /// <param name="count">E.</param>
    /// <param name="gating">How gates count.</param>
    /// <param name="expert">Matrices by number.</param>
    /// <param name="biases">[E, 2 * width] in the order of the input's rows, and [E, D]; null for none.</param>
    internal static Value? FusedExperts(Module m, Value rows, Routing routing, int count, Gating gating, Func<int, ExpertMatrices> expert, (Weight Input, Weight Output)? biases = null)
    {
        // CUDA's operator doesn't read what experts count: it takes a softmax of its own over what chooses them.
        if (rows.Graph.Options is not { Target: Target.Cpu, Blocks: { } format } || count < ManyExperts) return null;
        var experts = Enumerable.Range(0, count).Select(expert).ToArray();
        if (!experts.All(e => Fits(e, format))) return null;
        foreach (var matrix in experts.SelectMany(e => e.Stored)) rows.Graph.Quantization.Quantize(matrix.Name);

        using var scope = m.Enter();
        Value Stack(string name, Func<ExpertMatrices, Weight> matrix, QuantizedPart part) => rows.Graph.StoredWeight($"{m.Path}.{name}.{PartName(format, part)}",
            new Recipe.QuantizedStack([.. experts.Select(e => Packed(matrix(e), format, BlockLayout.Packed, part))]));
        QuantizedMatrices Matrices(string name, Func<ExpertMatrices, Weight> matrix, Weight? bias) =>
            new(Stack(name, matrix, QuantizedPart.Values), Stack(name, matrix, QuantizedPart.Scales), format.ZeroPoints ? Stack(name, matrix, QuantizedPart.ZeroPoints) : null, bias is null ? null : (Value)bias);
        return m.Result(Contrib.QMoE(rows, Shares(rows, Op.ShapeOf(rows, 0, 1), routing, count), Matrices("gate_up", e => e.Input, biases?.Input), Matrices("down", e => e.Output, biases?.Output),
            (int)routing.Experts.Shape[1].Size!.Value, format.Bits, gating, AccuracyOf(Target.Cpu)));
    }

    /// <summary>Whether the operator takes such matrices.</summary>
    private static bool Fits(ExpertMatrices e, BlockFormat format)
    {
        if (e.Stored.Any(w => WhyKept(w, MatrixRole.Layer, w.Graph.Options.Quantization) is not null)) return false;
        var (inner, width) = (e.Input.Recipe.Shape[1], e.Output.Recipe.Shape[1]);
        // Zero points of a single block would be laid out otherwise.
        return !format.ZeroPoints || (inner > BlockFormat.Size && width > BlockFormat.Size);
    }

    /// <summary>What each expert's result counts for each token: zero where it is not sent. [N, E].</summary>
    private static Value Shares(Value rows, Value tokens, Routing routing, int count)
    {
        var zeros = Op.Zeros(Op.Concat(0, tokens, rows.Graph.Constant(count)), rows.Type, new Shape(rows.Shape[0], count));
        return Op.ScatterElements(zeros, routing.Experts, Op.Cast(routing.Weights, rows.Type), 1);
    }

    /// <summary>Rows of two matrices in turn: the first of one, the first of the other, and so on. [width, D] twice -> [2 * width, D].</summary>
    private static Weight InTurn(string name, Weight first, Weight second)
    {
        var (width, inner) = (first.Recipe.Shape[0], first.Recipe.Shape[1]);
        return Weight.Concat(name, 1, first.Reshape(width, 1, inner), second.Reshape(width, 1, inner)).Reshape(2 * width, inner);
    }
}
