using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>PoolFormer (Yu et al., 2021): a transformer's block with the mean of neighbours in place of attention. sail/poolformer_s12. Reference: transformers, models/poolformer.</summary>
internal sealed class PoolFormer(PoolFormer.Config c, Module m)
{
    internal sealed record Config(int Channels, int Pool, double Ratio, ImmutableArray<int> Depths, ImmutableArray<int> Widths, ImmutableArray<int> Patches, ImmutableArray<int> Strides, ImmutableArray<int> Paddings, Activation Activation,
        bool Scaled, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("patch_size", "stride", "drop_path_rate", "layer_scale_init_value");
            var n = json.Count("num_encoder_blocks", 4);
            return new(json.Count("num_channels", 3), json.Count("pool_size", 3), json.Double("mlp_ratio", 4), json.Counts("depths", [2, 2, 6, 2], n), json.Counts("hidden_sizes", [64, 128, 320, 512], n), json.Counts("patch_sizes", [7, 3, 3, 3], n),
                json.Counts("strides", [4, 2, 2, 2], n), json.Ints("padding", [2, 1, 1, 1]), json.Activation("hidden_act", "gelu"), json.Bool("use_layer_scale", true), json.Labels());
        }
    }

    private const float Epsilon = 1e-5f;

    private Value Scaled(Module at, string name, Value x) => c.Scaled ? x * Op.Unsqueeze(at.Weight(name, x.Shape[1].Size!.Value), 1, 2) : x;

    /// <summary>[B, D, h, w] -> [B, D, h, w].</summary>
    private Value Block(Module at, Value x)
    {
        var width = (int)x.Shape[1].Size!.Value;
        var before = GroupNorm(at["before_norm"], x, 1, Epsilon);
        var window = Window.Padded(c.Pool, 1, c.Pool / 2);
        Value mixed;
        using (at["pooling"].Enter()) mixed = Op.AveragePool(before, [window, window], countPadding: false) - before;
        x += Scaled(at, "layer_scale_1", mixed);
        var o = at["output"];
        var wide = Activate(o, c.Activation, Conv(o["conv1"], GroupNorm(at["after_norm"], x, 1, Epsilon), (int)(width * c.Ratio), new Window(1)));
        return x + Scaled(at, "layer_scale_2", Conv(o["conv2"], wide, width, new Window(1)));
    }

    private Value Encode()
    {
        var e = m["encoder"];
        var h = PixelValues(m.Graph, c.Channels, (224, 224));
        for (var i = 0; i < c.Depths.Length; i++)
        {
            h = Conv(e[$"patch_embeddings.{i}.projection"], h, c.Widths[i], Window.Padded(c.Patches[i], c.Strides[i], c.Paddings[i]));
            h = e[$"block.{i}"].Fold(c.Depths[i], h, Block);
        }
        return h;
    }

    private GraphOutputs Classify() => Logits(m.Root["classifier"], PooledMap(GroupNorm(m.Root["norm"], Encode(), 1, Epsilon)), c.Labels);

    internal static readonly ModelFamily Family = ModelFamily.Of("poolformer", "poolformer", Config.Read, (c, m) => new PoolFormer(c, m), [],
        [
            new TaskGraphs<PoolFormer>("feature-extraction", p => [("last_hidden_state", p.Encode())]),
            new TaskGraphs<PoolFormer>("image-classification", p => p.Classify()),
        ]);
}
