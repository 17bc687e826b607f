using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Gemma 4 (Gemma Team, 2026): scores without a scale between normed queries and keys, normed values, wider heads on full layers, whose values may be their keys; the last layers may read the keys and values of earlier ones; each layer may
/// get a vector of its own for each token, and experts beside its dense part. gemma-4-e2b, -e4b, -26b-a4b, -31b, their texts. Reference: models/gemma4/modeling_gemma4.py.</summary>
internal sealed class Gemma4(Gemma4.Config c, Module m)
{
    /// <summary>A layer.</summary>
    /// <param name="KvHeads">K.</param>
    /// <param name="HeadSize">d.</param>
    /// <param name="Rotary">Positions.</param>
    /// <param name="Window">Keys that a query sees at most; 0 for all.</param>
    /// <param name="KeysAreValues">Whether values are the keys, before these are normed and turned.</param>
    /// <param name="ReadsFrom">The layer whose keys and values it reads: mostly itself.</param>
    /// <param name="Width">Of the feed-forward part.</param>
    internal sealed record Kind(int KvHeads, int HeadSize, Rotary Rotary, int Window, bool KeysAreValues, int ReadsFrom, int Width);

    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Layers">What each layer is.</param>
    /// <param name="Epsilon">Of norms.</param>
    /// <param name="Bias">Whether projections of attention have biases.</param>
    /// <param name="Activation">Of gates.</param>
    /// <param name="LogitCap">Logits are limited to this; 0 for no limit.</param>
    /// <param name="LayerInput">Width of the vector that each layer gets for each token; 0 for none.</param>
    /// <param name="LayerVocab">Rows of its table.</param>
    /// <param name="Experts">E; 0 for none.</param>
    /// <param name="PerToken">k.</param>
    /// <param name="ExpertWidth">Of an expert.</param>
    internal sealed record Config(DecoderSizes Sizes, ImmutableArray<Kind> Layers, double Epsilon, bool Bias, Activation Activation, double LogitCap, int LayerInput, int LayerVocab, int Experts, int PerToken, int ExpertWidth)
    {
        /// <summary>Layers that keep keys and values of their own: the first ones.</summary>
        internal int Keeping => Layers.Where((l, i) => l.ReadsFrom == i).Count();

        internal static Config Read(ConfigReader json)
        {
            json.Ignore("hidden_act", "cache_implementation");                                      // hidden_activation counts
            // "vision" is for tokens of one image, which texts don't have.
            if (json.String("use_bidirectional_attention") is { } both and not "vision") json.Problem("use_bidirectional_attention", $"\"{both}\"", "null, vision (tokens that see later ones are not supported yet)");
            var sizes = DecoderSizes.Read(json, vocab: 262144, hidden: 2304, layers: 30, heads: 8, positions: 131072, kvHeads: 4, headSize: 256, tied: true, padding: 0);
            // The last layer is full, whatever the list says.
            ImmutableArray<bool> slides = [.. json.Sliding(sizes.Layers, i => (i + 1) % 6 != 0).Select((s, i) => s && i < sizes.Layers - 1)];
            var (equal, window, width) = (json.Bool("attention_k_eq_v", false), json.Count("sliding_window", 512), json.Count("intermediate_size", 9216));
            var own = Heads(json, sizes, slides, equal);
            var fullSize = slides.IndexOf(false) is var at and >= 0 ? own[at].Size : sizes.HeadSize;
            var (full, sliding) = RotaryConfig.ReadLayers(json, (fullSize, 1), (sizes.HeadSize, 1), sizes.MaxPositions);
            var (shared, doubled) = (json.Count("num_kv_shared_layers", 0, least: 0), json.Bool("use_double_wide_mlp", false));
            var keeping = sizes.Layers - shared;
            if (shared > 0 && !Enumerable.Range(keeping, shared).All(i => slides.Take(keeping).Contains(slides[i]))) json.Problem("num_kv_shared_layers", $"{shared}", "so many that a layer of each kind is left to read from");
            var layers = Enumerable.Range(0, sizes.Layers).Select(i =>
            {
                var from = i < keeping ? i : Enumerable.Range(0, Math.Max(0, keeping)).LastOrDefault(k => slides[k] == slides[i]);
                return new Kind(own[i].KvHeads, own[i].Size, slides[i] ? sliding : full, slides[i] ? window : 0, equal && !slides[i], from, doubled && i >= keeping ? 2 * width : width);
            });
            var moe = json.Bool("enable_moe_block", false);
            int experts = json.Int("num_experts", 0), perToken = json.Int("top_k_experts", 0), expertWidth = json.Int("moe_intermediate_size", 0);
            if (moe && (experts <= 0 || perToken <= 0 || expertWidth <= 0)) json.Problem("enable_moe_block", "true", "true with num_experts, top_k_experts and moe_intermediate_size");
            return new(sizes, [.. layers], json.Double("rms_norm_eps", 1e-6), json.Bool("attention_bias", false), json.Activation("hidden_activation", "gelu_pytorch_tanh"), json.Double("final_logit_softcapping", 0),
                json.Int("hidden_size_per_layer_input", 256), json.Count("vocab_size_per_layer_input", 262144), moe ? experts : 0, perToken, expertWidth);
        }

        /// <summary>Key heads and head size of each layer: per_layer_config tells where a layer differs; before it, full layers had keys of their own.</summary>
        private static ImmutableArray<(int KvHeads, int Size)> Heads(ConfigReader json, DecoderSizes sizes, ImmutableArray<bool> slides, bool equal)
        {
            int wide = json.Count("global_head_dim", 512), few = json.Int("num_global_key_value_heads", sizes.KvHeads);
            if (json.Object("per_layer_config") is not { } given) return [.. slides.Select(s => s ? (sizes.KvHeads, sizes.HeadSize) : (equal ? few : sizes.KvHeads, wide))];
            return [.. Enumerable.Range(0, sizes.Layers).Select(i => given.Object($"{i}") is { } d ? (d.Count("num_key_value_heads", sizes.KvHeads), d.Count("head_dim", sizes.HeadSize)) : (sizes.KvHeads, sizes.HeadSize))];
        }
    }

    private Value Norm(Module m, Value h) => RmsNorm(m, h, c.Epsilon);

    private Value Attend(Module m, int i, Value h, CausalInputs x, Dictionary<int, (Value K, Value V)> kept)    // [B, S, D] -> [B, S, D]
    {
        var l = c.Layers[i];
        Value Heads(string name, int heads) => SplitHeads(Linear(m[name], h, (long)heads * l.HeadSize, c.Bias), heads);
        var q = Rotate(Norm(m["q_norm"], Heads("q_proj", c.Sizes.Heads)), l.Rotary, x);
        if (l.ReadsFrom == i)
        {
            var keys = Heads("k_proj", l.KvHeads);
            var values = RootMeanSquare(l.KeysAreValues ? keys : Heads("v_proj", l.KvHeads), c.Epsilon);
            kept[i] = Remember(m, x, i, Rotate(Norm(m["k_norm"], keys), l.Rotary, x), values);
        }
        var (k, v) = kept[l.ReadsFrom];
        return Linear(m["o_proj"], AttendTo(m, x, q, k, v, new(1) { Window = l.Window }), c.Sizes.HiddenSize, c.Bias);
    }

    private Value Experts(Module m, Value residual)                                                 // [B, S, D] -> [B, S, D]
    {
        var (router, rows) = (m["router"], TokenRows(residual));
        Value scale = router.Weight("scale", c.Sizes.HiddenSize);
        var logits = Linear(router["proj"], RootMeanSquare(rows, c.Epsilon) * scale * Math.Pow(c.Sizes.HiddenSize, -0.5), c.Experts, bias: false, MatrixRole.Router);
        var routing = Normalized(Top(Op.Softmax(logits, -1), c.PerToken), 0);
        routing = routing with { Weights = routing.Weights * Op.Gather(router.Weight("per_expert_scale", c.Experts), routing.Experts) };
        return LikeTokens(GatedExperts(m["experts"], Norm(m["pre_feedforward_layernorm_2"], rows), routing, c.Experts, c.ExpertWidth, c.Activation), residual);
    }

    private Value Layer(Module m, int i, Value h, Value? own, CausalInputs x, Dictionary<int, (Value K, Value V)> kept)    // [B, S, D] -> [B, S, D]
    {
        h += Norm(m["post_attention_layernorm"], Attend(m["self_attn"], i, Norm(m["input_layernorm"], h), x, kept));
        var dense = GatedFeedForward(m["mlp"], Norm(m["pre_feedforward_layernorm"], h), c.Layers[i].Width, c.Activation);
        if (c.Experts > 0) dense = Norm(m["post_feedforward_layernorm_1"], dense) + Norm(m["post_feedforward_layernorm_2"], Experts(m, h));
        h += Norm(m["post_feedforward_layernorm"], dense);
        if (own is not null)
        {
            var gate = Activate(m, c.Activation, Linear(m["per_layer_input_gate"], h, c.LayerInput, bias: false));
            h += Norm(m["post_per_layer_input_norm"], Linear(m["per_layer_projection"], gate * own, c.Sizes.HiddenSize, bias: false));
        }
        return h * (Value)m.Weight("layer_scalar", 1);
    }

    /// <summary>What each layer gets of a token: a row of a table of its own, and what the embedding says of it. -> [B, S, L, d].</summary>
    private Value LayerInputs(CausalInputs x, Value h)
    {
        var width = (long)c.Sizes.Layers * c.LayerInput;
        Value ByLayer(Value v) => Op.Reshape(v, [0, 0, c.Sizes.Layers, c.LayerInput]);
        var fromId = ByLayer(WordEmbedding(m["embed_tokens_per_layer"], x.InputIds, c.LayerVocab, width) * Math.Sqrt(c.LayerInput));
        var fromVector = ByLayer(Linear(m["per_layer_model_projection"], h, width, bias: false) * Math.Pow(c.Sizes.HiddenSize, -0.5));
        return (Norm(m["per_layer_projection_norm"], fromVector) + fromId) * Math.Sqrt(0.5);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Sizes;
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied) * Math.Sqrt(s.HiddenSize);
        var (own, kept) = (c.LayerInput > 0 ? LayerInputs(x, h) : null, new Dictionary<int, (Value, Value)>());
        return Norm(m["norm"], m["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, own is null ? null : Op.Select(own, 2, i), x, kept)));
    }

    private Value Logits(Value h)
    {
        var logits = OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied);
        return c.LogitCap > 0 ? SoftCap(logits, c.LogitCap) : logits;
    }

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { Cache = [.. c.Layers.Take(c.Keeping).Select(l => new KeyValueSizes(l.KvHeads, l.HeadSize, l.HeadSize))] };

    internal static readonly ModelFamily Family = CausalFamily.Of("gemma4_text", "model", Config.Read, (c, m) => new Gemma4(c, m).Network,
        [.. new[] { ".self_attn.k_proj.weight", ".self_attn.v_proj.weight", ".self_attn.k_norm.weight", ".self_attn.v_norm.weight" }.Select(n => new SkippedTensors(n, "of layers that read the keys and values of others"))]);
}
