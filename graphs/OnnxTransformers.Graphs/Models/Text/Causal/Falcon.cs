using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Falcon (Almazrouei et al., 2023): one key head for all queries or groups of them, attention and feed-forward beside each other or not, rotary positions or ALiBi. tiiuae/falcon-7b, -40b, -180B, -11B, falcon-rw-*.
/// Reference: models/falcon/modeling_falcon.py.</summary>
internal sealed class Falcon(Falcon.Config c, Module m)
{
    /// <param name="Sizes">Its sizes.</param>
    /// <param name="Rotary">Positions; null with ALiBi.</param>
    /// <param name="Fused">How q, k and v lie in one matrix.</param>
    /// <param name="Parallel">Whether both parts read the same hidden states.</param>
    /// <param name="TwoNorms">Whether each then has a norm of its own.</param>
    /// <param name="Width">Of the feed-forward part.</param>
    /// <param name="Activation">Of it.</param>
    /// <param name="Bias">Whether projections have biases.</param>
    /// <param name="Epsilon">Of norms.</param>
    internal sealed record Config(DecoderSizes Sizes, Rotary? Rotary, Layout Fused, bool Parallel, bool TwoNorms, int Width, Activation Activation, bool Bias, float Epsilon)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("num_kv_heads", "apply_residual_connection_post_layernorm");
            bool newer = json.Bool("new_decoder_architecture", false), multi = json.Bool("multi_query", true);
            var heads = json.CountOf(71, "num_attention_heads", "n_head");
            var kvHeads = newer || !multi ? json.CountOf(heads, "num_kv_heads", "n_head_kv") : 1;
            var sizes = DecoderSizes.Read(json, vocab: 65024, hidden: 4544, layers: 32, heads: 71, positions: 2048, tied: true) with { KvHeads = kvHeads };
            var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions);
            var parallel = json.Bool("parallel_attn", true) || newer;
            return new(sizes, json.Bool("alibi", false) ? null : rotary, newer ? Layout.Groups : multi ? Layout.OneKey : Layout.Heads, parallel, newer && json.Int("num_ln_in_parallel_attn", 2) == 2,
                json.Count("ffn_hidden_size", 4 * sizes.HiddenSize), json.Activation("activation", "gelu"), json.Bool("bias", false), json.Float("layer_norm_epsilon", 1e-5f));
        }
    }

    /// <summary>How q, k and v lie in one matrix: by head (q, k, v), all q then one k and one v, or by key head its q, then k, then v.</summary>
    internal enum Layout { Heads, OneKey, Groups }

    private Value Attention(Module m, int i, Value h, CausalInputs x)                               // [B, S, D] -> [B, S, D]
    {
        var s = c.Sizes;
        // The reference repeats the keys of groups before they are cached.
        var (q, k, v) = c.Fused == Layout.Heads ? SplitByHead(Linear(m["query_key_value"], h, 3 * s.HiddenSize, c.Bias), s.Heads)
            : SplitByGroup(Linear(m["query_key_value"], h, (s.Heads + 2L * s.KvHeads) * s.HeadSize, c.Bias), s.Heads, s.KvHeads);
        if (c.Fused == Layout.Groups) (k, v) = (RepeatHeads(k, s.Heads / s.KvHeads), RepeatHeads(v, s.Heads / s.KvHeads));
        (q, k) = (Rotate(q, c.Rotary, x), Rotate(k, c.Rotary, x));
        // Distances are scaled as scores are, and the reference adds them twice: to the scores and to the mask.
        var how = new CausalAttention(s.Scale) { Bias = c.Rotary is null ? Alibi.FromMask(x, s.Heads, 2 * s.Scale, rounded: true) : null };
        return Linear(m["dense"], AttendCausal(m, x, i, q, k, v, how), s.HiddenSize, c.Bias);
    }

    private Value FeedForward(Module m, Value h) => Linear(m["dense_4h_to_h"], Activate(m, c.Activation, Linear(m["dense_h_to_4h"], h, c.Width, c.Bias)), c.Sizes.HiddenSize, c.Bias);

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var normed = LayerNorm(m[c.TwoNorms ? "ln_attn" : "input_layernorm"], h, c.Epsilon);
        var attended = Attention(m["self_attention"], i, normed, x);
        if (!c.Parallel)
        {
            h += attended;
            return h + FeedForward(m["mlp"], LayerNorm(m["post_attention_layernorm"], h, c.Epsilon));
        }
        return h + (FeedForward(m["mlp"], c.TwoNorms ? LayerNorm(m["ln_mlp"], h, c.Epsilon) : normed) + attended);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["word_embeddings"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return LayerNorm(m["ln_f"], m["h"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["word_embeddings"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits)
    {
        Positions = c.Rotary is null ? PositionInput.None : PositionInput.Relative,
        Cache = c.Fused == Layout.OneKey ? c.Sizes.Cache : (c.Sizes with { KvHeads = c.Sizes.Heads }).Cache,
        TokenClassifier = "classifier",
    };

    internal static readonly ModelFamily Family = CausalFamily.Of("falcon", "transformer", Config.Read, (c, m) => new Falcon(c, m).Network);
}
