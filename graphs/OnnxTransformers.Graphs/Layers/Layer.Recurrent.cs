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

    /// <summary>Whether the first projection has biases.</summary>
    internal bool Bias { get; init; }

    /// <summary>Whether the last one has.</summary>
    internal bool OutputBias { get; init; }

    /// <summary>The shortest and the longest time step.</summary>
    internal (double Least, double Most) TimeSteps { get; init; } = (0, double.PositiveInfinity);

    /// <summary>What is done to the result, float32, and its gate, at the mixer's module: [B, S, H*P] twice -> [B, S, H*P].</summary>
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
    /// <param name="part">What is convolved, where a layer has several convolutions.</param>
    internal static Value CausalConvolution(Module m, CausalInputs x, int layer, Value h, int kernel, bool bias, string? part = null)
    {
        using var scope = m.Enter();
        var (g, channels, length) = (h.Graph, LastSize(h), h.Shape[1]);
        var all = Op.Concat(2, x.State("conv", layer, part, h.Type, channels, kernel), Op.Transpose(h, [0, 2, 1]));            // [B, C, K + S]
        var end = g.Constant(long.MaxValue);
        x.Keep("conv", layer, part, Op.Slice(all, 2, g.Constant(-kernel), end, kernel));
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
        var steered = Split(Linear(m["x_proj"], channels, s.Rank + 2L * s.States, bias: false, MatrixRole.Rate), s.Rank, s.States, s.States);
        var steps = Op.Softplus(Linear(m["dt_proj"], s.Norm(m, "dt", steered[0]), s.Width, role: MatrixRole.Rate));                    // [B, S, C]
        Value enters = s.Norm(m, "b", steered[1]), leaves = s.Norm(m, "c", steered[2]);                         // [B, S, N]

        using var scope = m.Enter();
        var decay = -Op.Exp(Wide(m.Weight("A_log", s.Width, s.States)));                                        // [C, N]
        var (states, results) = m.Graph.Scan([x.State("ssm", layer, null, ElementType.Float, s.Width, s.States)], [Wide(steps), Wide(steps * channels), Wide(enters), Wide(leaves)], 1, (before, now) =>
        {
            var kept = before[0] * Op.Exp(Op.Unsqueeze(now[0], 2) * decay);                                     // [B, C, N]
            var state = kept + Op.Unsqueeze(now[1], 2) * Op.Unsqueeze(now[2], 1);
            return ([state], [Op.Squeeze(Op.MatMul(state, Op.Unsqueeze(now[3], 2)), 2)]);
        });
        x.Keep("ssm", layer, null, states[0]);
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
        var (states, results) = m.Graph.Scan([x.State("ssm", layer, null, ElementType.Float, s.Heads, s.HeadSize, s.States)],
            [Op.Exp(steps * decay), Wide(channels) * Op.Unsqueeze(steps, 3), Wide(ByGroup(seen[1])), Wide(ByGroup(seen[2]))], 1, (before, now) =>
        {
            var state = before[0] * Op.Unsqueeze(now[0], 2, 3) + Op.Unsqueeze(now[1], 3) * Op.Unsqueeze(now[2], 2);                  // [B, H, P, N]
            return ([state], [Op.Squeeze(Op.MatMul(state, Op.Unsqueeze(now[3], 3)), 3)]);
        });
        x.Keep("ssm", layer, null, states[0]);
        var mixed = results[0] + Wide(channels) * Op.Unsqueeze(Wide(m.Weight("D", s.Heads)), 1);
        return Linear(m["out_proj"], s.GatedNorm(m, Op.Reshape(mixed, [0, 0, width]), parts[0]), LastSize(h), s.OutputBias);
    }

    /// <summary>The gated delta rule (Yang et al., 2025): a matrix of each head forgets a share of itself, then what it holds under a key is corrected towards the value. All [B, S, H, ...] -> [B, S, H, dv], float32.</summary>
    /// <param name="m">The module, for names.</param>
    /// <param name="x">The inputs: the matrices are kept for the next step.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="q">Queries, of any length: they are brought to length 1 and scaled by dk^-0.5. [B, S, H, dk].</param>
    /// <param name="k">Keys, which are brought to length 1. [B, S, H, dk].</param>
    /// <param name="v">Values [B, S, H, dv].</param>
    /// <param name="decay">What is left of the matrix, of all of it [B, S, H, 1] or by component of the key [B, S, H, dk].</param>
    /// <param name="strength">How far it is corrected [B, S, H].</param>
    internal static Value DeltaRule(Module m, CausalInputs x, int layer, Value q, Value k, Value v, Value decay, Value strength)
    {
        using var scope = m.Enter();
        long heads = q.Shape[2].Size!.Value, keySize = LastSize(q), valueSize = LastSize(v);
        Value Directed(Value y) => y / Op.Sqrt(Op.ReduceSum(y * y, -1, keep: true) + 1e-6);
        var (states, results) = m.Graph.Scan([x.State("recurrent", layer, null, ElementType.Float, heads, keySize, valueSize)],
            [Directed(Wide(q)) * Math.Pow(keySize, -0.5), Directed(Wide(k)), Wide(v), Wide(decay), Wide(strength)], 1, (before, now) =>
        {
            var kept = before[0] * Op.Unsqueeze(now[3], 3);                                                     // [B, H, dk, dv]
            var error = Op.Unsqueeze(now[2], 2) - Op.MatMul(Op.Unsqueeze(now[1], 2), kept);                     // [B, H, 1, dv]
            var state = kept + Op.Unsqueeze(now[1], 3) * (error * Op.Unsqueeze(now[4], 2, 3));
            return ([state], [Op.Squeeze(Op.MatMul(Op.Unsqueeze(now[0], 2), state), 2)]);
        });
        x.Keep("recurrent", layer, null, states[0]);
        return results[0];
    }

    /// <summary>What is left of each head's matrix after a token: exp(-exp(A_log) * softplus(steps + dt_bias)). In float32, since in half precision what forgets slowly would not forget at all. [B, S, H] -> [B, S, H].</summary>
    internal static Value Remaining(Module m, Value steps)
    {
        var heads = LastSize(steps);
        return Op.Exp(-Op.Exp(Wide(m.Weight("A_log", heads))) * Op.Softplus(Wide(steps) + Wide(m.Weight("dt_bias", heads))));
    }

    /// <summary>Each head several times, one after the other. [B, S, H, d] -> [B, S, H * times, d].</summary>
    internal static Value RepeatTokens(Value x, int times)
    {
        if (times == 1) return x;
        var (one, heads) = (Op.Unsqueeze(x, 3), x.Shape[2].Size!.Value);
        return Op.Reshape(Op.Expand(one, x.Graph.Constant(1, 1, 1, times, 1), one.Shape.With(3, times)), [0, 0, heads * times, LastSize(x)]);
    }

    /// <summary>A result times its gate behind SiLU, and an RMS norm of that, also within each of several groups. [B, S, C] twice -> [B, S, C].</summary>
    internal static Value GateThenNorm(Module norm, Value x, Value gate, double epsilon, int groups = 1) => GroupedRmsNorm(norm, x * Wide(Activate(norm, Activation.Named("silu"), gate)), epsilon, groups);

    /// <summary>An RMS norm, also within each of several groups, of what may be so small that half precision has no number for it: float32 [..., C] -> [..., C] in the type of the graph.</summary>
    internal static Value GroupedRmsNorm(Module m, Value x, double epsilon, int groups = 1)
    {
        using var scope = m.Enter();
        var width = LastSize(x);
        var normed = groups == 1 ? RootMeanSquare(x, epsilon) : Op.Reshape(RootMeanSquare(Op.Reshape(x, [0, 0, groups, width / groups]), epsilon), [0, 0, width]);
        return m.Result(Op.Cast(normed, x.Graph.Options.ComputeType) * (Value)m.Weight("weight", width));
    }

    /// <summary>As float32: what is summed over a whole text is summed in it.</summary>
    internal static Value Wide(Value x) => x.Type == ElementType.Float ? x : Op.Cast(x, ElementType.Float);
}
