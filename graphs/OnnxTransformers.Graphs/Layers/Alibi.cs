using System.Runtime.InteropServices;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>Attention with linear biases (Press et al., 2022): scores of a head get a slope times the position of the key; within a row of the softmax, only distances count.</summary>
internal static class Alibi
{
    /// <summary>Biases from positions that count real keys: [B, H, 1, T].</summary>
    /// <param name="x">The inputs.</param>
    /// <param name="heads">H.</param>
    /// <param name="scale">What biases are multiplied by.</param>
    /// <param name="rounded">Whether slopes and products are rounded to bfloat16, as Falcon's are.</param>
    internal static Value FromMask(CausalInputs x, int heads, double scale = 1, bool rounded = false) => x.Shared($"alibi {scale}", () =>
    {
        var g = x.Mask.Graph;
        var places = Op.Unsqueeze((Op.CumSum(x.Mask, 1) - g.Scalar(1, ElementType.Int64)) * x.Mask, 1, 2);      // [B, 1, 1, T]
        var slopes = Vector(g, Slopes(heads), rounded);
        var product = Rounded(Op.Cast(places, ElementType.Float), rounded) * slopes;
        return Op.Cast(Rounded(product, rounded) * scale, g.Options.ComputeType);
    });

    /// <summary>Biases by the distance to the last key, with MPT's slopes: [1, H, 1, T].</summary>
    internal static Value FromEnd(CausalInputs x, int heads) => x.Shared("alibi", () =>
    {
        var g = x.Mask.Graph;
        var total = Op.Squeeze(x.Total, 0);
        var places = Op.Range(g.Scalar(0, ElementType.Int64), total, x.Mask.Shape[1]) - (total - g.Scalar(1, ElementType.Int64));
        return Op.Cast(Op.Unsqueeze(Op.Cast(places, ElementType.Float), 0, 1, 2) * Vector(g, SlopesOfNextPower(heads), rounded: false), g.Options.ComputeType);
    });

    /// <summary>MPT's slopes: those of the next higher power of two, for other numbers every second of them first, then those between.</summary>
    internal static IEnumerable<float> SlopesOfNextPower(int heads)
    {
        var power = 1 << (int)Math.Ceiling(Math.Log2(heads));
        float[] all = [.. Enumerable.Range(1, power).Select(i => (float)Math.Pow(2, -8.0 * i / power))];
        return power == heads ? all : all.Where((_, i) => i % 2 == 1).Concat(all.Where((_, i) => i % 2 == 0)).Take(heads);
    }

    /// <summary>Slopes of a power of two of heads: 2^(-8/n), and its powers; for other numbers, those of the next lower power, then every second of its double.</summary>
    internal static IEnumerable<float> Slopes(int heads)
    {
        var power = 1 << (int)Math.Floor(Math.Log2(heads));
        static double Base(int n) => Math.Pow(2, -Math.Pow(2, -(Math.Log2(n) - 3)));
        for (var i = 1; i <= power; i++) yield return (float)Math.Pow(Base(power), i);
        for (var i = 0; i < Math.Min(power, heads - power); i++) yield return (float)Math.Pow(Base(2 * power), 2 * i + 1);
    }

    /// <summary>[1, H, 1, 1].</summary>
    private static Value Vector(Graph g, IEnumerable<float> slopes, bool rounded)
    {
        float[] values = [.. slopes];
        return Rounded(g.Constant(ElementType.Float, [1, values.Length, 1, 1], MemoryMarshal.AsBytes(values.AsSpan())), rounded);
    }

    private static Value Rounded(Value x, bool rounded) => rounded ? Op.Cast(Op.Cast(x, ElementType.BFloat16), ElementType.Float) : x;
}
