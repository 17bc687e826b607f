using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Command R and R7B (Cohere, 2024): layer norms without shift, attention and feed-forward beside each other, interleaved rotary positions; Cohere 2 turns on sliding layers only, and may have experts.
/// c4ai-command-r-*, aya-*, command-r7b, command-a, command-a-plus. Reference: models/cohere/modeling_cohere.py, models/cohere2, models/cohere2_moe.</summary>
internal sealed class Cohere(Cohere.Config c, Module m)
{
    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Layers">Attention of each layer.</param>
    /// <param name="Epsilon">Of norms.</param>
    /// <param name="Width">Of the feed-forward part of dense layers.</param>
    /// <param name="Activation">Of its gate.</param>
    /// <param name="LogitScale">What logits are multiplied by.</param>
    internal sealed record Config(DecoderSizes Sizes, ImmutableArray<SelfAttention> Layers, float Epsilon, int Width, Activation Activation, double LogitScale)
    {
        /// <summary>The part with experts; null where no layer has any.</summary>
        internal SparsePart? Part { get; init; }

        /// <summary>Which layers have experts.</summary>
        internal ImmutableArray<bool> Sparse { get; init; } = [.. Layers.Select(_ => false)];

        /// <summary>Of norms by the root mean square, which then stand in the place of the others; null for these.</summary>
        internal double? RmsEpsilon { get; init; }
    }

    private static Config ReadCohere(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 256000, hidden: 8192, layers: 40, heads: 64, positions: 8192, tied: true, padding: 0);
        var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions) with { Pairs = RotaryPairs.Interleaved };
        var epsilon = json.Float("layer_norm_eps", 1e-5f);
        var attention = Attention(json, sizes) with { Rotary = rotary };
        if (json.Bool("use_qk_norm", false)) attention = attention with { HeadNorm = (m, x) => HeadScaleNorm(m, x, epsilon) };
        return Of(json, sizes, [.. Enumerable.Repeat(attention, sizes.Layers)]);
    }

    private static Config ReadCohere2(ConfigReader json)
    {
        json.Ignore("cache_implementation", "order_of_interleaved_layers", "position_embedding_type", "rotary_pct", "use_embedding_sharing", "use_gated_activation", "use_parallel_block", "use_parallel_embedding", "use_qk_norm");   // never read
        var sizes = DecoderSizes.Read(json, vocab: 256000, hidden: 8192, layers: 40, heads: 64, positions: 8192, tied: true, padding: 0);
        var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions) with { Pairs = RotaryPairs.Interleaved };
        var attention = Attention(json, sizes);
        var pattern = json.CountOf(4, "sliding_window_pattern", "_sliding_window_pattern");
        var window = json.Count("sliding_window", 4096);
        var slides = json.Sliding(sizes.Layers, i => (i + 1) % pattern != 0);
        return Of(json, sizes, [.. slides.Select(s => s ? attention with { Rotary = rotary, How = attention.How with { Window = window } } : attention)]);
    }

    private static Config ReadMoe(ConfigReader json)
    {
        json.Ignore("output_router_logits", "router_aux_loss_coef");
        var sizes = DecoderSizes.Read(json, vocab: 256000, hidden: 8192, layers: 40, heads: 64, positions: 8192, headSize: 128, tied: true, padding: 0);
        var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions) with { Pairs = RotaryPairs.Interleaved };
        var attention = Attention(json, sizes);
        int first = json.Count("first_k_dense_replace", 0, least: 0), every = json.Count("prefix_dense_sliding_window_pattern", 1), pattern = json.Count("sliding_window_pattern", 4), window = json.Int("sliding_window", 4096);
        var slides = json.Sliding(sizes.Layers, i => i < first ? (i + 1) % every != 0 : (i - first + 1) % pattern != 0);
        var sparse = json.SparseLayers(sizes.Layers, i => i >= first);
        // A dense layer that is full by its pattern has positions all the same.
        SelfAttention At(int i) => slides[i] ? attention with { Rotary = rotary, How = attention.How with { Window = window } } : !sparse[i] && every == 1 ? attention with { Rotary = rotary } : attention;
        var scores = json.OneOf("expert_selection_fn", ExpertScores.SoftmaxOfChosen, ("softmax", ExpertScores.SoftmaxOfChosen), ("sigmoid", ExpertScores.SigmoidOfChosen));
        var width = json.Count("intermediate_size", 22528);
        var config = Of(json, sizes, [.. Enumerable.Range(0, sizes.Layers).Select(At)]);
        var part = new SparsePart(json.CountOf(8, "num_experts", "num_local_experts"), json.Count("num_experts_per_tok", 2), width, config.Activation, scores)
        {
            Normalized = json.Bool("norm_topk_prob", true) && scores == ExpertScores.SigmoidOfChosen,
            SharedWidth = width * json.Count("num_shared_experts", 0, least: 0),
            Averaged = json.OneOf("shared_expert_combination_strategy", true, ("average", true), ("sum", false)),
        };
        return config with { Width = json.Count("prefix_dense_intermediate_size", width), Part = part, Sparse = sparse, RmsEpsilon = json.DoubleOrNull("rms_norm_eps") };
    }

    private static SelfAttention Attention(ConfigReader json, DecoderSizes sizes)
    {
        var bias = json.Bool("attention_bias", false);
        return new(sizes.Heads, sizes.KvHeads, sizes.HeadSize, Rotary: null) { Bias = bias, OutputBias = bias };
    }

    private static Config Of(ConfigReader json, DecoderSizes sizes, ImmutableArray<SelfAttention> layers) =>
        new(sizes, layers, json.Float("layer_norm_eps", 1e-5f), json.Count("intermediate_size", 22528), json.Activation("hidden_act", "silu"), json.Double("logit_scale", 0.0625));

    /// <summary>A norm over each head, with a weight for each component of each head.</summary>
    private static Value HeadScaleNorm(Module m, Value x, float epsilon)                            // [B, H, S, d] -> [B, H, S, d]
    {
        using var scope = m.Enter();
        long heads = x.Shape[1].Size!.Value, d = x.Shape[3].Size!.Value;
        return PlainNorm(m, x, epsilon) * Op.Unsqueeze((Value)m.Weight("weight", heads, d), 1);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var normed = Norm(m["input_layernorm"], h);
        return h + Layers.Layer.Attention(m["self_attn"], x, i, normed, c.Layers[i]) + (c.Sparse[i] ? SparseFeedForward(m["mlp"], normed, c.Part!) : GatedFeedForward(m["mlp"], normed, c.Width, c.Activation));
    }

    private Value Norm(Module m, Value h) => c.RmsEpsilon is { } epsilon ? RmsNorm(m, h, epsilon) : ScaleNorm(m, h, c.Epsilon);

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return Norm(m["norm"], m["layers"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)));
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied) * c.LogitScale;

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits);

    private static ModelFamily Of(string modelType, Func<ConfigReader, Config> read) => CausalFamily.Of(modelType, "model", read, (c, m) => new Cohere(c, m).Network);

    internal static readonly ModelFamily Family = Of("cohere", ReadCohere);
    internal static readonly ModelFamily Cohere2 = Of("cohere2", ReadCohere2);
    internal static readonly ModelFamily Cohere2Moe = Of("cohere2_moe", ReadMoe);
}
