using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision.Timm;

/// <summary>timm's ResNet and ResNeXt: conv1, bn1, layer1 to layer4, fc. Reference: timm, models/resnet.py.</summary>
internal sealed class TimmResNet(TimmResNet.Config c, Module m)
{
    /// <summary>An architecture: which stages have bottlenecks, blocks of each, and what differs from the plain one.</summary>
    private sealed record Row(string Name, bool Bottleneck, int[] Layers, string Stem = "", int StemWidth = 64, bool AverageDown = false, int Groups = 1, int BaseWidth = 64);

    private static readonly Row[] Rows =
    [
        new("resnet18", false, [2, 2, 2, 2]), new("resnet34", false, [3, 4, 6, 3]), new("resnet26", true, [2, 2, 2, 2]), new("resnet50", true, [3, 4, 6, 3]), new("resnet101", true, [3, 4, 23, 3]),
        new("resnet152", true, [3, 8, 36, 3]), new("resnet200", true, [3, 24, 36, 3]),
        new("resnet18d", false, [2, 2, 2, 2], "deep", 32, true), new("resnet34d", false, [3, 4, 6, 3], "deep", 32, true), new("resnet26d", true, [2, 2, 2, 2], "deep", 32, true), new("resnet50d", true, [3, 4, 6, 3], "deep", 32, true),
        new("resnet101d", true, [3, 4, 23, 3], "deep", 32, true), new("resnet152d", true, [3, 8, 36, 3], "deep", 32, true), new("resnet200d", true, [3, 24, 36, 3], "deep", 32, true),
        new("resnext50_32x4d", true, [3, 4, 6, 3], Groups: 32, BaseWidth: 4), new("resnext101_32x4d", true, [3, 4, 23, 3], Groups: 32, BaseWidth: 4), new("resnext101_32x8d", true, [3, 4, 23, 3], Groups: 32, BaseWidth: 8),
        new("wide_resnet50_2", true, [3, 4, 6, 3], BaseWidth: 128), new("wide_resnet101_2", true, [3, 4, 23, 3], BaseWidth: 128),
    ];

    internal sealed record Config(int Channels, bool Bottleneck, ImmutableArray<int> Depths, ImmutableArray<int> Planes, string Stem, int StemWidth, bool AverageDown, int Groups, int BaseWidth, int OutputStride)
    {
        internal int Expansion => Bottleneck ? 4 : 1;
    }

    private static Config? Read(string architecture, ConfigReader json, int outputStride = 32)
    {
        if (Array.Find(Rows, r => r.Name == architecture) is not { } row) return null;
        json.Ignore("features_only", "zero_init_last");
        var depths = json.Counts("layers", [.. row.Layers]);
        return new(json.Count("in_chans", 3), row.Bottleneck, depths, json.Counts("channels", [64, 128, 256, 512], depths.Length),
            json.OneOf("stem_type", row.Stem, ("", ""), ("deep", "deep"), ("deep_tiered", "deep_tiered")), json.Count("stem_width", row.StemWidth), json.Bool("avg_down", row.AverageDown), json.Count("cardinality", row.Groups),
            json.Count("base_width", row.BaseWidth), json.Count("output_stride", outputStride));
    }

    internal static TimmNetwork? Find(string architecture, ConfigReader json)
    {
        if (Read(architecture, json) is not { } c) return null;
        var pool = TimmNetwork.PoolingOfMaps(json);
        return new(new(224, 224), "fc", (at, pixels) => new TimmResNet(c, at).States(pixels)[^1], (_, map) => pool(map));
    }

    /// <summary>The network as a source of maps: 0 is the stem before its pooling, then the stages. Null where the name is not known.</summary>
    internal static Func<Module, Value, ImmutableArray<Value>>? Stages(string architecture, ConfigReader json, int outputStride = 32) => Read(architecture, json, outputStride) is { } c ? (at, pixels) => new TimmResNet(c, at).States(pixels) : null;

    private static Value Normalized(Module convolution, Module norm, Value x, int width, Window window, int groups = 1) => BatchNorm(norm, Conv(convolution, x, width, window, groups, bias: false), 1e-5f);

    private static Value Rectified(Module at, Value x) => Activate(at, Activation.Named("relu"), x);

    private Value Block(Module at, Value x, int planes, int stride, int firstDilation, int dilation)
    {
        var width = planes * c.Expansion;
        Value h;
        if (c.Bottleneck)
        {
            var inner = planes * c.BaseWidth / 64 * c.Groups;
            h = Rectified(at["act1"], Normalized(at["conv1"], at["bn1"], x, inner, new Window(1)));
            h = Rectified(at["act2"], Normalized(at["conv2"], at["bn2"], h, inner, Window.Padded(3, stride, firstDilation, firstDilation), c.Groups));
            h = Normalized(at["conv3"], at["bn3"], h, width, new Window(1));
        }
        else
        {
            h = Rectified(at["act1"], Normalized(at["conv1"], at["bn1"], x, planes, Window.Padded(3, stride, firstDilation, firstDilation)));
            h = Normalized(at["conv2"], at["bn2"], h, planes, Window.Padded(3, 1, dilation, dilation));
        }
        return Rectified(at, h + Shortcut(at["downsample"], x, h, width, stride, dilation));
    }

    private Value Shortcut(Module at, Value x, Value like, int width, int stride, int dilation)
    {
        if (!at["0"].Has("weight") && !at["1"].Has("weight")) return x;
        if (!c.AverageDown) return Normalized(at[0], at[1], x, width, new Window(1, stride));
        if (stride > 1)
            using (at[0].Enter())
            {
                var pooled = Op.AveragePool(x, [new(2, stride, Ceiling: true), new(2, stride, Ceiling: true)], countPadding: false);
                x = Op.Known(pooled, pooled.Shape.With(2, like.Shape[2]).With(3, like.Shape[3]));
            }
        else if (dilation > 1)
        {
            // Without a stride it pools, too: beyond the border zeros count.
            using (at[0].Enter()) x = Op.AveragePool(x, [new(2, 1, 0, 1), new(2, 1, 0, 1)], countPadding: true);
        }
        return Normalized(at[1], at[2], x, width, new Window(1));
    }

    private Value Stem(Value pixels)
    {
        var conv = m["conv1"];
        if (c.Stem.Length == 0) return Rectified(m["act1"], Normalized(conv, m["bn1"], pixels, 64, Window.Padded(7, 2, 3)));
        var first = c.Stem == "deep_tiered" ? 3 * (c.StemWidth / 4) : c.StemWidth;
        var h = Rectified(conv[2], Normalized(conv[0], conv[1], pixels, first, Window.Padded(3, 2, 1)));
        h = Rectified(conv[5], Normalized(conv[3], conv[4], h, c.StemWidth, Window.Padded(3, 1, 1)));
        return Rectified(m["act1"], Normalized(conv[6], m["bn1"], h, 2 * c.StemWidth, Window.Padded(3, 1, 1)));
    }

    /// <summary>[B, C, height, width] -> [B, D, h, w] each. From the output stride on, stages dilate instead of making maps smaller.</summary>
    private ImmutableArray<Value> States(Value pixels)
    {
        var stem = Stem(pixels);
        Value h;
        using (m["maxpool"].Enter()) h = Op.MaxPool(stem, [Window.Padded(3, 2, 1), Window.Padded(3, 2, 1)]);
        var states = ImmutableArray.CreateBuilder<Value>();
        states.Add(stem);
        var (reached, dilation, before) = (4, 1, 1);
        for (var i = 0; i < c.Depths.Length; i++)
        {
            var stride = i == 0 ? 1 : 2;
            if (reached >= c.OutputStride) (dilation, stride) = (dilation * stride, 1);
            else reached *= stride;
            var (own, first) = (dilation, before);
            h = m[$"layer{i + 1}"].Fold(c.Depths[i], h, (block, j, x) => Block(block, x, c.Planes[i], j == 0 ? stride : 1, j == 0 ? first : own, own));
            before = dilation;
            states.Add(h);
        }
        return states.ToImmutable();
    }
}
