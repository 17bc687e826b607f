using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

internal static partial class Layer
{
    /// <summary>The gated feed-forward part (Shazeer, 2020): down(activation(gate(x)) * up(x)). [..., D] -> [..., D].</summary>
    internal static Value GatedFeedForward(Module m, Value x, int width, Activation activation, bool bias = false) =>
        Linear(m["down_proj"], Activate(m, activation, Linear(m["gate_proj"], x, width, bias)) * Linear(m["up_proj"], x, width, bias), LastSize(x), bias);

    /// <summary>The same under other names.</summary>
    internal static Value GatedFeedForward(Module m, Value x, int width, Activation activation, (string Gate, string Up, string Down) names) =>
        Linear(m[names.Down], Activate(m, activation, Linear(m[names.Gate], x, width, bias: false)) * Linear(m[names.Up], x, width, bias: false), LastSize(x), bias: false);

    /// <summary>The feed-forward part without a gate: down(activation(up(x))). [..., D] -> [..., D].</summary>
    internal static Value PlainFeedForward(Module m, Value x, int width, Activation activation, bool bias = false) => PlainFeedForward(m, x, width, activation, bias, "up_proj", "down_proj");

    /// <summary>The same under other names.</summary>
    internal static Value PlainFeedForward(Module m, Value x, int width, Activation activation, bool bias, string up, string down) =>
        Linear(m[down], Activate(m["act_fn"], activation, Linear(m[up], x, width, bias)), LastSize(x), bias);

    /// <summary>The gated part with gate and up in one matrix, gate_up_proj, the gate's rows first. [..., D] -> [..., D].</summary>
    internal static Value FusedFeedForward(Module m, Value x, int width, Activation activation)
    {
        var both = Split(Linear(m["gate_up_proj"], x, 2L * width, bias: false), width, width);
        return Linear(m["down_proj"], both[1] * Activate(m, activation, both[0]), LastSize(x), bias: false);
    }

    /// <summary>x W + b for a matrix [in, width], as the reference's Conv1D keeps it. [..., in] -> [..., width].</summary>
    internal static Value Conv1D(Module m, Value x, long width)
    {
        using var scope = m.Enter();
        return m.Result(ProductInOut(x, m.Weight("weight", LastSize(x), width), m.Weight("bias", width)));
    }

    /// <summary>x W + b for a matrix [in, width]. [..., in] -> [..., width].</summary>
    internal static Value ProductInOut(Value x, Value weight, Value? bias)
    {
        if (x.Shape.Rank == 2) return Op.Gemm(x, weight, bias);
        var width = weight.Shape[1].Size!.Value;
        var rows = Op.Gemm(Op.Reshape(x, [-1, LastSize(x)]), weight, bias);
        return Op.Reshape(rows, x.Graph.ShapeWithLast(x, width), x.Shape.With(-1, width));
    }

    /// <summary>Parts of the last axis, of one width each. [..., n * width] -> n times [..., width].</summary>
    internal static Value[] Split(Value x, params ReadOnlySpan<long> widths)
    {
        var parts = new Value[widths.Length];
        long at = 0;
        for (var i = 0; i < parts.Length; at += widths[i++]) parts[i] = Op.Slice(x, -1, at, at + widths[i]);
        return parts;
    }
}
