using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision.Timm;

/// <summary>timm's ConvNeXt and its second version: stem, stages, head.norm, head.fc. Reference: timm, models/convnext.py.</summary>
internal sealed class TimmConvNext(TimmConvNext.Config c, Module m)
{
    private static readonly (string Name, int[] Depths, int[] Widths, int Hidden)[] Rows =
    [
        ("convnext_tiny", [3, 3, 9, 3], [96, 192, 384, 768], 0), ("convnext_small", [3, 3, 27, 3], [96, 192, 384, 768], 0), ("convnext_base", [3, 3, 27, 3], [128, 256, 512, 1024], 0),
        ("convnext_large", [3, 3, 27, 3], [192, 384, 768, 1536], 0), ("convnext_large_mlp", [3, 3, 27, 3], [192, 384, 768, 1536], 1536), ("convnext_xlarge", [3, 3, 27, 3], [256, 512, 1024, 2048], 0),
        ("convnextv2_tiny", [3, 3, 9, 3], [96, 192, 384, 768], 0), ("convnextv2_small", [3, 3, 27, 3], [96, 192, 384, 768], 0), ("convnextv2_base", [3, 3, 27, 3], [128, 256, 512, 1024], 0),
        ("convnextv2_large", [3, 3, 27, 3], [192, 384, 768, 1536], 0), ("convnextv2_huge", [3, 3, 27, 3], [352, 704, 1408, 2816], 0),
    ];

    internal sealed record Config(int Patch, int Channels, ImmutableArray<int> Widths, ImmutableArray<int> Depths, bool Scaled, bool GlobalNorm, int Hidden, float Epsilon, Activation Activation);

    internal static TimmNetwork? Find(string architecture, ConfigReader json)
    {
        var row = Array.Find(Rows, r => r.Name == architecture);
        if (row.Name is null) return null;
        var second = architecture.StartsWith("convnextv2", StringComparison.Ordinal);
        json.Ignore("drop_rate", "drop_path_rate", "head_init_scale");
        json.MustBe("conv_mlp", false, "linear layers of each cell");
        json.MustBe("head_norm_first", false, "the norm behind the pooling");
        var depths = json.Counts("depths", [.. row.Depths]);
        var scaled = json.Has("ls_init_value") ? json.DoubleOrNull("ls_init_value") is not null : !second;
        var c = new Config(json.Count("patch_size", 4), json.Count("in_chans", 3), json.Counts("dims", [.. row.Widths], depths.Length), depths, scaled, json.Bool("use_grn", second), json.Int("head_hidden_size", row.Hidden),
            json.Float("norm_eps", 1e-6f), json.Activation("act_layer", "gelu"));
        var pool = TimmNetwork.PoolingOfMaps(json);
        return new(new(224, 224), "head.fc", (at, pixels) => new TimmConvNext(c, at).Encode(pixels), (at, map) => new TimmConvNext(c, at).Head(pool(map))) { HeadModules = ["head"] };
    }

    private Value Block(Module at, Value x)
    {
        var width = x.Shape[1].Size!.Value;
        var mlp = at["mlp"];
        var h = LayerNorm(at["norm"], ChannelsLast(Conv(at["conv_dw"], x, (int)width, Window.Padded(7, 1, 3), (int)width)), c.Epsilon);
        h = Linear(mlp["fc1"], h, 4 * width, c.Activation);
        if (c.GlobalNorm) h = GlobalResponse(mlp["grn"], h, mlp["grn"].Weight("weight", 4 * width), mlp["grn"].Weight("bias", 4 * width));
        h = Linear(mlp["fc2"], h, width);
        return x + ChannelsFirst(c.Scaled ? h * at.Weight("gamma", width) : h);
    }

    private Value Encode(Value pixels)
    {
        var h = ChannelNorm(m["stem.1"], Conv(m["stem.0"], pixels, c.Widths[0], new Window(c.Patch, c.Patch)), c.Epsilon);
        return m["stages"].Fold(c.Depths.Length, h, (stage, i, x) =>
        {
            if (i > 0) x = Conv(stage["downsample.1"], ChannelNorm(stage["downsample.0"], x, c.Epsilon), c.Widths[i], new Window(2, 2));
            else if (stage["downsample.1"].Has("weight")) throw stage.Graph.Error("a first stage that changes the width is not supported");
            return stage["blocks"].Fold(c.Depths[i], x, Block);
        });
    }

    private Value Head(Value pooled)
    {
        var h = LayerNorm(m["head.norm"], pooled, c.Epsilon);
        return c.Hidden > 0 ? Linear(m["head.pre_logits.fc"], h, c.Hidden, Activation.Named("gelu")) : h;
    }
}
