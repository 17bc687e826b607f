using OnnxTransformers.Graphs.Operators;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs.Layers;

internal static partial class Layer
{
    /// <summary>x W^T + b for a matrix [width, in], which the integer precisions store in blocks along its rows. [..., in] -> [..., width].</summary>
    /// <remarks>Portable graphs make the matrix again from its blocks (DequantizeLinear) before they multiply; ONNX Runtime's own operator does both at once and never holds it as floats.</remarks>
    internal static Value Product(Value x, Weight weight, Value? bias, MatrixRole role = MatrixRole.Layer)
    {
        if (Blocks(weight, role) is not { } format) return Product(x, (Value)weight, bias);
        var options = x.Graph.Options;
        if (!options.Fused) return Product(x, Dequantized(weight, format), bias);
        // CUDA's kernel has no bias.
        var inside = options.Target == Target.Cpu;
        var product = Contrib.MatMulNBits(x, Part(weight, format, BlockLayout.Packed, QuantizedPart.Values), Part(weight, format, BlockLayout.Packed, QuantizedPart.Scales),
            format.ZeroPoints ? Part(weight, format, BlockLayout.Packed, QuantizedPart.ZeroPoints) : null, inside ? bias : null, format.Bits, AccuracyOf(options.Target));
        return bias is null || inside ? product : product + bias;
    }

    /// <summary>The same with a bias [width] of the checkpoint's.</summary>
    internal static Value Product(Value x, Weight weight, Weight? bias, MatrixRole role = MatrixRole.Layer) =>
        Blocks(weight, role) is null ? Product(x, (Value)weight, bias is null ? null : (Value)bias) : Product(x, weight, bias is null ? null : (Value)bias, role);

    /// <summary>x W + b for a matrix [in, width]: the integer precisions store it the other way round. [..., in] -> [..., width].</summary>
    internal static Value ProductInOut(Value x, Weight weight, Value? bias) =>
        x.Graph.Options.Blocks is null ? ProductInOut(x, (Value)weight, bias) : Product(x, weight.Transpose(), bias);

    /// <summary>The same with a bias [width] of the checkpoint's.</summary>
    internal static Value ProductInOut(Value x, Weight weight, Weight? bias) =>
        x.Graph.Options.Blocks is null ? ProductInOut(x, (Value)weight, bias is null ? null : (Value)bias) : Product(x, weight.Transpose(), bias);

    /// <summary>Rows of the table of words by id; the integer precisions may store it in blocks along its rows. [...] -> [..., width].</summary>
    internal static Value WordEmbedding(Module m, Value ids, long rows, long width)
    {
        var table = m.Weight("weight", rows, width);
        if (Blocks(table, MatrixRole.Embeddings) is not { } format) return Embedding(m, ids, rows, width);
        using var scope = m.Enter();
        var g = ids.Graph;
        var values = Integers(Op.Gather(Part(table, format, BlockLayout.Packed, QuantizedPart.Values), ids), format.Bits);             // [..., width / 32, 32]
        var scales = Op.Unsqueeze(Op.Gather(Part(table, format, BlockLayout.Packed, QuantizedPart.Scales), ids), -1);                  // [..., width / 32, 1]
        var numbers = Op.Cast(values, scales.Type) - (format.ZeroPoints ? ZeroPoints(table, format, ids, scales) : g.Scalar(format.Middle, scales.Type));
        long[] shape = [.. Enumerable.Repeat(0L, ids.Shape.Rank), -1];
        return m.Result(Op.Reshape(numbers * scales, shape, remaining: width));
    }

    private static BlockFormat? Blocks(Weight weight, MatrixRole role)
    {
        var (options, log) = (weight.Graph.Options, weight.Graph.Quantization);
        log.HasRouters |= role == MatrixRole.Router;
        if (options.Blocks is not { } format) return null;
        if (WhyKept(weight, role, options.Quantization) is { } reason)
        {
            log.Keep(weight.Name, reason);
            return null;
        }
        log.Quantize(weight.Name);
        return format;
    }

    private static string? WhyKept(Weight weight, MatrixRole role, Quantization asked) => role switch
    {
        MatrixRole.Router => "it chooses experts",
        MatrixRole.Rate => "it says how fast a state forgets",
        MatrixRole.Head when !asked.Head => "it is in front of the outputs, and the head was not asked for",
        MatrixRole.Embeddings when !asked.Embeddings => "it is the table of embeddings, which was not asked for",
        _ when weight.Recipe.Shape[1] % BlockFormat.Size != 0 => $"its rows of {weight.Recipe.Shape[1]} are no whole blocks of {BlockFormat.Size}",
        _ when !weight.Recipe.Type.IsFloatingPoint() => $"it is stored as {weight.Recipe.Type}",
        _ => null,
    };

    private static Value Dequantized(Weight weight, BlockFormat format) => Op.DequantizeBlocks(Part(weight, format, BlockLayout.Typed, QuantizedPart.Values), Part(weight, format, BlockLayout.Typed, QuantizedPart.Scales),
        format.ZeroPoints ? Part(weight, format, BlockLayout.Typed, QuantizedPart.ZeroPoints) : null, BlockFormat.Size);

    private static Value Part(Weight weight, BlockFormat format, BlockLayout layout, QuantizedPart part) =>
        weight.Graph.StoredWeight($"{weight.Name}.{PartName(format, part)}", Packed(weight, format, layout, part));

    private static Recipe.Quantized Packed(Weight weight, BlockFormat format, BlockLayout layout, QuantizedPart part) =>
        new(weight.Recipe.Type == ElementType.Float ? weight.Recipe : new Recipe.Converted(weight.Recipe, ElementType.Float), format, layout, part);

    private static string PartName(BlockFormat format, QuantizedPart part) => part switch { QuantizedPart.Values => $"int{format.Bits}", QuantizedPart.Scales => "scales", _ => "zero_points" };

    /// <summary>One integer a byte from packed blocks. uint8 [..., bytes] -> [..., 32].</summary>
    private static Value Integers(Value packed, int bits)
    {
        if (bits == 8) return packed;
        var g = packed.Graph;
        var pairs = Op.Concat(-1, Op.Unsqueeze(Op.BitwiseAnd(packed, g.Scalar(15, ElementType.UInt8)), -1), Op.Unsqueeze(Op.ShiftRight(packed, g.Scalar(4, ElementType.UInt8)), -1));
        long[] shape = [.. Enumerable.Repeat(0L, packed.Shape.Rank - 1), -1];
        return Op.Reshape(pairs, shape, remaining: packed.Shape[-1].Size!.Value * 2);
    }

    /// <summary>Zero points of the rows that are taken. -> [..., width / 32, 1].</summary>
    private static Value ZeroPoints(Weight table, BlockFormat format, Value ids, Value scales)
    {
        var blocks = scales.Shape[-2].Size!.Value;
        var all = Integers(Op.Gather(Part(table, format, BlockLayout.Packed, QuantizedPart.ZeroPoints), ids), format.Bits);
        return Op.Unsqueeze(Op.Cast(all.Shape[-1].Size == blocks ? all : Op.Slice(all, -1, 0, blocks), scales.Type), -1);
    }

    /// <summary>What MatMulNBits may round its input to.</summary>
    private static int AccuracyOf(Target target) => target == Target.Cpu ? 4 : 0;
}
