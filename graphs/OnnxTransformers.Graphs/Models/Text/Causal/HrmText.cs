using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>HRM-Text (Sapient, 2026): two short stacks of layers, of which the low one runs several times on the sum of both states, then the high one, and all of it several times; the weights are the same each time, the cache is not. HRM-Text-1B.
/// Reference: models/hrm_text/modeling_hrm_text.py.</summary>
internal sealed class HrmText(HrmText.Config c, Module m)
{
    /// <param name="Sizes">Its sizes; the layers are all that run, each time counted.</param>
    /// <param name="Rotary">Positions.</param>
    /// <param name="Bias">Whether projections of attention have biases.</param>
    /// <param name="Epsilon">Of norms, which have no weights.</param>
    /// <param name="Width">Of the feed-forward part.</param>
    /// <param name="Activation">Of its gate.</param>
    /// <param name="Stack">Layers of a stack.</param>
    /// <param name="HighCycles">How often the high stack runs.</param>
    /// <param name="LowCycles">How often the low one runs before it.</param>
    /// <param name="Embedding">What embeddings are multiplied by.</param>
    internal sealed record Config(DecoderSizes Sizes, Rotary Rotary, bool Bias, double Epsilon, int Width, Activation Activation, int Stack, int HighCycles, int LowCycles, double Embedding)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("L_bp_cycles", "pretraining_tp", "num_key_value_heads", "initializer_range");   // how gradients flow
            if (json.Bool("prefix_lm", true)) json.Problem("prefix_lm", "true", "false (prompts that see themselves both ways are not supported yet)");
            if (json.Bool("mlp_bias", false)) json.Problem("mlp_bias", "true", "false");
            var sizes = DecoderSizes.Read(json, vocab: 151808, hidden: 1536, layers: 16, heads: 12, positions: 2048, headSize: 128);
            int high = json.Count("H_cycles", 2), low = json.Count("L_cycles", 3);
            // A configuration that names no stacks has their size where the sum stands in others.
            var stack = json.Count("num_layers_per_stack", sizes.Layers);
            var all = stack * high * (low + 1);
            if (json.Has("num_layers_per_stack") && sizes.Layers != all) json.Problem("num_hidden_layers", $"{sizes.Layers}", $"{all}, which the cycles and the layers of a stack give");
            return new(sizes with { Layers = all, KvHeads = sizes.Heads }, RotaryConfig.Read(json, sizes.HeadSize, sizes.MaxPositions), json.Bool("attention_bias", false), json.Double("rms_norm_eps", 1e-6), json.Count("intermediate_size", 4096),
                json.Activation("hidden_act", "silu"), stack, high, low, json.Double("embedding_scale", 1 / json.Double("initializer_range", 0.02)));
        }
    }

    private Value Attend(Module m, int slot, Value h, CausalInputs x)                               // [B, S, D] -> [B, S, D]
    {
        long width = (long)c.Sizes.Heads * c.Sizes.HeadSize;
        var parts = Split(Linear(m["gqkv_proj"], h, 4 * width, c.Bias), width, width, width, width);
        Value Turned(Value v) => Rotate(SplitHeads(v, c.Sizes.Heads), c.Rotary, x);
        var context = AttendCausal(m, x, slot, Turned(parts[1]), Turned(parts[2]), SplitHeads(parts[3], c.Sizes.Heads), new(c.Sizes.Scale));
        return Linear(m["o_proj"], context * Op.Sigmoid(parts[0]), c.Sizes.HiddenSize, c.Bias);
    }

    private Value Run(Module stack, int first, Value h, CausalInputs x) => RootMeanSquare(stack["layers"].Fold(c.Stack, h, (m, i, h) =>
    {
        h += Attend(m["attn"], first + i, RootMeanSquare(h, c.Epsilon), x);
        return h + FusedFeedForward(m["mlp"], RootMeanSquare(h, c.Epsilon), c.Width, c.Activation);
    }), c.Epsilon);

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Sizes;
        var high = TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied) * c.Embedding;
        Value low = m.Weight("z_L_init", s.HiddenSize);
        var slot = 0;
        for (var cycle = 0; cycle < c.HighCycles; cycle++)
        {
            for (var inner = 0; inner < c.LowCycles; inner++, slot += c.Stack) low = Run(m["L_module"], slot, low + high, x);
            high = Run(m["H_module"], slot, high + low, x);
            slot += c.Stack;
        }
        return high;
    }

    private CausalNetwork Network => new(m, c.Sizes, Hidden, h => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, c.Sizes.VocabSize, c.Sizes.Tied));

    internal static readonly ModelFamily Family = CausalFamily.Of("hrm_text", "model", Config.Read, (c, m) => new HrmText(c, m).Network);
}
