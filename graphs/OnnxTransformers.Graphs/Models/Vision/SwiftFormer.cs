using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>SwiftFormer (Shaker et al., 2023): convolutional blocks, and one block a stage whose cells see the sum of all queries. MBZUAI/swiftformer-xs. Reference: transformers, models/swiftformer.</summary>
internal sealed class SwiftFormer(SwiftFormer.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, int Channels, ImmutableArray<int> Depths, ImmutableArray<int> Widths, double Ratio, ImmutableArray<bool> Downsamples, Activation Activation, Window Down, bool Scaled, float Epsilon, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("drop_path_rate", "drop_mlp_rate", "drop_conv_encoder_rate", "layer_scale_init_value");
            var depths = json.Counts("depths", [3, 3, 6, 4]);
            ImmutableArray<bool> downsamples = json.Raw("downsamples") is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.True)] : [.. Enumerable.Repeat(true, depths.Length)];
            if (downsamples.Length < depths.Length - 1) json.Problem("downsamples", $"{downsamples.Length} entries", $"one for each of the {depths.Length} stages");
            return new(json.PixelSize("image_size", 224), json.Count("num_channels", 3), depths, json.Counts("embed_dims", [48, 56, 112, 220], depths.Length), json.Double("mlp_ratio", 4), downsamples, json.Activation("hidden_act", "gelu"),
                Window.Padded(json.Count("down_patch_size", 3), json.Count("down_stride", 2), json.Int("down_pad", 1)), json.Bool("use_layer_scale", true), json.Float("batch_norm_eps", 1e-5f), json.Labels());
        }
    }

    private static Value Scaled(Module at, string name, Value x) => x * at.Weight(name, x.Shape[1].Size!.Value, 1, 1);

    /// <summary>A convolution of each channel, then of each cell. [B, D, h, w] -> [B, D, h, w].</summary>
    private Value Convolve(Module at, Value x, int inner)
    {
        var width = (int)x.Shape[1].Size!.Value;
        var h = BatchNorm(at["norm"], Conv(at["depth_wise_conv"], x, width, Window.Padded(3, 1, 1), width), c.Epsilon);
        h = Activate(at, Activation.Named("gelu"), Conv(at["point_wise_conv1"], h, inner, new Window(1)));
        return x + Scaled(at, "layer_scale", Conv(at["point_wise_conv2"], h, width, new Window(1)));
    }

    /// <summary>Additive attention. [B, N, D] -> [B, N, D]. Its weights of queries, w_g, are a softmax of one number each: 1.</summary>
    private static Value Attention(Module at, Value x)
    {
        var width = x.Shape[2].Size!.Value;
        at["w_g"].LeaveOut("what a softmax over one number makes 1 of");
        Value q = UnitLength(Linear(at["to_query"], x, width)), k = UnitLength(Linear(at["to_key"], x, width));
        return Linear(at["final"], Linear(at["proj"], Op.ReduceSum(q, 1, keep: true) * k, width) + q, width);
    }

    private Value Block(Module at, Value x)
    {
        var width = (int)x.Shape[1].Size!.Value;
        x = Convolve(at["local_representation"], x, width);
        var seen = Map(Attention(at["attn"], Tokens(x)), GridSize.Of(x));
        x += c.Scaled ? Scaled(at, "layer_scale_1", seen) : seen;
        var f = at["linear"];
        var wide = Activate(f, c.Activation, Conv(f["fc1"], BatchNorm(f["norm1"], x, c.Epsilon), (int)(width * c.Ratio), new Window(1)));
        var made = Conv(f["fc2"], wide, width, new Window(1));
        return x + (c.Scaled ? Scaled(at, "layer_scale_2", made) : made);
    }

    private Value Encode()
    {
        var (e, network, index) = (m["patch_embed.patch_embedding"], m["encoder.network"], 0);
        var relu = Activation.Named("relu");
        var h = PixelValues(m.Graph, c.Channels, c.Image.Pixels);
        h = Activate(e[2], relu, BatchNorm(e[1], Conv(e[0], h, c.Widths[0] / 2, Window.Padded(3, 2, 1)), c.Epsilon));
        h = Activate(e[5], relu, BatchNorm(e[4], Conv(e[3], h, c.Widths[0], Window.Padded(3, 2, 1)), c.Epsilon));
        for (var i = 0; i < c.Depths.Length; i++)
        {
            var (depth, inner) = (c.Depths[i], (int)(c.Ratio * c.Widths[i]));
            h = network[index++]["blocks"].Fold(depth, h, (at, j, x) => j == depth - 1 ? Block(at, x) : Convolve(at, x, inner));
            if (i == c.Depths.Length - 1 || (!c.Downsamples[i] && c.Widths[i] == c.Widths[i + 1])) continue;
            var down = network[index++];
            h = BatchNorm(down["norm"], Conv(down["proj"], h, c.Widths[i + 1], c.Down), c.Epsilon);
        }
        return h;
    }

    private GraphOutputs Classify()
    {
        var pooled = PooledMap(BatchNorm(m.Root["norm"], Encode(), c.Epsilon));
        return [("logits", (Logits(m.Root["head"], pooled, c.Labels)["logits"] + Logits(m.Root["dist_head"], pooled, c.Labels)["logits"]) / 2)];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("swiftformer", "swiftformer", Config.Read, (c, m) => new SwiftFormer(c, m), [SkippedTensors.BatchCounts],
        [
            new TaskGraphs<SwiftFormer>("feature-extraction", s => [("last_hidden_state", s.Encode())]),
            new TaskGraphs<SwiftFormer>("image-classification", s => s.Classify()),
        ]);
}
