using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Heads;

/// <summary>The modules of a sentence-transformers package behind a network: the graph gives token_embeddings [B, S, D] and sentence_embedding [B, E].</summary>
/// <remarks>Where prompts are left out of pooling, the graph has one more input, prompt_length int64 [1] with 0 as its default: so many positions of every row, from the left, are not pooled.</remarks>
internal static class SentenceEmbedding
{
    internal static GraphOutputs Apply(Graph graph, GraphOutputs network, ImmutableArray<SentenceModule> modules)
    {
        var root = new Module(graph, "");
        var mask = graph.InputNamed("attention_mask");
        if (modules[0] is SentenceModule.Splade splade) return [("sentence_embedding", Splade(network["logits"], mask, splade))];

        var tokens = network["last_hidden_state"];
        Value? pooled = null;
        foreach (var module in modules)
        {
            pooled = module switch
            {
                SentenceModule.Pooling m => Pool(graph, tokens, m.IncludePrompt ? mask : WithoutPrompt(graph, mask), m.Modes),
                _ when pooled is null => throw Misplaced(module),
                SentenceModule.Dense m => Dense(root[m.Prefix], pooled, m),
                SentenceModule.LayerNorm m => Layer.LayerNorm(root[m.Prefix]["norm"], pooled, 1e-5f),
                SentenceModule.Normalize => Normalize(graph, pooled),
                SentenceModule.Identity => pooled,
                _ => throw Misplaced(module),
            };
        }
        return [("token_embeddings", tokens), ("sentence_embedding", pooled!)];
    }

    private static UnsupportedCheckpointException Misplaced(SentenceModule module) =>
        new("reading modules.json", new Problem("the order of modules", module.GetType().Name, "a Transformer, then Pooling, then Dense, LayerNorm and Normalize; or a Transformer, then SpladePooling"));

    private static Value WithoutPrompt(Graph graph, Value mask)
    {
        var length = graph.InputWithDefault("prompt_length", [0]);
        using var scope = graph.Enter("prompt");
        var positions = Op.Range(graph.Scalar(0, ElementType.Int64), Op.Squeeze(Op.ShapeOf(mask, 1, 2), 0), mask.Shape[1]);
        return mask * Op.Cast(Op.GreaterOrEqual(positions, length), ElementType.Int64);
    }

    /// <summary>[B, S, D] -> [B, D for each mode].</summary>
    private static Value Pool(Graph graph, Value tokens, Value mask, ImmutableArray<PoolingMode> modes)
    {
        using var scope = graph.Enter("pooling");
        var real = Op.Cast(Op.Unsqueeze(mask, 2), tokens.Type);                                     // [B, S, 1]
        Value Sum() => Op.ReduceSum(tokens * real, 1, keep: false);
        Value Length() => Op.Max(Op.ReduceSum(real, 1, keep: false), graph.Scalar(1e-9, tokens.Type));
        Value Weighted()
        {
            var positions = Op.CumSum(Op.Expand(graph.Scalar(1, ElementType.Int64), Op.ShapeOf(mask, 0, 2), mask.Shape), 1);
            var weights = real * Op.Cast(Op.Unsqueeze(positions, 2), tokens.Type);
            return Op.ReduceSum(tokens * weights, 1, keep: false) / Op.Max(Op.ReduceSum(weights, 1, keep: false), graph.Scalar(1e-9, tokens.Type));
        }
        Value Last()
        {
            // The last position whose mask is 1: the first largest of the running count; a row without any takes position 0.
            var at = Op.Unsqueeze(Op.ArgMax(Op.CumSum(mask, 1) * mask, 1, keep: true), 2);          // [B, 1, 1]
            var index = Op.Expand(at, graph.Constant(1, 1, tokens.Shape[2].Size!.Value), new Shape(tokens.Shape[0], 1, tokens.Shape[2]));
            return Op.Squeeze(Op.GatherElements(tokens * real, index, 1), 1);
        }
        var parts = modes.Select(mode => mode switch
        {
            PoolingMode.Cls => FirstToken(tokens),
            PoolingMode.Max => Op.ReduceMax(Op.Where(Op.Cast(Op.Unsqueeze(mask, 2), ElementType.Bool), tokens, graph.Scalar(-1e9, tokens.Type)), 1, keep: false),
            PoolingMode.Mean => Sum() / Length(),
            PoolingMode.MeanSqrtLength => Sum() / Op.Sqrt(Length()),
            PoolingMode.WeightedMean => Weighted(),
            PoolingMode.LastToken => Last(),
            _ => throw new ArgumentOutOfRangeException(nameof(modes), mode, null),
        }).ToArray();
        return parts.Length == 1 ? parts[0] : Op.Concat(1, parts);
    }

    private static Value Dense(Module m, Value x, SentenceModule.Dense dense) =>
        Activate(m, Activation.Named(dense.Activation), Linear(m["linear"], x, dense.Out, dense.Bias));

    private static Value Normalize(Graph graph, Value x)
    {
        using var scope = graph.Enter("normalize");
        return x / Op.Max(Op.ReduceL2(x, -1, keep: true), graph.Scalar(1e-12, x.Type));
    }

    /// <summary>[B, S, V] -> [B, V].</summary>
    private static Value Splade(Value logits, Value mask, SentenceModule.Splade splade)
    {
        using var scope = logits.Graph.Enter("splade_pooling");
        var score = Op.Log(Op.Relu(logits) + 1);
        if (splade.Log1pOfRelu) score = Op.Log(score + 1);
        score *= Op.Cast(Op.Unsqueeze(mask, 2), logits.Type);
        return splade.Sum ? Op.ReduceSum(score, 1, keep: false) : Op.ReduceMax(score, 1, keep: false);
    }
}
