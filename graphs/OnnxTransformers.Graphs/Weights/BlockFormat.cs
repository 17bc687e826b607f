namespace OnnxTransformers.Graphs.Weights;

/// <summary>How the numbers of a row are stored in blocks of 32: as integers of few bits with a scale for each block, and where it has them a zero point for each. A number is (integer - zero point) * scale.</summary>
/// <param name="Bits">Of an integer: 4 or 8.</param>
/// <param name="ZeroPoints">Whether blocks have a zero point of their own; else it is the middle, 8 or 128.</param>
/// <remarks>Scales are those of ONNX Runtime's own tools: without zero points, the number of the largest magnitude becomes 0, the integer farthest from the middle; with them, the whole range of integers is spread from the
/// least number to the largest, zero included.</remarks>
public sealed record BlockFormat(int Bits, bool ZeroPoints)
{
    /// <summary>Numbers of a block.</summary>
    public const int Size = 32;

    /// <summary>The zero point of blocks that have none of their own.</summary>
    internal int Middle => 1 << (Bits - 1);

    /// <summary>The largest integer.</summary>
    internal int Largest => (1 << Bits) - 1;

    /// <summary>Bytes of a block's integers.</summary>
    internal int BlockBytes => Size * Bits / 8;

    /// <summary>The format in words, as "int4" or "uint8 with zero points".</summary>
    public override string ToString() => ZeroPoints ? $"uint{Bits} with zero points" : $"int{Bits}";
}

/// <summary>What of a quantized matrix a tensor holds.</summary>
public enum QuantizedPart
{
    /// <summary>The integers.</summary>
    Values,
    /// <summary>A scale for each block.</summary>
    Scales,
    /// <summary>A zero point for each block.</summary>
    ZeroPoints,
}

/// <summary>How integers are laid out.</summary>
public enum BlockLayout
{
    /// <summary>In ONNX's own types of 4 and 8 bits, as DequantizeLinear takes them: signed without zero points, unsigned with them.</summary>
    Typed,
    /// <summary>Unsigned in bytes, as MatMulNBits takes them: those of a block side by side, the first of two in the lower half; zero points fill whole bytes in each row.</summary>
    Packed,
}
