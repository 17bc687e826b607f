using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text.Causal;

/// <summary>Mamba (Gu and Dao, 2023): no attention, but selective state spaces behind short convolutions; Falcon Mamba (Zuo et al., 2024) norms what steers them; Mamba 2 (Dao and Gu, 2024) has them by heads. mamba-*-hf, falcon-mamba-7b,
/// mamba2-*, Mamba-Codestral-7B. Reference: models/mamba/modeling_mamba.py, models/falcon_mamba, models/mamba2.</summary>
internal sealed class Mamba(Mamba.Config c, Module m)
{
    /// <param name="Sizes">Its sizes; it has no heads of attention.</param>
    /// <param name="Epsilon">Of norms.</param>
    /// <param name="Mix">A layer's mixer, at its module and number: [B, S, D] -> [B, S, D].</param>
    internal sealed record Config(DecoderSizes Sizes, double Epsilon, Func<Module, int, Value, CausalInputs, Value> Mix);

    private static Config ReadMamba(ConfigReader json) => ReadSelective(json, "use_mambapy", _ => (_, _, x) => x);

    private static Config ReadFalcon(ConfigReader json) => ReadSelective(json, "use_falcon_mambapy", epsilon => (_, _, x) => RootMeanSquare(x, epsilon));

    private static Config ReadSelective(ConfigReader json, string kernels, Func<double, Func<Module, string, Value, Value>> norm)
    {
        json.Ignore(kernels, "use_associative_scan", "rescale_prenorm_residual", "time_step_floor", "time_step_init_scheme", "time_step_max", "time_step_min", "time_step_scale", "mixer_rms_eps");
        var sizes = ReadSizes(json, layers: 32, tied: true);
        var width = json.Count("intermediate_size", json.Count("expand", 2) * sizes.HiddenSize);
        var automatic = json.Raw("time_step_rank") is not { ValueKind: System.Text.Json.JsonValueKind.Number };
        var rank = automatic ? (sizes.HiddenSize + 15) / 16 : json.Count("time_step_rank", 1);
        var space = new SelectiveStateSpace(width, json.Count("state_size", 16), rank, json.Count("conv_kernel", 4), json.Activation("hidden_act", "silu"))
        { ConvolutionBias = json.Bool("use_conv_bias", true), Bias = json.Bool("use_bias", false), Norm = norm(json.Double("mixer_rms_eps", 1e-6)) };
        return new(sizes, json.Double("layer_norm_epsilon", 1e-5), (m, i, h, x) => MixSelectively(m, x, i, h, space));
    }

    private static Config ReadMamba2(ConfigReader json)
    {
        json.Ignore("chunk_size", "rescale_prenorm_residual", "rms_norm", "time_step_floor", "time_step_max", "time_step_min", "time_step_rank", "intermediate_size");
        var sizes = ReadSizes(json, vocab: 32768, hidden: 4096, layers: 64, tied: false, padding: 1);
        var (width, heads, size) = (json.Count("expand", 2) * sizes.HiddenSize, json.Count("num_heads", 128), json.Count("head_dim", 64));
        if (heads * size != width) json.Problem("num_heads", $"{heads} heads of {size}", $"heads that make up the width of {width}, which is expand times hidden_size");
        var epsilon = json.Double("layer_norm_epsilon", 1e-5);
        var space = new HeadedStateSpace(heads, size, json.Count("state_size", 128), json.Count("n_groups", 8), json.Count("conv_kernel", 4), json.Activation("hidden_act", "silu"))
        { ConvolutionBias = json.Bool("use_conv_bias", true), Bias = json.Bool("use_bias", false), OutputBias = json.Bool("use_bias", false), TimeSteps = json.TimeSteps(), GatedNorm = (m, y, gate) => GateThenNorm(m["norm"], y, gate, epsilon) };
        return new(sizes, epsilon, (m, i, h, x) => MixByHeads(m, x, i, h, space));
    }

    private static DecoderSizes ReadSizes(ConfigReader json, int layers, bool tied, int vocab = 50280, int hidden = 768, int padding = 0)
    {
        json.Ignore("residual_in_fp32");                                                            // sums are in the graph's type
        var width = json.Count("hidden_size", hidden);
        return new(json.Count("vocab_size", vocab), width, json.Count("num_hidden_layers", layers), 1, 1, width, int.MaxValue, json.Bool("tie_word_embeddings", tied), json.Labels(), json.IntOrNull("pad_token_id") ?? padding);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var s = c.Sizes;
        var h = TokenEmbedding(m["embeddings"], m.Root["lm_head"], x, s.VocabSize, s.HiddenSize, s.Tied);
        return RmsNorm(m["norm_f"], m["layers"].Fold(s.Layers, h, (layer, i, h) => h + c.Mix(layer["mixer"], i, RmsNorm(layer["norm"], h, c.Epsilon), x)), c.Epsilon);
    }

    private CausalNetwork Network => new(m, c.Sizes, Hidden, h => OutputTable(m.Root["lm_head"], m["embeddings"], h, c.Sizes.VocabSize, c.Sizes.Tied)) { Cache = [], HasStates = true, Positions = PositionInput.None };

    private static ModelFamily Of(string modelType, Func<ConfigReader, Config> read) => CausalFamily.Of(modelType, "backbone", read, (c, m) => new Mamba(c, m).Network);

    internal static readonly ModelFamily Family = Of("mamba", ReadMamba);
    internal static readonly ModelFamily Falcon = Of("falcon_mamba", ReadFalcon);
    internal static readonly ModelFamily Second = Of("mamba2", ReadMamba2);
}
