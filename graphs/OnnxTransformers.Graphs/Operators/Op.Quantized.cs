namespace OnnxTransformers.Graphs.Operators;

public static partial class Op
{
    /// <summary>(a - zero) * scale, with a scale and a zero point for each block along the last axis.</summary>
    /// <param name="a">Integers of 4 or 8 bits [N, K].</param>
    /// <param name="scales">[N, K / block].</param>
    /// <param name="zeros">Of the integers' type [N, K / block]; null for zeros.</param>
    /// <param name="block">Integers of a block.</param>
    public static Value DequantizeBlocks(Value a, Value scales, Value? zeros, int block)
    {
        if (a.Shape.Rank != 2 || a.Shape[1].Size != scales.Shape[1].Size * block || (zeros is not null && (zeros.Type != a.Type || zeros.Shape != scales.Shape))) throw a.Graph.Error($"DequantizeLinear({a}, {scales}): the operands don't fit");
        return a.Graph.Node("DequantizeLinear", [a, scales, zeros], scales.Type, a.Shape, [Attributes.Of("axis", 1), Attributes.Of("block_size", block)]);
    }

    /// <summary>Bitwise and of integers.</summary>
    public static Value BitwiseAnd(Value a, Value b) => Arithmetic("BitwiseAnd", a, b);

    /// <summary>The bits of unsigned integers, moved down.</summary>
    public static Value ShiftRight(Value a, Value places) => a.Graph.Node("BitShift", [a, places], a.Type, a.Shape, [Attributes.Of("direction", "RIGHT")]);
}
