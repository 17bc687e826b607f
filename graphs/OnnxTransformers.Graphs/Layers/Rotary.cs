using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>Which components of a head are turned together.</summary>
internal enum RotaryPairs
{
    /// <summary>i with i + d/2.</summary>
    Halves,
    /// <summary>2i with 2i + 1.</summary>
    Interleaved,
    /// <summary>2i with 2i + 1; the results are put i and i + d/2.</summary>
    InterleavedToHalves,
}

/// <summary>Rotary positions (Su et al., 2021): pairs of components are turned by an angle that grows with the position. Reference: modeling_rope_utils.py.</summary>
/// <param name="Size">Components of a head that are turned, from the first on.</param>
/// <param name="Factor">What cosines and sines are multiplied by.</param>
internal abstract record Rotary(int Size, double Factor)
{
    /// <summary>Which components are turned together.</summary>
    internal RotaryPairs Pairs { get; init; }

    /// <summary>Angles a position, one a pair: float32 [d/2] or [1, d/2], from the positions int64 [B, S] of the call.</summary>
    private protected abstract Value Frequencies(Value positions);

    /// <summary>Cosines and sines at positions int64 [B, S]: [B, 1, S, d/2], computed in float32.</summary>
    internal (Value Cos, Value Sin) Angles(Value positions)
    {
        var angles = Op.Unsqueeze(Op.Unsqueeze(Op.Cast(positions, ElementType.Float), 2) * Frequencies(positions), 1);
        Value Scaled(Value v) => Op.Cast(Factor == 1 ? v : v * Factor, positions.Graph.Options.ComputeType);
        return (Scaled(Op.Cos(angles)), Scaled(Op.Sin(angles)));
    }

    /// <summary>The same frequencies for every call: default, linear, llama3, yarn, proportional.</summary>
    internal sealed record Fixed(int Size, double Factor, ImmutableArray<float> Values) : Rotary(Size, Factor)
    {
        private protected override Value Frequencies(Value positions) => Vector(positions.Graph, Values);
    }

    /// <summary>Short factors up to the original context, long ones for calls that go beyond it (Ding et al., 2024).</summary>
    internal sealed record LongRope(int Size, double Factor, ImmutableArray<float> Short, ImmutableArray<float> Long, int Original) : Rotary(Size, Factor)
    {
        private protected override Value Frequencies(Value positions)
        {
            var g = positions.Graph;
            return Op.Where(Op.GreaterOrEqual(Last(positions), g.Scalar(Original, ElementType.Int64)), Vector(g, Long), Vector(g, Short));
        }
    }

    /// <summary>A base that grows with the largest position of the call beyond the trained context (dynamic NTK).</summary>
    internal sealed record Dynamic(int Size, double Factor, double Base, double Scaling, int MaxPositions) : Rotary(Size, Factor)
    {
        private protected override Value Frequencies(Value positions)
        {
            var g = positions.Graph;
            var length = Op.Cast(Op.Max(Last(positions) + g.Scalar(1, ElementType.Int64), g.Scalar(MaxPositions, ElementType.Int64)), ElementType.Float);
            var stretched = Op.Pow(length * (Scaling / MaxPositions) - (Scaling - 1), g.Scalar(Size / (Size - 2.0), ElementType.Float)) * Base;
            return Op.Reciprocal(Op.Pow(stretched, Vector(g, [.. Enumerable.Range(0, Size / 2).Select(i => 2f * i / Size)])));
        }
    }

    /// <summary>The largest position of the call, int64 [1, 1].</summary>
    private static Value Last(Value positions) => Op.ReduceMax(Op.ReduceMax(positions, 1, keep: true), 0, keep: true);

    private static Value Vector(Graph g, ImmutableArray<float> values) => g.Constant(ElementType.Float, [values.Length], MemoryMarshal.AsBytes(values.AsSpan()));
}

internal static partial class Layer
{
    /// <summary>Turns the first components of each head by its position. [B, H, S, d] -> [B, H, S, d].</summary>
    /// <param name="x">Heads.</param>
    /// <param name="rotary">The scheme; null for layers without positions.</param>
    /// <param name="inputs">The positions.</param>
    internal static Value Rotate(Value x, Rotary? rotary, CausalInputs inputs)
    {
        if (rotary is null) return x;
        if (x.Graph.Options.Fused && rotary.Pairs != RotaryPairs.InterleavedToHalves)
        {
            var (places, cosines, sines) = inputs.AngleTables(rotary);
            return Contrib.RotaryEmbedding(x, places, cosines, sines, rotary.Size, rotary.Pairs == RotaryPairs.Interleaved);
        }
        var (cos, sin) = inputs.Angles(rotary);
        var d = x.Shape[-1].Size!.Value;
        var (turned, rest) = rotary.Size == d ? (x, null) : (Op.Slice(x, 3, 0, rotary.Size), Op.Slice(x, 3, rotary.Size, d));
        var result = rotary.Pairs == RotaryPairs.Halves ? Halves(turned, cos, sin) : Pairs(turned, cos, sin, rotary.Pairs == RotaryPairs.Interleaved);
        return rest is null ? result : Op.Concat(3, result, rest);
    }

    /// <summary>Whether heads side by side can be turned as they are.</summary>
    internal static bool TurnsMerged(Rotary? rotary) => rotary?.Pairs != RotaryPairs.InterleavedToHalves;

    /// <summary>Turns heads that stand side by side, by ONNX Runtime's operator. [B, S, H*d] -> [B, S, H*d].</summary>
    internal static Value RotateMerged(Value x, int heads, Rotary? rotary, CausalInputs inputs)
    {
        if (rotary is null) return x;
        var (places, cosines, sines) = inputs.AngleTables(rotary);
        return Contrib.RotaryEmbedding(x, places, cosines, sines, rotary.Size, rotary.Pairs == RotaryPairs.Interleaved, heads);
    }

    /// <summary>What queries are multiplied by so that attention stays sharp beyond the trained context (Llama 4): 1 + beta * ln(1 + floor(position / original)). [B or 1, 1, S, 1].</summary>
    internal static Value PositionScale(CausalInputs x, double beta, int original) => x.Shared("scale of queries", () =>
    {
        var g = x.InputIds.Graph;
        var contexts = Op.Cast(Op.Unsqueeze(x.PositionIds / g.Scalar(original, ElementType.Int64), 1, 3), ElementType.Float);
        return Op.Cast(Op.Log(contexts + 1) * beta + 1, g.Options.ComputeType);
    });

    private static Value Halves(Value x, Value cos, Value sin)
    {
        var half = x.Shape[-1].Size!.Value / 2;
        Value a = Op.Slice(x, 3, 0, half), b = Op.Slice(x, 3, half, 2 * half);
        return Op.Concat(3, a * cos - b * sin, b * cos + a * sin);
    }

    private static Value Pairs(Value x, Value cos, Value sin, bool interleave)
    {
        var half = x.Shape[-1].Size!.Value / 2;
        var pairs = Op.Reshape(x, [0, 0, -1, half, 2], remaining: x.Shape[2]);                                  // [B, H, S, d/2, 2]
        Value a = Op.Select(pairs, 4, 0), b = Op.Select(pairs, 4, 1);
        if (!interleave) return Op.Concat(3, a * cos - b * sin, b * cos + a * sin);
        var turned = Op.Concat(4, Op.Unsqueeze(a * cos - b * sin, 4), Op.Unsqueeze(b * cos + a * sin, 4));
        return Op.Reshape(turned, [0, 0, -1, 2 * half], remaining: x.Shape[2]);
    }
}
