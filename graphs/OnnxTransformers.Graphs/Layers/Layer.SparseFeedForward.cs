using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>What a router makes of its logits.</summary>
internal enum ExpertScores
{
    /// <summary>A softmax over all experts.</summary>
    Softmax,
    /// <summary>A sigmoid of each.</summary>
    Sigmoid,
    /// <summary>The best logits are chosen first, then a softmax over these.</summary>
    SoftmaxOfChosen,
    /// <summary>The best logits are chosen first, then a sigmoid of each of these.</summary>
    SigmoidOfChosen,
}

/// <summary>A feed-forward part made of gated experts: how a router chooses among them, and what every token gets besides.</summary>
/// <param name="Experts">E.</param>
/// <param name="PerToken">k.</param>
/// <param name="Width">Of an expert.</param>
/// <param name="Activation">Of gates.</param>
/// <param name="Scores">What the router makes of its logits.</param>
internal sealed record SparsePart(int Experts, int PerToken, int Width, Activation Activation, ExpertScores Scores)
{
    /// <summary>Name of the router.</summary>
    internal string Router { get; init; } = "gate";

    /// <summary>Name of what is added to scores for the choice only; null for nothing.</summary>
    internal string? Bias { get; init; }

    /// <summary>Logits are limited to cap * tanh(logit / cap); 0 for no limit.</summary>
    internal double LogitCap { get; init; }

    /// <summary>Groups that are chosen first; null for none.</summary>
    internal ExpertGroups? Groups { get; init; }

    /// <summary>Whether the chosen weights are divided by their sum.</summary>
    internal bool Normalized { get; init; }

    /// <summary>Added to that sum.</summary>
    internal double Epsilon { get; init; }

    /// <summary>What weights are multiplied by.</summary>
    internal double Scale { get; init; } = 1;

    /// <summary>Names of an expert's gate, up and down projections.</summary>
    internal (string Gate, string Up, string Down)? Names { get; init; }

    /// <summary>Width of the part that every token passes; 0 for none.</summary>
    internal int SharedWidth { get; init; }

    /// <summary>Name of that part.</summary>
    internal string Shared { get; init; } = "shared_experts";

    /// <summary>Whether that part's projections have biases.</summary>
    internal bool SharedBias { get; init; }

    /// <summary>Name of the sigmoid gate behind that part; null for none.</summary>
    internal string? SharedGate { get; init; }

    /// <summary>Whether both results are averaged instead of added.</summary>
    internal bool Averaged { get; init; }
}

internal static partial class Layer
{
    /// <summary>Sends each token to its experts, and adds what all tokens get. [B, S, D] -> [B, S, D].</summary>
    internal static Value SparseFeedForward(Module m, Value h, SparsePart s)
    {
        var rows = TokenRows(h);
        var mixed = GatedExperts(m["experts"], rows, Route(m, rows, s), s.Experts, s.Width, s.Activation, s.Names);
        if (s.SharedWidth > 0)
        {
            var shared = GatedFeedForward(m[s.Shared], rows, s.SharedWidth, s.Activation, s.SharedBias);
            if (s.SharedGate is { } gate) shared *= Op.Sigmoid(Linear(m[gate], rows, 1, bias: false, MatrixRole.Router));
            mixed = s.Averaged ? (mixed + shared) / 2 : mixed + shared;
        }
        return LikeTokens(mixed, h);
    }

    /// <summary>Where tokens go, and what the results count. rows [N, D].</summary>
    internal static Routing Route(Module m, Value rows, SparsePart s)
    {
        var logits = Linear(m[s.Router], rows, s.Experts, bias: false, MatrixRole.Router);
        if (s.LogitCap > 0) logits = SoftCap(logits, s.LogitCap);
        var routing = s.Scores switch
        {
            ExpertScores.SoftmaxOfChosen => TopThenSoftmax(logits, s.PerToken),
            ExpertScores.SigmoidOfChosen => Changed(Top(logits, s.PerToken)),
            ExpertScores.Softmax => Among(Op.Softmax(logits, -1)),
            _ => Among(Op.Sigmoid(logits)),
        };
        if (s.Normalized) routing = Normalized(routing, s.Epsilon);
        return s.Scale == 1 ? routing : routing with { Weights = routing.Weights * s.Scale };

        static Routing Changed(Routing top) => top with { Weights = Op.Sigmoid(top.Weights) };

        Routing Among(Value scores) =>
            s.Bias is null && s.Groups is null ? Top(scores, s.PerToken) : TopWithBias(scores, s.Bias is { } bias ? (Value)m.Weight(bias, s.Experts) : null, s.PerToken, s.Groups);
    }
}
