using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>GPT-Neo (Black et al., 2021): GPT-2's network with separate projections, scores that are not scaled, and windows on every other layer. gpt-neo-125m, -1.3B, -2.7B, TinyStories. Reference: models/gpt_neo/modeling_gpt_neo.py.</summary>
internal sealed class GptNeo(GptNeo.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, ImmutableArray<int> Windows, int Width, Activation Activation, float Epsilon)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("attention_layers", "resid_dropout", "embed_dropout", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels");   // attention_types, written out
            var layers = json.CountOf(24, "num_layers", "num_hidden_layers");
            var heads = json.CountOf(16, "num_heads", "num_attention_heads");
            var sizes = DecoderSizes.Read(json, vocab: 50257, hidden: 2048, layers: layers, heads: heads, positions: 2048, tied: true);
            var window = json.Count("window_size", 256);
            return new(sizes, [.. Kinds(json, layers).Select(local => local ? window : 0)], json.IntOrNull("intermediate_size") ?? 4 * sizes.HiddenSize, json.Activation("activation_function", "gelu_new"), json.Float("layer_norm_epsilon", 1e-5f));
        }

        /// <summary>attention_types is a list of [[kinds], times]; true for local layers.</summary>
        private static IEnumerable<bool> Kinds(ConfigReader json, int layers)
        {
            if (json.Raw("attention_types") is not { } types) return Enumerable.Range(0, layers).Select(i => i % 2 == 1);
            try
            {
                var kinds = types.EnumerateArray().SelectMany(t => Enumerable.Repeat(t[0].EnumerateArray().Select(k => k.GetString()).ToArray(), t[1].GetInt32()).SelectMany(k => k)).ToList();
                if (kinds.Count == layers && kinds.All(k => k is "global" or "local")) return kinds.Select(k => k == "local");
            }
            catch (Exception e) when (e is InvalidOperationException or IndexOutOfRangeException) { }
            json.Problem("attention_types", types.GetRawText(), $"[[[kinds], times]] with global and local, {layers} in all");
            return Enumerable.Repeat(false, layers);
        }
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var (s, a, normed) = (c.Sizes, m["attn.attention"], LayerNorm(m["ln_1"], h, c.Epsilon));
        Value Projected(string name) => SplitHeads(Linear(a[name], normed, s.HiddenSize, bias: false), s.Heads);
        h += Linear(a["out_proj"], AttendCausal(a, x, i, Projected("q_proj"), Projected("k_proj"), Projected("v_proj"), new(1) { Window = c.Windows[i] }), s.HiddenSize);
        return h + PlainFeedForward(m["mlp"], LayerNorm(m["ln_2"], h, c.Epsilon), c.Width, c.Activation, bias: true, "c_fc", "c_proj");
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = TokenEmbedding(m["wte"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied) + PositionEmbedding(m["wpe"], x, c.Sizes.MaxPositions, c.Sizes.HiddenSize);
        return LayerNorm(m["ln_f"], m["h"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["lm_head"], m["wte"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { Positions = PositionInput.Absolute, TokenClassifier = "classifier" };

    internal static readonly ModelFamily Family = CausalFamily.Of("gpt_neo", "transformer", Config.Read, (c, m) => new GptNeo(c, m).Network,
        new SkippedTensors(".attn.attention.bias", "a buffer of older versions: the causal mask"), new SkippedTensors(".attn.attention.masked_bias", "a buffer of older versions: the fill of masks"));
}
