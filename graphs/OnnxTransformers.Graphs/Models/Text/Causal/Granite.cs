using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Granite (IBM, 2024): LLaMA's network with constants on embeddings, scores, residuals and logits; also with experts in the place of the feed-forward part, or with sinks, windows and a rotary base for each layer. HyperCLOVA X (NAVER, 2025)
/// may norm both parts' results as well. granite-3.*, granite-3.*-a800m, granite-swash-*, HyperCLOVAX-SEED-Think-14B. Reference: models/granite/modeling_granite.py, models/granitemoe, models/granite_swa, models/hyperclovax.</summary>
internal sealed class Granite(Granite.Config c, Module m)
{
    /// <param name="Base">What it has of LLaMA.</param>
    /// <param name="Embedding">What embeddings are multiplied by.</param>
    /// <param name="Residual">What the results of both parts are.</param>
    /// <param name="Logits">What logits are divided by.</param>
    /// <param name="Experts">E; 0 for none.</param>
    /// <param name="PerToken">k.</param>
    internal sealed record Config(Llama.Config Base, double Embedding, double Residual, double Logits, int Experts = 0, int PerToken = 0)
    {
        /// <summary>Whether the results of both parts have norms of their own.</summary>
        internal bool NormsBehind { get; init; }
    }

    private static Config ReadDense(ConfigReader json) => Read(json, experts: false);

    private static Config ReadMoe(ConfigReader json) => Read(json, experts: true);

    private static Config Read(ConfigReader json, bool experts)
    {
        json.Ignore("router_aux_loss_coef", "output_router_logits", "position_embedding_type", "shared_intermediate_size");
        var sizes = DecoderSizes.Read(json, vocab: 32000, hidden: 4096, layers: 32, heads: 32, positions: 2048);
        var bias = json.Bool("attention_bias", false);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions)) { Bias = bias, OutputBias = bias, How = new(json.Double("attention_multiplier", 1)) };
        var llama = Llama.Config.Of(json, sizes, _ => attention, width: 11008) with { FeedForwardBias = json.Bool("mlp_bias", false) };
        return Of(json, llama) with { Experts = experts ? json.CountOf(8, "num_local_experts") : 0, PerToken = experts ? json.Count("num_experts_per_tok", 2) : 0 };
    }

    private static Config ReadSliding(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 100352, hidden: 2560, layers: 24, heads: 20, positions: 8192, kvHeads: 4, tied: true);
        var (bias, window) = (json.Bool("attention_bias", false), json.Count("sliding_window", 128));
        var slides = json.Sliding(sizes.Layers, i => i % 4 != 0);
        var rotary = Bases(json) is { IsEmpty: false } bases ? RotaryConfig.ReadBases(json, sizes.HeadSize, sizes.MaxPositions, bases)
            : [.. Enumerable.Repeat((Rotary?)RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions), sizes.Layers)];
        if (rotary.Length != sizes.Layers) json.Problem("layer_rope_theta", $"{rotary.Length} entries", $"one for each of the {sizes.Layers} layers");
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, Rotary: null) { Bias = bias, OutputBias = bias, How = new(json.Double("attention_multiplier", 1)), Sinks = "sinks" };
        SelfAttention At(int i) => attention with { Rotary = rotary.ElementAtOrDefault(i), How = attention.How with { Window = slides[i] ? window : 0 } };
        return Of(json, Llama.Config.Of(json, sizes, At, width: 8192, epsilon: 1e-5) with { FeedForwardBias = json.Bool("mlp_bias", false) });
    }

    /// <summary>The rotary base of each layer; null is 0, as the reference has it: no positions.</summary>
    private static ImmutableArray<double> Bases(ConfigReader json)
    {
        if (json.Raw("layer_rope_theta") is not { ValueKind: JsonValueKind.Array } list) return json.Doubles("layer_rope_theta", []);
        if (list.EnumerateArray().Any(b => b.ValueKind is not (JsonValueKind.Number or JsonValueKind.Null))) return json.Doubles("layer_rope_theta", []);
        return [.. list.EnumerateArray().Select(b => b.ValueKind == JsonValueKind.Null ? 0 : b.GetDouble())];
    }

    private static Config ReadHyperClova(ConfigReader json)
    {
        json.Ignore("pretraining_tp");
        var sizes = DecoderSizes.Read(json, vocab: 32000, hidden: 4096, layers: 32, heads: 32, positions: 2048);
        var bias = json.Bool("attention_bias", false);
        var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions)) { Bias = bias, OutputBias = bias, How = new(json.Double("attention_multiplier", sizes.Scale)) };
        var config = Of(json, Llama.Config.Of(json, sizes, _ => attention, width: 11008) with { FeedForwardBias = json.Bool("mlp_bias", false) });
        return config with { Logits = 1 / config.Logits, NormsBehind = json.Bool("use_post_norm", false) };     // here logits are multiplied
    }

    private static Config Of(ConfigReader json, Llama.Config llama) => new(llama, json.Double("embedding_multiplier", 1), json.Double("residual_multiplier", 1), json.Double("logits_scaling", 1));

    private Value FeedForward(Module m, Value h)                                                    // [B, S, D] -> [B, S, D]
    {
        if (c.Experts == 0) return GatedFeedForward(m["mlp"], h, c.Base.Width, c.Base.Activation, c.Base.FeedForwardBias);
        var (moe, rows) = (m["block_sparse_moe"], TokenRows(h));
        var routing = TopThenSoftmax(Linear(moe["router.layer"], rows, c.Experts, bias: false, MatrixRole.Router), c.PerToken);
        return LikeTokens(StackedExperts(moe, rows, routing, c.Experts, c.Base.Width, c.Base.Activation, "input_linear.weight", "output_linear.weight"), h);
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        Value Behind(string norm, Value part) => (c.NormsBehind ? RmsNorm(m[norm], part, c.Base.Epsilon) : part) * c.Residual;
        h += Behind("post_norm1", Attention(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Base.Epsilon), c.Base.Layers[i]));
        return h + Behind("post_norm2", FeedForward(m, RmsNorm(m["post_attention_layernorm"], h, c.Base.Epsilon)));
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Base.Sizes;
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied) * c.Embedding;
        return RmsNorm(m["norm"], m["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Base.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Base.Sizes.VocabSize, c.Base.Sizes.Tied) / c.Logits;

    private CausalNetwork Network => new(m, c.Base.Sizes, Hidden, Logits);

    private static ModelFamily Of(string modelType, Func<ConfigReader, Config> read) => CausalFamily.Of(modelType, "model", read, (c, m) => new Granite(c, m).Network);

    internal static readonly ModelFamily Family = Of("granite", ReadDense);
    internal static readonly ModelFamily Moe = Of("granitemoe", ReadMoe);
    internal static readonly ModelFamily Sliding = Of("granite_swa", ReadSliding);
    internal static readonly ModelFamily HyperClovaX = Of("hyperclovax", ReadHyperClova);
}
