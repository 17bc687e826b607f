using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>CvT (Wu et al., 2021): overlapping patches, and queries, keys and values that convolutions make. microsoft/cvt-13. Reference: transformers, models/cvt.</summary>
internal sealed class Cvt(Cvt.Config c, Module m)
{
    /// <summary>The sizes of a stage.</summary>
    internal sealed record Stage(Window Patch, int Width, int Heads, int Depth, double Ratio, bool Bias, bool ClassToken, Window Query, Window Key);

    internal sealed record Config(int Channels, ImmutableArray<Stage> Stages, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            // The norms have PyTorch's epsilon, whatever the key says.
            json.Ignore("layer_norm_eps", "attention_drop_rate", "drop_rate", "drop_path_rate");
            var depths = json.Counts("depth", [1, 2, 10]);
            var n = depths.Length;
            foreach (var method in json.Strings("qkv_projection_method", []).Where(x => x != "dw_bn")) json.Problem("qkv_projection_method", $"\"{method}\"", "dw_bn, the only one that the reference builds");
            ImmutableArray<int> sizes = json.Counts("patch_sizes", [7, 3, 3], n), strides = json.Counts("patch_stride", [4, 2, 2], n), pads = Whole(json, "patch_padding", [2, 1, 1], n), widths = json.Counts("embed_dim", [64, 192, 384], n);
            ImmutableArray<int> heads = json.Counts("num_heads", [1, 3, 6], n), kernels = json.Counts("kernel_qkv", [3, 3, 3], n), keyPads = Whole(json, "padding_kv", [1, 1, 1], n), keyStrides = json.Counts("stride_kv", [2, 2, 2], n);
            ImmutableArray<int> queryPads = Whole(json, "padding_q", [1, 1, 1], n), queryStrides = json.Counts("stride_q", [1, 1, 1], n);
            var ratios = json.Doubles("mlp_ratio", [4, 4, 4]);
            if (ratios.Length < n) json.Problem("mlp_ratio", $"{ratios.Length} entries", $"one for each of the {n} stages");
            ImmutableArray<bool> biases = Flags(json, "qkv_bias", [true, true, true], n), tokens = Flags(json, "cls_token", [false, false, true], n);
            return new(json.Count("num_channels", 3), [.. Enumerable.Range(0, n).Select(i => new Stage(Window.Padded(sizes[i], strides[i], pads[i]), widths[i], heads[i], depths[i], ratios.ElementAtOrDefault(i), biases[i], tokens[i],
                Window.Padded(kernels[i], queryStrides[i], queryPads[i]), Window.Padded(kernels[i], keyStrides[i], keyPads[i])))], json.Labels());
        }

        private static ImmutableArray<int> Whole(ConfigReader json, string key, ImmutableArray<int> absent, int length) => Long(json, key, json.Ints(key, absent), length);

        private static ImmutableArray<bool> Flags(ConfigReader json, string key, ImmutableArray<bool> absent, int length) =>
            Long(json, key, json.Raw(key) is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.True)] : absent, length);

        private static ImmutableArray<T> Long<T>(ConfigReader json, string key, ImmutableArray<T> values, int length) where T : struct
        {
            if (values.Length == length) return values;
            json.Problem(key, $"{values.Length} entries", $"one for each of the {length} stages");
            return [.. new T[length]];
        }
    }

    private const float Epsilon = 1e-5f;

    private static Value Attention(Module at, Value h, GridSize size, Stage s)
    {
        var (a, special) = (at["attention"], s.ClassToken ? 1 : 0);
        var map = Map(TokensAfter(h, special, size), size);
        Value Projected(string name, Window window)
        {
            var p = a[$"convolution_projection_{name}.convolution_projection"];
            var x = Tokens(BatchNorm(p["normalization"], Conv(p["convolution"], map, s.Width, window, s.Width, bias: false), Epsilon));
            return Linear(a[$"projection_{name}"], s.ClassToken ? Op.Concat(1, Op.Slice(h, 1, 0, 1), x) : x, s.Width, s.Bias);
        }
        // Scores are divided by the root of the whole width, not of a head's.
        var query = Projected("query", s.Query) * Math.Sqrt(1.0 / s.Heads);
        return Linear(at["output.dense"], Op.Known(Attend(a, query, Projected("key", s.Key), Projected("value", s.Key), s.Heads, mask: null), h.Shape), s.Width);
    }

    private static Value Block(Module at, Value h, GridSize size, Stage s)
    {
        h += Attention(at["attention"], LayerNorm(at["layernorm_before"], h, Epsilon), size, s);
        return h + Linear(at["output.dense"], Linear(at["intermediate.dense"], LayerNorm(at["layernorm_after"], h, Epsilon), (int)(s.Width * s.Ratio), Activation.Named("gelu")), s.Width);
    }

    /// <summary>[B, C, height, width] -> the last map [B, D, h, w], its tokens, and the class token [B, 1, D] where the last stage has one.</summary>
    private (Value Map, Value Tokens, Value? ClassToken) Encode()
    {
        Value map = PixelValues(m.Graph, c.Channels, (224, 224)), tokens = map;
        Value? first = null;
        for (var i = 0; i < c.Stages.Length; i++)
        {
            var (at, s) = (m[$"encoder.stages.{i}"], c.Stages[i]);
            var e = at["embedding.convolution_embeddings"];
            var patches = Conv(e["projection"], map, s.Width, s.Patch);
            var (size, h) = (GridSize.Of(patches), LayerNorm(e["normalization"], Tokens(patches), Epsilon));
            if (s.ClassToken)
                using (at.Enter()) h = Op.Concat(1, ForEachRow(at.Weight("cls_token", 1, 1, s.Width), h), h);
            h = at["layers"].Fold(s.Depth, h, (layer, x) => Block(layer, x, size, s));
            tokens = TokensAfter(h, s.ClassToken ? 1 : 0, size);
            (first, map) = (s.ClassToken ? Op.Slice(h, 1, 0, 1) : null, Map(tokens, size));
        }
        return (map, tokens, first);
    }

    private GraphOutputs Features()
    {
        var (map, _, first) = Encode();
        return first is null ? [("last_hidden_state", map)] : [("last_hidden_state", map), ("cls_token_value", first)];
    }

    private GraphOutputs Classify()
    {
        var (_, tokens, first) = Encode();
        return Logits(m.Root["classifier"], Op.ReduceMean(LayerNorm(m.Root["layernorm"], first ?? tokens, Epsilon), 1, keep: false), c.Labels);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("cvt", "cvt", Config.Read, (c, m) => new Cvt(c, m), [SkippedTensors.BatchCounts],
        [
            new TaskGraphs<Cvt>("feature-extraction", v => v.Features()),
            new TaskGraphs<Cvt>("image-classification", v => v.Classify()),
        ]);
}
