using System.Collections.Immutable;

namespace OnnxTransformers;

/// <summary>How the weights of a graph are stored; each has a word and a suffix of the file's name.</summary>
public enum Precision
{
    /// <summary>32-bit floats; no suffix.</summary>
    Fp32,
    /// <summary>16-bit IEEE floats, also computed in; <c>_fp16</c>.</summary>
    Fp16,
    /// <summary>16-bit brain floats; <c>_bf16</c>. Graphs for CUDA compute in them; the others widen each weight and compute in float32, since ONNX Runtime's CPU provider has no bfloat16 kernels.</summary>
    Bf16,
    /// <summary>Matrices of linear layers as 8-bit integers in blocks; all else, and what is computed, is float32, in graphs for CUDA float16; <c>_int8</c>.</summary>
    Int8,
    /// <summary>The same with 4-bit integers; <c>_q4</c>.</summary>
    Int4,
    /// <summary>8-bit unsigned integers, as other exporters make them; <c>_uint8</c>.</summary>
    UInt8,
    /// <summary>8-bit integers as another exporter chose; <c>_quantized</c>.</summary>
    Quantized,
    /// <summary>4-bit blocks with float16 around them, as other exporters make them; <c>_q4f16</c>.</summary>
    Int4Fp16,
    /// <summary>4-bit blocks as bitsandbytes stores them, as other exporters make them; <c>_bnb4</c>.</summary>
    BitsAndBytes4,
}

/// <summary>A row of the table of precisions.</summary>
/// <param name="Precision">The precision.</param>
/// <param name="Word">What it is called on the command line and in receipts, as "fp16".</param>
/// <param name="Suffix">What its files' names end in before ".onnx", as "_fp16".</param>
public sealed record PrecisionName(Precision Precision, string Word, string Suffix);

/// <summary>The table of precisions.</summary>
public static class Precisions
{
    /// <summary>Each precision with its word and suffix, the widest first.</summary>
    public static ImmutableArray<PrecisionName> All { get; } =
    [
        new(Precision.Fp32, "fp32", ""), new(Precision.Bf16, "bf16", "_bf16"), new(Precision.Fp16, "fp16", "_fp16"), new(Precision.Int8, "int8", "_int8"), new(Precision.UInt8, "uint8", "_uint8"),
        new(Precision.Quantized, "quantized", "_quantized"), new(Precision.Int4, "int4", "_q4"), new(Precision.Int4Fp16, "int4-fp16", "_q4f16"), new(Precision.BitsAndBytes4, "bnb4", "_bnb4"),
    ];

    /// <summary>The word for a precision, as "fp16".</summary>
    public static string Word(this Precision precision) => All.First(p => p.Precision == precision).Word;

    /// <summary>The suffix of a precision's files, as "_fp16".</summary>
    public static string Suffix(this Precision precision) => All.First(p => p.Precision == precision).Suffix;
}
