using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>DeepSeek-V3 (DeepSeek-AI, 2024): keys and values from one narrow latent vector a token, experts chosen within groups by sigmoid scores, one expert for all. DeepSeek-V3, R1, Kimi-K2, Moonlight; and what differs in settings:
/// GLM-4.7-Flash (Z.ai, 2026), and Mistral 4 (Mistral AI, 2026), whose experts come from a softmax and whose queries grow with their position; both keep the latents.
/// Reference: models/deepseek_v3/modeling_deepseek_v3.py, models/glm4_moe_lite, models/mistral4.</summary>
internal sealed class DeepseekV3(DeepseekV3.Config c, Module m)
{
    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Attention">Attention of each layer.</param>
    /// <param name="Epsilon">Of norms.</param>
    /// <param name="Width">Of the feed-forward part of dense layers.</param>
    /// <param name="Part">The part with experts.</param>
    /// <param name="Sparse">Which layers have experts.</param>
    internal sealed record Config(DecoderSizes Sizes, LatentAttention Attention, double Epsilon, int Width, SparsePart Part, ImmutableArray<bool> Sparse);

    /// <summary>Defaults of a type's sizes.</summary>
    private sealed record Defaults(int Plain, int Turned, int Value, int Rank, int QueryRank, int Width, int Experts, int PerToken, int ExpertWidth, double RoutedScale, double Epsilon = 1e-6);

    private static Config ReadDeepseek(ConfigReader json)
    {
        // Training and parallelism only; extra layers for several tokens at once are not read.
        json.Ignore("aux_loss_alpha", "ep_size", "moe_layer_freq", "num_nextn_predict_layers", "scoring_func", "seq_aux", "topk_method");
        var sizes = DecoderSizes.Read(json, vocab: 129280, hidden: 7168, layers: 61, heads: 128, positions: 4096, kvHeads: 128);
        var d = new Defaults(128, 64, 128, 512, 1536, 18432, 256, 8, 2048, 2.5);
        var attention = ReadAttention(json, sizes, d);
        attention = attention with { Rotary = Paired(json, RotaryConfig.Read(json, attention.TurnedSize, sizes.MaxPositions)) };
        var part = ReadPart(json, d, ExpertScores.Sigmoid) with { Groups = new ExpertGroups(json.Count("n_group", 8), json.Count("topk_group", 4), BestTwo: true, Outside: 0) };
        var dense = json.Count("first_k_dense_replace", 3, least: 0);
        return Of(json, sizes, attention, d, part, [.. Enumerable.Range(0, sizes.Layers).Select(i => i >= dense)]);
    }

    private static Config ReadGlm(ConfigReader json)
    {
        json.Ignore("first_k_dense_replace", "num_nextn_predict_layers");                           // mlp_layer_types counts; more layers are not read
        var sizes = DecoderSizes.Read(json, vocab: 154880, hidden: 2048, layers: 47, heads: 20, positions: 202752, kvHeads: 20);
        var d = new Defaults(192, 64, 256, 512, 768, 10240, 64, 4, 1536, 1.8, Epsilon: 1e-5);
        var attention = ReadAttention(json, sizes, d);
        attention = attention with { Rotary = Paired(json, RotaryConfig.Read(json, attention.TurnedSize, sizes.MaxPositions)), KeepsLatents = true };
        return Of(json, sizes, attention, d, ReadPart(json, d, ExpertScores.Sigmoid) with { Groups = json.BestGroups() }, json.SparseLayers(sizes.Layers, i => i > 0));
    }

    private static Config ReadMistral(ConfigReader json)
    {
        var sizes = DecoderSizes.Read(json, vocab: 131072, hidden: 4096, layers: 36, heads: 32, positions: 1048576, kvHeads: 32, padding: 11);
        var d = new Defaults(64, 64, 128, 256, 1024, 12288, 128, 4, 2048, 1);
        var attention = ReadAttention(json, sizes, d);
        var head = attention.PlainSize + attention.TurnedSize;                                      // the share that is turned is one of the whole head
        var rotary = RotaryConfig.ReadBeside(json, head, sizes.MaxPositions, partial: (double)attention.TurnedSize / head, RotaryConfig.GrowthKeys);
        if (rotary.Size != attention.TurnedSize) json.Problem("rope_parameters.partial_rotary_factor", $"{rotary.Size} of {head} components", $"{attention.TurnedSize}, as qk_rope_head_dim says");
        attention = attention with { Rotary = Paired(json, rotary), KeepsLatents = true, QueryScale = RotaryConfig.GrowingQueries(json) };
        var dense = json.Count("first_k_dense_replace", 0, least: 0);
        return Of(json, sizes, attention, d, ReadPart(json, d, ExpertScores.Softmax) with { Bias = null, Groups = json.BestGroups(outside: 0) }, [.. Enumerable.Range(0, sizes.Layers).Select(i => i >= dense)]);
    }

    private static LatentAttention ReadAttention(ConfigReader json, DecoderSizes sizes, Defaults d)
    {
        json.Ignore("head_dim", "num_key_value_heads", "pretraining_tp", "qk_head_dim");            // these follow from the others
        int plain = json.Count("qk_nope_head_dim", d.Plain), turned = json.Count("qk_rope_head_dim", d.Turned);
        var queryRank = json.Int("q_lora_rank", json.Element.TryGetProperty("q_lora_rank", out _) ? 0 : d.QueryRank);
        return new(sizes.Heads, plain, turned, json.Count("v_head_dim", d.Value), json.Count("kv_lora_rank", d.Rank), queryRank, Rotary: null, Math.Pow(plain + turned, -0.5) * RotaryConfig.TemperatureScale(json))
        { Bias = json.Bool("attention_bias", false) };
    }

    private static Rotary Paired(ConfigReader json, Rotary rotary) => rotary with { Pairs = json.Bool("rope_interleave", true) ? RotaryPairs.InterleavedToHalves : RotaryPairs.Halves };

    private static SparsePart ReadPart(ConfigReader json, Defaults d, ExpertScores scores)
    {
        json.Ignore("output_router_logits", "router_aux_loss_coef");
        var width = json.Count("moe_intermediate_size", d.ExpertWidth);
        return new(json.CountOf(d.Experts, "n_routed_experts", "num_local_experts"), json.Count("num_experts_per_tok", d.PerToken), width, json.Activation("hidden_act", "silu"), scores)
        {
            Bias = "gate.e_score_correction_bias",
            Normalized = json.Bool("norm_topk_prob", true),
            Epsilon = 1e-20,
            Scale = json.Double("routed_scaling_factor", d.RoutedScale),
            SharedWidth = json.Count("n_shared_experts", 1) * width,
        };
    }

    private static Config Of(ConfigReader json, DecoderSizes sizes, LatentAttention attention, Defaults d, SparsePart part, ImmutableArray<bool> sparse) =>
        new(sizes, attention, json.Double("rms_norm_eps", d.Epsilon), json.Count("intermediate_size", d.Width), part, sparse);

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += AttendLatent(m["self_attn"], x, i, RmsNorm(m["input_layernorm"], h, c.Epsilon), c.Attention);
        var normed = RmsNorm(m["post_attention_layernorm"], h, c.Epsilon);
        return h + (c.Sparse[i] ? SparseFeedForward(m["mlp"], normed, c.Part) : GatedFeedForward(m["mlp"], normed, c.Width, c.Part.Activation));
    }

    private CausalNetwork Network => CausalNetwork.Of(m, c.Sizes, c.Epsilon, Layer) with
    {
        Cache = [.. Enumerable.Repeat(c.Attention.Cache, c.Sizes.Layers)],
        Positions = c.Attention.QueryScale is null ? PositionInput.Relative : PositionInput.Absolute,
    };

    private static ModelFamily Of(string modelType, Func<ConfigReader, Config> read, params ImmutableArray<SkippedTensors> skipped) =>
        CausalFamily.Of(modelType, "model", read, (c, m) => new DeepseekV3(c, m).Network, skipped);

    internal static readonly ModelFamily Family = Of("deepseek_v3", ReadDeepseek, new SkippedTensors("layers.61", "the layer that predicts several tokens at once, which the reference does not read"));
    internal static readonly ModelFamily Glm4Lite = Of("glm4_moe_lite", ReadGlm, new SkippedTensors("layers.47", "the layer that predicts several tokens at once, which the reference does not read"));
    internal static readonly ModelFamily Mistral4 = Of("mistral4", ReadMistral);
}
