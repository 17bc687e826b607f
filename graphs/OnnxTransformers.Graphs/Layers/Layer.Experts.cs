using System.Globalization;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>Which experts a token is sent to, and what their results count.</summary>
/// <param name="Experts">Their numbers, int64 [N, k].</param>
/// <param name="Weights">[N, k].</param>
internal sealed record Routing(Value Experts, Value Weights);

/// <summary>How deepseek-like routers choose: by groups first, with a bias that counts for the choice only.</summary>
/// <param name="Groups">Number of groups of experts.</param>
/// <param name="Chosen">Groups that are kept.</param>
/// <param name="BestTwo">Whether a group counts by the sum of its best two, else by its best.</param>
/// <param name="Outside">The score for the choice of experts outside of these groups.</param>
internal sealed record ExpertGroups(int Groups, int Chosen, bool BestTwo, double Outside);

internal static partial class Layer
{
    /// <summary>The vectors of all tokens as rows. [B, S, D] -> [N, D].</summary>
    internal static Value TokenRows(Value h) => Op.Reshape(h, [-1, LastSize(h)]);

    /// <summary>Rows as the tokens were. [N, D] -> [B, S, D].</summary>
    internal static Value LikeTokens(Value rows, Value h) => Op.Reshape(rows, h.Graph.ShapeWithLast(h, LastSize(rows)), h.Shape.With(-1, LastSize(rows)));

    /// <summary>The k experts with the best scores. scores [N, E].</summary>
    internal static Routing Top(Value scores, int k)
    {
        var (weights, experts) = Op.TopK(scores, k, 1);
        return new(experts, weights);
    }

    /// <summary>The best k logits, and a softmax over these. logits [N, E].</summary>
    internal static Routing TopThenSoftmax(Value logits, int k)
    {
        var top = Top(logits, k);
        return top with { Weights = Op.Softmax(top.Weights, -1) };
    }

    /// <summary>The k experts with the best scores plus bias, within the best groups; their weights are the scores themselves. scores [N, E].</summary>
    internal static Routing TopWithBias(Value scores, Value? bias, int k, ExpertGroups? groups)
    {
        var choice = bias is null ? scores : scores + bias;
        if (groups is { } g) choice = WithinGroups(choice, g);
        var (_, experts) = Op.TopK(choice, k, 1);
        return new(experts, Op.GatherElements(scores, experts, 1));
    }

    /// <summary>Weights divided by their sum.</summary>
    internal static Routing Normalized(Routing r, double epsilon)
    {
        var sum = Op.ReduceSum(r.Weights, 1, keep: true);
        return r with { Weights = r.Weights / (epsilon > 0 ? sum + epsilon : sum) };
    }

    /// <summary>Sends each token to its experts only, and adds up what they give, weighted. rows [N, D] -> [N, width].</summary>
    /// <param name="m">The module of the experts.</param>
    /// <param name="rows">Vectors of the tokens.</param>
    /// <param name="routing">Where they go.</param>
    /// <param name="count">E.</param>
    /// <param name="expert">An expert by number: from the rows that are sent to it [n, D], to as many [n, width].</param>
    internal static Value MixExperts(Module m, Value rows, Routing routing, int count, Func<int, Value, Value> expert)
    {
        using var scope = m.Enter();
        var g = rows.Graph;
        var tokens = Op.ShapeOf(rows, 0, 1);
        var shares = Shares(rows, tokens, routing, count);
        Value[] sent = new Value[count], results = new Value[count];
        for (var e = 0; e < count; e++)
        {
            var share = Op.Select(shares, 1, e);                                                                // [N]
            sent[e] = Op.NonZero(share, $"n{e.ToString(CultureInfo.InvariantCulture)}");
            results[e] = expert(e, Op.Gather(rows, sent[e])) * Op.Unsqueeze(Op.Gather(share, sent[e]), 1);
        }
        var width = LastSize(results[0]);
        // Sums are float32: ONNX Runtime's CPU provider adds rows in no narrower type.
        var zeros = Op.Zeros(Op.Concat(0, tokens, g.Constant(width)), ElementType.Float, new Shape(rows.Shape[0], width));
        return m.Result(Op.Cast(Op.AddRows(zeros, Op.Concat(0, sent), Op.Cast(Op.Concat(0, results), ElementType.Float)), rows.Type));
    }

    /// <summary>Gated experts, each with matrices of its own under its number, or all of them stacked as "gate_up_proj" and "down_proj": checkpoints of one type have either. rows [N, D] -> [N, D].</summary>
    /// <param name="m">The module of the experts.</param>
    /// <param name="rows">Vectors of the tokens.</param>
    /// <param name="routing">Where they go.</param>
    /// <param name="count">E.</param>
    /// <param name="width">Of each expert.</param>
    /// <param name="activation">Of the gate.</param>
    /// <param name="names">Names of the gate, up and down projections.</param>
    /// <param name="bias">Whether these have biases.</param>
    internal static Value GatedExperts(Module m, Value rows, Routing routing, int count, int width, Activation activation, (string Gate, string Up, string Down)? names = null, bool bias = false)
    {
        if (!bias && m.Has("gate_up_proj")) return StackedExperts(m, rows, routing, count, width, activation, "gate_up_proj", "down_proj");
        var (gate, up, down) = names ?? ("gate_proj", "up_proj", "down_proj");
        var d = LastSize(rows);
        if (!bias && activation.IsSilu && FusedExperts(m, rows, routing, count, new Gating(), Matrices) is { } fused) return fused;
        return MixExperts(m, rows, routing, count, (e, x) =>
            Linear(m[e][down], Activate(m[e], activation, Linear(m[e][gate], x, width, bias)) * Linear(m[e][up], x, width, bias), d, bias));

        ExpertMatrices Matrices(int e)
        {
            var of = m[e];
            Weight[] stored = [of[gate].Weight("weight", width, d), of[up].Weight("weight", width, d), of[down].Weight("weight", d, width)];
            return new(stored, InTurn($"{of.Path}.gate_up", stored[0], stored[1]), stored[2]);
        }
    }

    /// <summary>Gated experts whose matrices are stacked: gate rows first, then up, in one [E, 2 * width, D], and [E, D, width]. rows [N, D] -> [N, D].</summary>
    internal static Value StackedExperts(Module m, Value rows, Routing routing, int count, int width, Activation activation, string input, string output)
    {
        var d = LastSize(rows);
        if (activation.IsSilu && FusedExperts(m, rows, routing, count, new Gating(), e => new([Input(e), Output(e)], InTurn($"{m.Path}.{input}", Input(e).Slice(0, 0, width), Input(e).Slice(0, width, width)), Output(e))) is { } fused)
            return fused;
        return MixExperts(m, rows, routing, count, (e, x) =>
        {
            var both = Split(Product(x, Input(e), null), width, width);
            return Product(Activate(m, activation, both[0]) * both[1], Output(e), null);
        });

        Weight Input(int e) => m.Weight(input, count, 2 * width, d).Slice(0, e, 1).Reshape(2 * width, d);
        Weight Output(int e) => m.Weight(output, count, d, width).Slice(0, e, 1).Reshape(d, width);
    }

    private static Value WithinGroups(Value choice, ExpertGroups groups)
    {
        var g = choice.Graph;
        var count = LastSize(choice);
        var size = count / groups.Groups;
        var grouped = Op.Reshape(choice, [0, groups.Groups, size]);                                             // [N, groups, E / groups]
        var (best, _) = Op.TopK(grouped, groups.BestTwo ? 2 : 1, 2);
        var (_, kept) = Op.TopK(Op.ReduceSum(best, 2, keep: false), groups.Chosen, 1);                          // [N, chosen]
        var none = Op.Zeros(Op.Concat(0, Op.ShapeOf(choice, 0, 1), g.Constant(groups.Groups)), choice.Type, new Shape(choice.Shape[0], groups.Groups));
        var ones = Op.Expand(g.Scalar(1, choice.Type), Op.ShapeOf(kept, 0, 2), kept.Shape);
        var inside = Op.Cast(Op.Unsqueeze(Op.ScatterElements(none, kept, ones, 1), 2), ElementType.Bool);       // [N, groups, 1]
        return Op.Reshape(Op.Where(inside, grouped, g.Scalar(groups.Outside, choice.Type)), [0, count]);
    }
}
