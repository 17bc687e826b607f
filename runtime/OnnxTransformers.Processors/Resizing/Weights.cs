namespace OnnxTransformers.Processors.Resizing;

/// <summary>Which input pixels make each output pixel along one axis, and with what fixed-point weights.</summary>
/// <remarks>A weight w is kept as two 16-bit numbers, w = high * 2^11 + low with 0 &lt;= low &lt; 2^11, so that 16-bit multiply-add instructions form the
/// exact 32-bit sum.
/// For each output, <see cref="Taps"/> (a multiple of four) weights are stored as groups of four highs and four lows; those behind the last pixel are
/// zero.</remarks>
internal sealed class Weights
{
    internal const int LowBits = 11;
    private const int PillowBits = 22;

    private Weights(int inputs, int outputs, int taps, int bits)
    {
        (Inputs, Taps, Bits) = (inputs, taps, bits);
        (First, Count, Pairs) = (new int[outputs], new int[outputs], new short[outputs * taps * 2]);
    }

    /// <summary>Input pixels.</summary>
    internal int Inputs { get; }

    /// <summary>Output pixels.</summary>
    internal int Outputs => First.Length;

    /// <summary>Weights stored for each output.</summary>
    internal int Taps { get; }

    /// <summary>Fractional bits of a weight.</summary>
    internal int Bits { get; }

    /// <summary>The first input pixel of each output.</summary>
    internal int[] First { get; }

    /// <summary>How many input pixels each output takes.</summary>
    internal int[] Count { get; }

    /// <summary>[output][group of four](4 highs, 4 lows).</summary>
    internal short[] Pairs { get; }

    /// <summary>A weight in fixed point.</summary>
    internal int this[int output, int tap]
    {
        get
        {
            var at = (output * Taps + tap / 4 * 4) * 2 + tap % 4;
            return (Pairs[at] << LowBits) + Pairs[at + 4];
        }
    }

    /// <summary>Weights of a resize from <paramref name="extent"/> (of <paramref name="inputs"/> pixels, less where a fraction of the last is left out) to
    /// <paramref name="outputs"/> pixels.</summary>
    internal static Weights Create(int inputs, double extent, int outputs, ResampleFilter filter, ResampleArithmetic arithmetic)
    {
        var spans = Span(inputs, extent, outputs, Kernel.Of(filter));
        var taps = (spans.Max(s => s.Weights.Length) + 3) / 4 * 4;
        var bits = arithmetic == ResampleArithmetic.Pillow ? PillowBits : TorchBits(spans.Max(s => s.Weights.Max()));
        var result = new Weights(inputs, outputs, taps, bits);
        for (var o = 0; o < outputs; o++)
        {
            var (first, weights) = spans[o];
            (result.First[o], result.Count[o]) = (first, weights.Length);
            for (var i = 0; i < weights.Length; i++)
            {
                var scaled = weights[i] * (1 << bits);
                var w = (int)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
                var at = (o * taps + i / 4 * 4) * 2 + i % 4;
                (result.Pairs[at], result.Pairs[at + 4]) = ((short)(w >> LowBits), (short)(w & ((1 << LowBits) - 1)));
            }
        }
        return result;
    }

    /// <summary>First pixel and normalised weights of each output.</summary>
    internal static (int First, double[] Weights)[] Span(int inputs, double extent, int outputs, Kernel kernel)
    {
        var scale = extent / outputs;
        var widening = Math.Max(scale, 1);
        var support = kernel.Support * widening;
        var shrink = 1 / widening;
        var spans = new (int, double[])[outputs];
        for (var o = 0; o < outputs; o++)
        {
            var centre = (o + 0.5) * scale;
            var first = Math.Max(0, (int)(centre - support + 0.5));
            var end = Math.Min(inputs, (int)(centre + support + 0.5));
            var weights = new double[Math.Max(end - first, 0)];
            var sum = 0.0;
            for (var i = 0; i < weights.Length; i++) sum += weights[i] = kernel.Weight((i + first - centre + 0.5) * shrink);
            if (sum != 0)
                for (var i = 0; i < weights.Length; i++) weights[i] /= sum;
            spans[o] = (first, weights);
        }
        return spans;
    }

    // The most bits with which the largest weight is still a 16-bit number (ATen's UpSampleKernel.cpp).
    private static int TorchBits(double largest)
    {
        var bits = 0;
        while (bits < 22 && (int)(0.5 + largest * (1 << (bits + 1))) < 1 << 15) bits++;
        return bits;
    }
}
