namespace OnnxTransformers.Converters.Verification;

/// <summary>How far two results may be apart.</summary>
/// <param name="Relative">The largest difference, as a share of the output's largest magnitude.</param>
/// <param name="Cosine">The smallest cosine.</param>
internal sealed record Bounds(double Relative, double Cosine)
{
    /// <summary>Bounds by precision. float32 leaves room for sums in another order; float16 and bfloat16 for weights rounded to 11 and 8 bits in every layer.</summary>
    internal static Bounds Of(Precision precision) => precision switch
    {
        Precision.Fp16 => new(1e-2, 0.9999),
        Precision.Bf16 => new(5e-2, 0.998),
        _ => new(1e-4, 0.999999),
    };

    /// <summary>Bounds of floats of half the size against float32.</summary>
    /// <param name="precision">The precision.</param>
    /// <param name="routers">Whether tokens are sent to experts: where two experts score nearly the same, rounding sends a token to the other one, and its output then is another.</param>
    /// <param name="statistics">Whether many layers are normalized by statistics of training. What float16 rounds grows with them; random weights show the worst: MobileNet's 27 layers end 0.044 apart.</param>
    internal static Bounds Of(Precision precision, bool routers, bool statistics) => (precision, routers, statistics) switch
    {
        (Precision.Fp16 or Precision.Bf16, true, _) => new(0.5, 0.99),
        (Precision.Fp16, _, true) => new(0.1, 0.998),
        _ => Of(precision),
    };

    /// <summary>Bounds of a graph against itself, on other rows or in other steps. Where inputs are rounded to 8 bits as well, sums in another order may be rounded apart.</summary>
    internal static Bounds Itself(Precision precision) => ExportRules.IsInteger(precision) ? new(5e-2, 0.999) : Of(precision);

    /// <summary>Bounds between ONNX Runtime's operators for integers, which round their input to 8 bits, and plain ones that don't, with the same weights.</summary>
    /// <param name="routers">Whether tokens are sent to experts: what is a little rounding elsewhere then may send some to others.</param>
    internal static Bounds Twin(bool routers) => routers ? new(2, 0.95) : new(0.3, 0.998);

    /// <summary>Bounds of weights as integers against float32. What a graph of random weights shows is the worst: there is nothing that its parts agree on.</summary>
    internal static Bounds Rounded(Precision precision, bool routers) => (precision, routers) switch
    {
        (Precision.Int8, false) => new(0.3, 0.997),
        (Precision.Int8, _) => new(1.5, 0.95),
        (_, false) => new(2, 0.8),
        _ => new(2.5, 0.7),
    };

    /// <summary>Bounds of half precision on a provider. The processor computes half precision in float32, between operators that round; a graphics card rounds within them as well (an MPNet of random weights: 0.011).</summary>
    internal Bounds On(string provider, Precision precision) => provider != Provider.Cpu.Name && (precision is Precision.Fp16 or Precision.Bf16) ? this with { Relative = 2 * Relative } : this;

    /// <summary>How many times as large the perplexity of a text may be as in float32.</summary>
    internal static double Perplexity(Precision precision) => precision == Precision.Int8 ? 1.02 : 1.3;
}
