using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>The layers that models are made of: functions from values to values. They are the only place that knows the target.</summary>
/// <remarks>Shapes in comments: B batch, S sequence, T total with the past, H heads, d head size, D hidden, V vocabulary.</remarks>
internal static partial class Layer
{
    /// <summary>x W^T + b. [..., in] -> [..., width].</summary>
    internal static Value Linear(Module m, Value x, long width, bool bias = true, MatrixRole role = MatrixRole.Layer)
    {
        using var scope = m.Enter();
        return m.Result(Product(x, m.Weight("weight", width, LastSize(x)), bias ? m.Weight("bias", width) : null, role));
    }

    /// <summary>A linear layer with an activation without parameters behind it. [..., in] -> [..., width].</summary>
    internal static Value Linear(Module m, Value x, long width, Activation activation) => Activate(m, activation, Linear(m, x, width));

    /// <summary>x W^T + b for a matrix [width, in] as checkpoints store it: a general matrix product takes it so, and nothing has to be transposed when the model is written, linked or loaded.</summary>
    internal static Value Product(Value x, Value weight, Value? bias)
    {
        var width = weight.Shape[0].Size!.Value;
        if (x.Shape.Rank == 2) return Op.Gemm(x, weight, bias, transposeB: true);
        // Each node of a step costs time, on a graphics card a launch: this one needs no shapes around it.
        if (bias is null && x.Graph.Options.Fused) return Contrib.FusedMatMul(x, weight);
        var rows = Op.Gemm(Op.Reshape(x, [-1, LastSize(x)]), weight, bias, transposeB: true);
        return Op.Reshape(rows, x.Graph.ShapeWithLast(x, width), x.Shape.With(-1, width));
    }

    /// <summary>An activation.</summary>
    /// <param name="m">For names; it holds the parameters of an activation that has some.</param>
    /// <param name="activation">The activation.</param>
    /// <param name="x">What it is applied to.</param>
    internal static Value Activate(Module m, Activation activation, Value x)
    {
        using var scope = m.Enter();
        return activation.Apply(x, m);
    }

    /// <summary>Rows of a table by id. [...] -> [..., width].</summary>
    internal static Value Embedding(Module m, Value ids, long rows, long width)
    {
        using var scope = m.Enter();
        return m.Result(Op.Cast(Op.Gather(m.Weight("weight", rows, width).Stored, ids), ids.Graph.Options.ComputeType));
    }

    /// <summary>The first rows of a table of positions, as many as the sequence is long. -> [S, width], to be broadcast over the batch. A longer sequence than the table fails when the graph runs.</summary>
    internal static Value PositionEmbedding(Module m, TextInputs x, int rows, long width)
    {
        using var scope = m.Enter();
        m.Graph.LimitTokens(rows);
        var first = Op.Slice(m.Weight("weight", rows, width).Stored, 0, m.Graph.Constant(0), x.LengthVector, x.Length);
        return m.Result(Op.Cast(first, m.Graph.Options.ComputeType));
    }

    /// <summary>Rows of a table of positions, one for each token. -> [B, S, width]. A longer text than the table fails when the graph runs, or gives zeros on CUDA.</summary>
    /// <param name="m">The table's module.</param>
    /// <param name="x">The positions.</param>
    /// <param name="positions">How many there are.</param>
    /// <param name="width">Numbers of each.</param>
    /// <param name="offset">Rows before that of position 0.</param>
    internal static Value PositionEmbedding(Module m, CausalInputs x, int positions, long width, int offset = 0)
    {
        m.Graph.LimitTokens(positions);
        return Embedding(m, offset == 0 ? x.PositionIds : x.PositionIds + m.Graph.Scalar(offset, ElementType.Int64), positions + offset, width);
    }

    /// <summary>Layer normalization over the last axis. [..., D] -> [..., D].</summary>
    internal static Value LayerNorm(Module m, Value x, float epsilon)
    {
        using var scope = m.Enter();
        var (scale, bias) = NormWeights(m, x);
        return m.Result(Op.LayerNormalization(x, scale, bias, epsilon));
    }

    /// <summary>Layer normalization of a sum: what follows each part of a post-norm block. [B, S, D] + [B, S, D] -> [B, S, D].</summary>
    /// <remarks>ONNX Runtime's CPU kernel for both at once is slower than an addition and a LayerNormalization (MiniLM-L6, one thread: 14 % more time at 1 x 128 and at 8 x 64 tokens), so only CUDA takes it.</remarks>
    internal static Value AddNorm(Module m, Value x, Value residual, float epsilon)
    {
        using var scope = m.Enter();
        var (scale, bias) = NormWeights(m, x);
        return m.Result(x.Graph.Options.Target == Target.Cuda && x.Shape.Rank == 3 ? Contrib.SkipLayerNormalization(x, residual, scale, bias, epsilon) : Op.LayerNormalization(x + residual, scale, bias, epsilon));
    }

    private static long LastSize(Value x) => x.Shape[-1].Size ?? throw x.Graph.Error($"{x}: the last dimension must be known");

    /// <summary>Checkpoints converted from TensorFlow call scale and shift gamma and beta.</summary>
    private static (Value Scale, Value Bias) NormWeights(Module m, Value x)
    {
        var width = LastSize(x);
        return (m.Weight(["weight", "gamma"], width), m.Weight(["bias", "beta"], width));
    }
}
