using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>CLIP with a residual network for images (Radford et al., 2021), which transformers doesn't have: OpenAI's RN50, RN101, RN50x4, RN50x16 and RN50x64. Reference: openai/CLIP, clip/model.py (ModifiedResNet).</summary>
internal sealed class OpenAiClip(OpenAiClip.Config c, Module m)
{
    private const float Epsilon = 1e-5f;
    private const int HeadWidth = 64, Expansion = 4;

    internal sealed record Config(ClipTextTower.Config Text, int Image, int Channels, int Width, ImmutableArray<int> Depths, int Space)
    {
        internal static Config Read(ConfigReader json)
        {
            var image = json.Tower("vision_config");
            image.Ignore("model_type");
            return new(ClipTextTower.Config.Read(json.Tower("text_config")), image.Count("image_size", 224), image.Count("num_channels", 3), image.Count("embedding_size", 64), image.Counts("depths", [3, 4, 6, 3]), json.Count("projection_dim", 1024));
        }

        /// <summary>Channels of the last map.</summary>
        internal int LastWidth => Width * Expansion << (Depths.Length - 1);
    }

    private DualEncoder Both => new(m, TextTower, ImageTower, cosines => DualEncoder.Scaled(m, cosines));

    private Tower TextTower()
    {
        var (h, pooled) = new ClipTextTower(c.Text, m["text_model"]).Encode();
        return new(h, pooled, Linear(m["text_projection"], pooled, c.Space, bias: false));
    }

    private Tower ImageTower()
    {
        var v = m["vision_model"];
        var map = Encode(v, PixelValues(m.Graph, c.Channels, (c.Image, c.Image)));
        return new(null, null, Pool(v["attnpool"], map));
    }

    /// <summary>[B, C, height, width] -> [B, D, height / 32, width / 32].</summary>
    private Value Encode(Module v, Value pixels)
    {
        var x = Step(v, "1", pixels, c.Width / 2, Window.Padded(3, 2, 1));
        x = Step(v, "2", x, c.Width / 2, Window.Padded(3, 1, 1));
        x = Halved(Step(v, "3", x, c.Width, Window.Padded(3, 1, 1)));
        for (var stage = 0; stage < c.Depths.Length; stage++)
        {
            var (width, smaller) = (c.Width << stage, stage > 0);
            x = v[$"layer{stage + 1}"].Fold(c.Depths[stage], x, (block, i, y) => Block(block, y, width, halves: smaller && i == 0));
        }
        return x;
    }

    private static Value Normalized(Module at, string number, Value x, int width, Window window) => BatchNorm(at[$"bn{number}"], Conv(at[$"conv{number}"], x, width, window, bias: false), Epsilon);

    private static Value Step(Module at, string number, Value x, int width, Window window) => Op.Relu(Normalized(at, number, x, width, window));

    /// <summary>Half the rows and columns, each the mean of two.</summary>
    private static Value Halved(Value x) => Op.AveragePool(x, [new Window(2, 2), new Window(2, 2)], countPadding: false);

    /// <summary>A bottleneck that averages where others stride.</summary>
    private static Value Block(Module b, Value x, int width, bool halves)
    {
        var h = Step(b, "2", Step(b, "1", x, width, new Window(1)), width, Window.Padded(3, 1, 1));
        h = Normalized(b, "3", halves ? Halved(h) : h, width * Expansion, new Window(1));
        if (!halves && x.Shape[1].Size == width * Expansion) return Op.Relu(h + x);
        var d = b["downsample"];
        return Op.Relu(h + BatchNorm(d["1"], Conv(d["0"], halves ? Halved(x) : x, width * Expansion, new Window(1), bias: false), Epsilon));
    }

    /// <summary>What the mean of all cells finds in them. [B, D, h, w] -> [B, P].</summary>
    private Value Pool(Module p, Value map)
    {
        var (cells, grid, size) = (Tokens(map), c.Image / 32, GridSize.Of(map));
        var table = p.Weight("positional_embedding", 1 + (long)grid * grid, c.LastWidth);
        var mean = Op.ReduceMean(cells, 1, keep: true) + (Value)table.Slice(0, 0, 1);
        var all = Op.Concat(1, mean, cells + InterpolatePositions(table.Slice(0, 1, (long)grid * grid).Reshape(1, (long)grid * grid, c.LastWidth), grid, grid, size));
        Value Projected(string name, Value x) => Linear(p[name], x, c.LastWidth);
        var found = Attend(p, Projected("q_proj", mean), Projected("k_proj", all), Projected("v_proj", all), c.LastWidth / HeadWidth, mask: null);
        return Linear(p["c_proj"], FirstToken(found), c.Space);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("openai-clip", [], Config.Read, (c, m) => new OpenAiClip(c, m), [SkippedTensors.BatchCounts], DualEncoder.ZeroShot<OpenAiClip>(x => x.Both));
}
