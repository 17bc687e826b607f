using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>ViTDet (Li et al., 2022): the vision transformer with windows in most blocks and biases of rows and columns that queries make. Reference: transformers, models/vitdet.</summary>
internal sealed class VitDet(VitDet.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, PixelSize Trained, PixelSize Patch, int Channels, int Layers, VisionBlock Block, ImmutableArray<int> Windowed, ImmutableArray<int> Residual, bool Absolute, bool Relative, int Window, ImmutableArray<int> Stages)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("drop_path_rate", "dropout_prob");
            int width = json.Count("hidden_size", 768), layers = json.Count("num_hidden_layers", 12);
            var block = new VisionBlock(width, json.Heads("num_attention_heads", 12, width), (int)(width * json.Double("mlp_ratio", 4)), json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-6f), json.Bool("qkv_bias", true));
            return new(json.PixelSize("image_size", 224), json.PixelSize("pretrain_image_size", 224), json.PixelSize("patch_size", 16), json.Count("num_channels", 3), layers, block, json.Ints("window_block_indices", []),
                json.Ints("residual_block_indices", []), json.Bool("use_absolute_position_embeddings", true), json.Bool("use_relative_position_embeddings", false), json.Int("window_size", 0), json.OutStages(layers));
        }

        internal int Width => Block.HiddenSize;
    }

    /// <summary>[B, C, height, width] -> [B, h, w, D].</summary>
    private Value Embed(Module e, Value pixels)
    {
        var map = Patches(e["projection"], pixels, c.Width, c.Patch.Height, c.Patch.Width);
        if (!c.Absolute) return ChannelsLast(map);
        using var scope = e.Enter();
        var (size, grid) = (GridSize.Of(map), c.Trained.Over(c.Patch));
        var table = e.Weight("position_embeddings", 1, grid.Cells + 1, c.Width).Slice(1, 1, grid.Cells);
        return ChannelsLast(map + Map(InterpolatePositions(table, grid.Height, grid.Width, size), size));
    }

    /// <summary>For each row (or column) of queries and of keys, the vector of their distance, interpolated where the map has another size than the trained one. -> [size, size, d].</summary>
    private static Value Distances(Module at, string name, int trained, Value size, Dim length)
    {
        var (g, d) = (at.Graph, at.Graph.Tensors.GetValueOrDefault($"{at.Path}.{name}")?.Shape[^1] ?? 1);
        var table = Op.Cast(at.Weight(name, 2 * trained - 1, d), ElementType.Float);
        Value one = g.Constant(1), zero = g.Scalar(0, ElementType.Int64);
        var line = Op.Resize(Op.Unsqueeze(Op.Transpose(table, [1, 0]), 0, 2), Op.Concat(0, one, size * 2 - 1), 1, $"2 * {length} - 1", Interpolation.Linear);   // [1, d, 1, 2 size - 1]
        var vectors = Op.Cast(Op.Transpose(Op.Squeeze(Op.Squeeze(line, 2), 0), [1, 0]), g.Options.ComputeType);
        var steps = Op.Range(zero, Op.Squeeze(size, 0), length);
        return Op.Gather(vectors, Op.Unsqueeze(steps, 1) - Op.Unsqueeze(steps, 0) + size - 1);
    }

    /// <summary>What queries make of rows and columns. [B, h*w, H*d] -> [B, H, h*w, h*w].</summary>
    private Value Bias(Module at, Value queries, Value vector, Dim height, Dim width, PixelSize trained)
    {
        using var scope = at.Enter();
        var (g, heads, d, cells) = (at.Graph, c.Block.Heads, c.Width / c.Block.Heads, queries.Shape[1]);
        Value rows = Op.Slice(vector, 0, 0, 1), columns = Op.Slice(vector, 0, 1, 2), batch = Op.ShapeOf(queries, 0, 1), head = g.Constant(heads);
        var q = Op.Reshape(SplitHeads(queries, heads), Op.Concat(0, batch, head, vector, g.Constant(d)), new Shape(queries.Shape[0], heads, height, width, d));
        var down = Op.MatMul(q, Op.Transpose(Distances(at, "rel_pos_h", trained.Height, rows, height), [0, 2, 1]));                     // [B, H, h, w, h]
        var turned = Op.MatMul(Op.Transpose(q, [0, 1, 3, 2, 4]), Op.Transpose(Distances(at, "rel_pos_w", trained.Width, columns, width), [0, 2, 1]));
        var across = Op.Transpose(turned, [0, 1, 3, 2, 4]);                                                                             // [B, H, h, w, w]
        var count = rows * columns;
        return Op.Reshape(Op.Unsqueeze(down, 5) + Op.Unsqueeze(across, 4), Op.Concat(0, batch, head, count, count), new Shape(queries.Shape[0], heads, cells, cells));
    }

    /// <summary>[B, h, w, D] -> [B, h, w, D].</summary>
    private Value Attention(Module at, Value x, PixelSize trained)
    {
        Value vector, flat;
        Dim height = x.Shape[1], width = x.Shape[2], cells = height * width;
        using (at.Enter()) (vector, flat) = (Op.ShapeOf(x, 1, 3), Op.Reshape(x, [0, -1, c.Width], cells));
        var parts = Split(Linear(at["qkv"], flat, 3 * c.Width, c.Block.QkvBias), c.Width, c.Width, c.Width);
        var bias = c.Relative ? Bias(at, parts[0], vector, height, width, trained) : null;
        var made = Linear(at["proj"], Attend(at, parts[0], parts[1], parts[2], c.Block.Heads, mask: null, bias), c.Width);
        using (at.Enter()) return Op.Reshape(made, Op.ShapeOf(x, 0, 4), x.Shape);
    }

    private Value InWindows(Module at, Value x)
    {
        var (padded, counts) = PadToWindows(x, 1, c.Window, c.Window);
        var windows = Windows(padded, counts, c.Window);                                                 // [B, W, n, D]
        var each = Op.Reshape(windows, [-1, c.Window, c.Window, c.Width], windows.Shape[0] * windows.Shape[1]);
        var made = Op.Reshape(Attention(at, each, new(c.Window, c.Window)), Op.ShapeOf(windows, 0, 4), windows.Shape);
        return CropLike(FromWindows(made, counts, c.Window, padded.Shape), x);
    }

    private Value Block(Module at, int i, Value h)
    {
        var b = c.Block;
        var x = LayerNorm(at["norm1"], h, b.Epsilon);
        h += c.Window > 0 && c.Windowed.Contains(i) ? InWindows(at["attention"], x) : Attention(at["attention"], x, c.Image.Over(c.Patch));
        h += Linear(at["mlp.fc2"], Linear(at["mlp.fc1"], LayerNorm(at["norm2"], h, b.Epsilon), b.IntermediateSize, b.Activation), c.Width);
        if (!c.Residual.Contains(i)) return h;
        var r = at["residual"];
        Value Step(int n, Value y, int width, Window window) => ChannelNorm(r[$"norm{n}"], Conv(r[$"conv{n}"], y, width, window, bias: false), 1e-6f);
        var made = Activate(r["act1"], b.Activation, Step(1, ChannelsFirst(h), c.Width / 2, new Window(1)));
        made = Activate(r["act2"], b.Activation, Step(2, made, c.Width / 2, Window.Padded(3, 1, 1)));
        return h + ChannelsLast(Step(3, made, c.Width, new Window(1)));
    }

    private ImmutableArray<Value> States(Value pixels) => m["encoder.layer"].Through(c.Layers, Embed(m["embeddings"], pixels), Block);

    private Value Pixels() => PixelValues(m.Graph, c.Channels, c.Image.Pixels);

    private ImmutableArray<Value> Maps(Value pixels)
    {
        var states = States(pixels);
        return [.. c.Stages.Select(i => ChannelsFirst(states[i]))];
    }

    internal static Backbone AsBackbone(ConfigReader json)
    {
        var c = Config.Read(json);
        return new(c.Image, c.Patch, (at, pixels) => new VitDet(c, at).Maps(pixels));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("vitdet", "vitdet", Config.Read, (c, m) => new VitDet(c, m), [],
        [
            new TaskGraphs<VitDet>("feature-extraction", v => [("last_hidden_state", ChannelsFirst(v.States(v.Pixels())[^1]))]),
            new TaskGraphs<VitDet>("backbone", v => Backbone.Outputs(v.Maps(v.Pixels()))),
        ]);
}
