using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>BioGPT (Luo et al., 2022): learned positions from the third row on, embeddings times the root of their width, norms before each part. microsoft/biogpt. Reference: models/biogpt/modeling_biogpt.py.</summary>
internal sealed class BioGpt(BioGpt.Config c, Module m)
{
    private const int Offset = 2;
    private const float Epsilon = 1e-5f;                                                            // the norms' own: layer_norm_eps is not read

    internal sealed record Config(DecoderSizes Sizes, int Width, Activation Activation, bool Scaled)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("layer_norm_eps", "layerdrop");
            var sizes = DecoderSizes.Read(json, vocab: 42384, hidden: 1024, layers: 24, heads: 16, positions: 1024, tied: true, padding: 1);
            return new(sizes, json.Count("intermediate_size", 4096), json.Activation("hidden_act", "gelu"), json.Bool("scale_embedding", true));
        }
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var attention = new SelfAttention(c.Sizes.Heads, c.Sizes.Heads, c.Sizes.HeadSize, Rotary: null) { Bias = true, OutputBias = true, Output = "out_proj" };
        h += Attention(m["self_attn"], x, i, LayerNorm(m["self_attn_layer_norm"], h, Epsilon), attention);
        return h + PlainFeedForward(m, LayerNorm(m["final_layer_norm"], h, Epsilon), c.Width, c.Activation, bias: true, "fc1", "fc2");
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Sizes;
        var h = TokenEmbedding(m["embed_tokens"], m.Root["output_projection"], x, s.VocabSize, s.HiddenSize, s.Tied);
        if (c.Scaled) h *= Math.Sqrt(s.HiddenSize);
        h += PositionEmbedding(m["embed_positions"], x, s.MaxPositions, s.HiddenSize, Offset);
        return LayerNorm(m["layer_norm"], m["layers"].Fold(s.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), Epsilon);
    }

    private Value Logits(Value h) => OutputTable(m.Root["output_projection"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied);

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits) { Positions = PositionInput.Absolute, TokenClassifier = "classifier", CountsToLast = true };

    internal static readonly ModelFamily Family = CausalFamily.Of("biogpt", "biogpt", Config.Read, (c, m) => new BioGpt(c, m).Network,
        new SkippedTensors("output_projection", "the output table, where the task does not read it or it is the embeddings' own"))
        // Its classifier reads the token at the place that the number of tokens gives, which padding on the left moves.
        .With("text-classification", new NetworkTraits { PaddingIsNeutral = false, MaskedIdsAreNeutral = false });
}
