using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>A selective state space (Gu and Dao, 2023): each channel has a small state of its own, and how fast it forgets follows from the input.</summary>
/// <param name="Width">Channels.</param>
/// <param name="States">Numbers that each channel keeps.</param>
/// <param name="Rank">Width that time steps come from.</param>
/// <param name="Kernel">Tokens that the convolution in front sees.</param>
/// <param name="Activation">Of convolution and gate.</param>
internal sealed record SelectiveStateSpace(int Width, int States, int Rank, int Kernel, Activation Activation)
{
    /// <summary>Whether the convolution has biases.</summary>
    internal bool ConvolutionBias { get; init; } = true;

    /// <summary>Whether projections have biases.</summary>
    internal bool Bias { get; init; }

    /// <summary>What is done to time steps ("dt"), to what enters ("b") and to what leaves ("c") the state.</summary>
    internal Func<Module, string, Value, Value> Norm { get; init; } = (_, _, x) => x;
}

/// <summary>State spaces by heads (Dao and Gu, 2024, Mamba 2): all channels of a head forget equally fast.</summary>
/// <param name="Heads">H.</param>
/// <param name="HeadSize">Channels of a head, P.</param>
/// <param name="States">Numbers that each channel keeps, N.</param>
/// <param name="Groups">Groups of heads that share what enters and leaves the states.</param>
/// <param name="Kernel">Tokens that the convolution in front sees.</param>
/// <param name="Activation">Of the convolution.</param>
internal sealed record HeadedStateSpace(int Heads, int HeadSize, int States, int Groups, int Kernel, Activation Activation)
{
    /// <summary>Whether the convolution has biases.</summary>
    internal bool ConvolutionBias { get; init; } = true;

    /// <summary>Whether projections have biases.</summary>
    internal bool Bias { get; init; }

    /// <summary>The shortest and the longest time step.</summary>
    internal (double Least, double Most) TimeSteps { get; init; } = (0, double.PositiveInfinity);

    /// <summary>What is done to the result and its gate, at the mixer's module: [B, S, H*P] twice -> [B, S, H*P].</summary>
    internal required Func<Module, Value, Value, Value> GatedNorm { get; init; }

    /// <summary>What parts of the first projection are multiplied by: gate, channels, what enters, what leaves, time steps; empty for nothing.</summary>
    internal System.Collections.Immutable.ImmutableArray<double> Multipliers { get; init; } = [];
}

internal static partial class Layer
{
    /// <summary>A convolution over time, of each channel by itself: a token sees itself and the tokens before it, as many as the kernel is wide. [B, S, C] -> [B, S, C].</summary>
    /// <param name="m">The module of the convolution.</param>
    /// <param name="x">The inputs: the last tokens are kept for the next step.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="h">The channels.</param>
    /// <param name="kernel">Its width.</param>
    /// <param name="bias">Whether it has biases.</param>
    /// <param name="kind">Name of what is kept.</param>
    internal static Value CausalConvolution(Module m, CausalInputs x, int layer, Value h, int kernel, bool bias, string kind = "conv")
    {
        using var scope = m.Enter();
        var (g, channels, length) = (h.Graph, LastSize(h), h.Shape[1]);
        var all = Op.Concat(2, x.State(kind, layer, channels, kernel), Op.Transpose(h, [0, 2, 1]));            // [B, C, K + S]
        var end = g.Constant(long.MaxValue);
        x.Keep(kind, layer, Op.Slice(all, 2, g.Constant(-kernel), end, kernel));
        var seen = Op.Slice(all, 2, g.Constant(1), end, (Dim)(kernel - 1) + length);
        var result = Op.Conv(seen, m.Weight("weight", channels, 1, kernel), bias ? (Value)m.Weight("bias", channels) : null, [new Window(kernel)], (int)channels);
        return m.Result(Op.Transpose(Op.Known(result, result.Shape.With(2, length)), [0, 2, 1]));
    }

    /// <summary>Mamba's mixer. [B, S, D] -> [B, S, D].</summary>
    internal static Value MixSelectively(Module m, CausalInputs x, int layer, Value h, SelectiveStateSpace s)
    {
        var parts = Split(Linear(m["in_proj"], h, 2L * s.Width, s.Bias), s.Width, s.Width);
        var channels = CausalConvolution(m["conv1d"], x, layer, parts[0] * x.Present, s.Kernel, s.ConvolutionBias);
        channels = Activate(m, s.Activation, channels) * x.Present;
        var steered = Split(Linear(m["x_proj"], channels, s.Rank + 2L * s.States, bias: false), s.Rank, s.States, s.States);
        var steps = Op.Softplus(Linear(m["dt_proj"], s.Norm(m, "dt", steered[0]), s.Width));                    // [B, S, C]
        Value enters = s.Norm(m, "b", steered[1]), leaves = s.Norm(m, "c", steered[2]);                         // [B, S, N]

        using var scope = m.Enter();
        var decay = -Op.Exp(Wide(m.Weight("A_log", s.Width, s.States)));                                        // [C, N]
        var (states, results) = m.Graph.Scan([Wide(x.State("ssm", layer, s.Width, s.States))], [Wide(steps), Wide(steps * channels), Wide(enters), Wide(leaves)], 1, (before, now) =>
        {
            var kept = before[0] * Op.Exp(Op.Unsqueeze(now[0], 2) * decay);                                     // [B, C, N]
            var state = kept + Op.Unsqueeze(now[1], 2) * Op.Unsqueeze(now[2], 1);
            return ([state], [Op.Squeeze(Op.MatMul(state, Op.Unsqueeze(now[3], 2)), 2)]);
        });
        x.Keep("ssm", layer, Op.Cast(states[0], h.Type));
        var mixed = Op.Cast(results[0], h.Type) + channels * (Value)m.Weight("D", s.Width);
        return Linear(m["out_proj"], mixed * Activate(m, s.Activation, parts[1]), LastSize(h), s.Bias);
    }

    /// <summary>Mamba 2's mixer. [B, S, D] -> [B, S, D].</summary>
    internal static Value MixByHeads(Module m, CausalInputs x, int layer, Value h, HeadedStateSpace s)
    {
        long width = (long)s.Heads * s.HeadSize, shared = (long)s.Groups * s.States;
        var parts = Split(Linear(m["in_proj"], h * x.Present, 2 * width + 2 * shared + s.Heads, s.Bias), width, width, shared, shared, s.Heads);
        for (var i = 0; i < s.Multipliers.Length; i++) parts[i] *= s.Multipliers[i];
        var convolved = CausalConvolution(m["conv1d"], x, layer, Op.Concat(2, parts[1], parts[2], parts[3]), s.Kernel, s.ConvolutionBias);
        var seen = Split(Activate(m, s.Activation, convolved) * x.Present, width, shared, shared);

        using var scope = m.Enter();
        Value ByHead(Value v) => Op.Reshape(v, [0, 0, s.Heads, LastSize(v) / s.Heads]);
        Value ByGroup(Value v) => RepeatTokens(Op.Reshape(v, [0, 0, s.Groups, s.States]), s.Heads / s.Groups);  // [B, S, H, N]
        var channels = ByHead(seen[0]);                                                                         // [B, S, H, P]
        var steps = Op.Softplus(Wide(parts[4]) + Wide(m.Weight("dt_bias", s.Heads)));                           // [B, S, H]
        if (s.TimeSteps is not (0, double.PositiveInfinity)) steps = Op.Clip(steps, s.TimeSteps.Least, Math.Min(s.TimeSteps.Most, float.MaxValue));
        var decay = -Op.Exp(Wide(m.Weight("A_log", s.Heads)));                                                  // [H]
        var (states, results) = m.Graph.Scan([Wide(x.State("ssm", layer, s.Heads, s.HeadSize, s.States))],
            [Op.Exp(steps * decay), Wide(channels) * Op.Unsqueeze(steps, 3), Wide(ByGroup(seen[1])), Wide(ByGroup(seen[2]))], 1, (before, now) =>
        {
            var state = before[0] * Op.Unsqueeze(now[0], 2, 3) + Op.Unsqueeze(now[1], 3) * Op.Unsqueeze(now[2], 2);                  // [B, H, P, N]
            return ([state], [Op.Squeeze(Op.MatMul(state, Op.Unsqueeze(now[3], 3)), 3)]);
        });
        x.Keep("ssm", layer, Op.Cast(states[0], h.Type));
        var mixed = Op.Cast(results[0], h.Type) + channels * Op.Unsqueeze((Value)m.Weight("D", s.Heads), 1);
        return Linear(m["out_proj"], s.GatedNorm(m, Op.Reshape(mixed, [0, 0, width]), parts[0]), LastSize(h), s.Bias);
    }

    /// <summary>Each head several times, one after the other. [B, S, H, d] -> [B, S, H * times, d].</summary>
    internal static Value RepeatTokens(Value x, int times)
    {
        if (times == 1) return x;
        var (one, heads) = (Op.Unsqueeze(x, 3), x.Shape[2].Size!.Value);
        return Op.Reshape(Op.Expand(one, x.Graph.Constant(1, 1, 1, times, 1), one.Shape.With(3, times)), [0, 0, heads * times, LastSize(x)]);
    }

    /// <summary>As float32: what is summed over a whole text is summed in it.</summary>
    private static Value Wide(Value x) => x.Type == ElementType.Float ? x : Op.Cast(x, ElementType.Float);
}
