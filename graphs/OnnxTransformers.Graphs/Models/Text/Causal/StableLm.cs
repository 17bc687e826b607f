using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>StableLM (Stability AI, 2024): LLaMA's parts behind layer norms, rotary positions on a part of each head; stablelm-2-12b with both parts beside each other and norms of each head. Reference: models/stablelm/modeling_stablelm.py.</summary>
internal sealed class StableLm(StableLm.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, SelfAttention Attention, int Width, Activation Activation, float Epsilon, bool Parallel)
    {
        internal static Config Read(ConfigReader json)
        {
            var sizes = DecoderSizes.Read(json, vocab: 50304, hidden: 2560, layers: 32, heads: 32, positions: 4096, kvHeads: 32);
            var epsilon = json.Float("layer_norm_eps", 1e-5f);
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions, partial: 0.25)) { Bias = json.Bool("use_qkv_bias", false) };
            if (json.Bool("qk_layernorm", false)) attention = attention with { HeadNorm = (m, x) => EachHead(m, x, epsilon), Norms = ("q_layernorm", "k_layernorm") };
            return new(sizes, attention, json.Count("intermediate_size", 6912), json.Activation("hidden_act", "silu"), epsilon, json.Bool("use_parallel_residual", false));
        }
    }

    /// <summary>A norm for each head, with weights of its own.</summary>
    private static Value EachHead(Module m, Value x, float epsilon)                                 // [B, H, S, d] -> [B, H, S, d]
    {
        using var scope = m.Enter();
        int heads = (int)x.Shape[1].Size!.Value, d = (int)x.Shape[3].Size!.Value;
        var scales = Weight.Concat($"{m.Path}.norms.weight", 0, [.. Enumerable.Range(0, heads).Select(i => m["norms"][i].Weight("weight", d).Reshape(1, 1, d))]);
        return PlainNorm(m, x, epsilon) * (Value)scales;
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var normed = LayerNorm(m["input_layernorm"], h, c.Epsilon);
        var attended = h + Attention(m["self_attn"], x, i, normed, c.Attention);
        return attended + GatedFeedForward(m["mlp"], c.Parallel ? normed : LayerNorm(m["post_attention_layernorm"], attended, c.Epsilon), c.Width, c.Activation);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied);
        return LayerNorm(m["norm"], m["layers"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits);

    internal static readonly ModelFamily Family = CausalFamily.Of("stablelm", "model", Config.Read, (c, m) => new StableLm(c, m).Network);
}
