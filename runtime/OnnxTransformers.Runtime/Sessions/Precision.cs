using System.Collections.Immutable;

namespace OnnxTransformers;

/// <summary>How the weights of a graph are stored; each has a suffix of the file's name.</summary>
public enum Precision
{
    /// <summary>32-bit floats; no suffix.</summary>
    Float32,
    /// <summary>16-bit brain floats; <c>_bf16</c>.</summary>
    BFloat16,
    /// <summary>16-bit floats; <c>_fp16</c>.</summary>
    Float16,
    /// <summary>8-bit signed integers; <c>_int8</c>.</summary>
    Int8,
    /// <summary>8-bit unsigned integers; <c>_uint8</c>.</summary>
    UInt8,
    /// <summary>8-bit integers as the exporter chose; <c>_quantized</c>.</summary>
    Quantized,
    /// <summary>4-bit blocks; <c>_q4</c>.</summary>
    Int4,
    /// <summary>4-bit blocks with float16 around them; <c>_q4f16</c>.</summary>
    Int4Float16,
    /// <summary>4-bit blocks as bitsandbytes stores them; <c>_bnb4</c>.</summary>
    BitsAndBytes4,
}

/// <summary>A row of the table of precisions.</summary>
/// <param name="Precision">The precision.</param>
/// <param name="Suffix">What its files' names end in before ".onnx", as "_fp16".</param>
public sealed record PrecisionSuffix(Precision Precision, string Suffix);

/// <summary>The table of precisions, the widest first.</summary>
public static class Precisions
{
    /// <summary>Each precision with the suffix of its files.</summary>
    public static ImmutableArray<PrecisionSuffix> All { get; } =
    [
        new(Precision.Float32, ""), new(Precision.BFloat16, "_bf16"), new(Precision.Float16, "_fp16"), new(Precision.Int8, "_int8"), new(Precision.UInt8, "_uint8"), new(Precision.Quantized, "_quantized"),
        new(Precision.Int4, "_q4"), new(Precision.Int4Float16, "_q4f16"), new(Precision.BitsAndBytes4, "_bnb4"),
    ];

    /// <summary>The suffix of a precision's files, as "_fp16".</summary>
    public static string Suffix(this Precision precision) => All.First(p => p.Precision == precision).Suffix;
}
