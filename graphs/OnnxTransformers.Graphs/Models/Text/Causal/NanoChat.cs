using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>nanochat (Karpathy, 2025): norms without weights, also behind the embeddings and over heads after they are turned the other way round; a squared rectifier, capped logits. nanochat-d20, -d32. Reference: models/nanochat/modeling_nanochat.py.</summary>
internal sealed class NanoChat(NanoChat.Config c, Module m)
{
    internal sealed record Config(DecoderSizes Sizes, SelfAttention Attention, double Epsilon, int Width, Activation Activation, double LogitCap)
    {
        internal static Config Read(ConfigReader json)
        {
            var sizes = DecoderSizes.Read(json, vocab: 50304, hidden: 768, layers: 12, heads: 6, positions: 2048, padding: 1);
            var (bias, epsilon) = (json.Bool("attention_bias", false), json.Double("rms_norm_eps", 1e-6));
            var rotary = RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions) switch
            {
                Rotary.Fixed f => f with { Values = [.. f.Values.Select(v => -v)] },                // the other way round
                var other => other,
            };
            if (rotary is not Rotary.Fixed) json.Problem("rope_parameters", "a scheme that depends on the call", "default, linear, llama3, yarn");
            var attention = new SelfAttention(sizes.Heads, sizes.KvHeads, sizes.HeadSize, rotary) { Bias = bias, OutputBias = bias, HeadNorm = (_, x) => RootMeanSquare(x, epsilon), TurnFirst = true };
            return new(sizes, attention, epsilon, json.Count("intermediate_size", 8192), json.Activation("hidden_act", "relu2"), json.Double("final_logit_softcapping", json.Element.TryGetProperty("final_logit_softcapping", out _) ? 0 : 15));
        }
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        h += Attention(m["self_attn"], x, i, RootMeanSquare(h, c.Epsilon), c.Attention);
        return h + PlainFeedForward(m["mlp"], RootMeanSquare(h, c.Epsilon), c.Width, c.Activation, bias: false, "fc1", "fc2");
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var h = RootMeanSquare(TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, c.Sizes.VocabSize, c.Sizes.HiddenSize, c.Sizes.Tied), c.Epsilon);
        return RootMeanSquare(m["layers"].Fold(c.Sizes.Layers, h, (layer, i, h) => Layer(layer, i, h, x)), c.Epsilon);
    }

    private Value Logits(Value h)
    {
        var logits = OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied);
        return c.LogitCap > 0 ? SoftCap(logits, c.LogitCap) : logits;
    }

    private CausalNetwork Network => new(m, c.Sizes, Hidden, Logits);

    internal static readonly ModelFamily Family = CausalFamily.Of("nanochat", "model", Config.Read, (c, m) => new NanoChat(c, m).Network);
}
