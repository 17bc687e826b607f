namespace OnnxTransformers.Converters.Verification;

/// <summary>How far two results may be apart.</summary>
/// <param name="Relative">The largest difference, as a share of the output's largest magnitude.</param>
/// <param name="Cosine">The smallest cosine.</param>
internal sealed record Bounds(double Relative, double Cosine)
{
    /// <summary>Bounds by precision. float32 leaves room for sums in another order; float16 and bfloat16 for weights rounded to 11 and 8 bits in every layer.</summary>
    internal static Bounds Of(Graphs.Precision precision) => precision switch
    {
        Graphs.Precision.Fp16 => new(1e-2, 0.9999),
        Graphs.Precision.Bf16 => new(5e-2, 0.998),
        _ => new(1e-4, 0.999999),
    };
}
