using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>Hiera (Ryali et al., 2023): tokens in an order in which those that are pooled together, and those of a mask unit, stand at equal distances. facebook/hiera-tiny-224-hf. Reference: transformers, models/hiera.</summary>
internal sealed class Hiera(Hiera.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, PixelSize Patch, PixelSize Stride, PixelSize Padding, int Channels, int Width, double WidthFactor, double Ratio, ImmutableArray<int> Depths, ImmutableArray<int> Heads, int Pools, PixelSize Pool,
        PixelSize Unit, ImmutableArray<bool> InUnits, Activation Activation, float Epsilon, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("drop_path_rate", "layer_norm_init", "hidden_size", "num_layers", "decoder_hidden_size", "decoder_depth", "decoder_num_heads", "normalize_pixel_loss", "mask_ratio", "out_features", "out_indices", "stage_names");
            var depths = json.Counts("depths", [2, 3, 16, 3]);
            ImmutableArray<bool> units = json.Raw("masked_unit_attention") is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.True)] : [true, true, false, false];
            if (units.Length < depths.Length) json.Problem("masked_unit_attention", $"{units.Length} entries", $"one for each of the {depths.Length} stages");
            var padding = json.Ints("patch_padding", [3, 3]);
            if (padding.Length != 2)
            {
                json.Problem("patch_padding", $"[{string.Join(", ", padding)}]", "height and width");
                padding = [3, 3];
            }
            return new(json.PixelSize("image_size", 224), json.PixelSize("patch_size", 7), json.PixelSize("patch_stride", 4), new(padding[0], padding[^1]), json.Count("num_channels", 3), json.Count("embed_dim", 96),
                json.Double("embed_dim_multiplier", 2), json.Double("mlp_ratio", 4), depths, json.Counts("num_heads", [1, 2, 4, 8], depths.Length), json.Int("num_query_pool", 3), json.PixelSize("query_stride", 2),
                json.PixelSize("masked_unit_size", 8), units, json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-6f), json.Labels());
        }

        internal int WidthOf(int stage) => (int)(Width * Math.Pow(WidthFactor, stage));

        internal PixelSize Grid => Image.Over(Stride);
    }

    /// <summary>Tokens by their places in the blocks that are pooled, the finest first, then by block. [B, D, h, w] -> [B, N, D].</summary>
    private Value Unroll(Value map, GridSize size)
    {
        var (g, levels) = (map.Graph, c.Depths.Length - 1);
        long Power(int side) => (long)Math.Pow(side, levels);
        var rest = size.Vector / g.Constant(Power(c.Pool.Height), Power(c.Pool.Width));
        Value rows = g.Constant([.. Enumerable.Repeat((long)c.Pool.Height, levels)]), columns = g.Constant([.. Enumerable.Repeat((long)c.Pool.Width, levels)]);
        var shape = Op.Concat(0, Op.ShapeOf(map, 0, 2), Op.Slice(rest, 0, 0, 1), rows, Op.Slice(rest, 0, 1, 2), columns);
        Dim[] sides(Dim name, int side) => [$"blocks of {name}", .. Enumerable.Repeat((Dim)side, levels)];
        var apart = Op.Reshape(map, shape, new Shape([map.Shape[0], map.Shape[1], .. sides(map.Shape[2], c.Pool.Height), .. sides(map.Shape[3], c.Pool.Width)]));
        // Axes: batch, channels, blocks, then the coarsest to the finest place, of rows and of columns.
        int[] order = [0, .. Enumerable.Range(0, levels).SelectMany(i => new[] { 2 + levels - i, 3 + 2 * levels - i }), 2, 3 + levels, 1];
        return Op.Reshape(Op.Transpose(apart, order), [0, -1, map.Shape[1].Size!.Value], size.Cells);
    }

    private Value Embed(Value pixels)
    {
        var e = m["embeddings"];
        var map = Conv(e["patch_embeddings.projection"], pixels, c.Width, Window.Padded(c.Patch.Height, c.Stride.Height, c.Padding.Height), Window.Padded(c.Patch.Width, c.Stride.Width, c.Padding.Width));
        using var scope = e.Enter();
        var size = GridSize.Of(map);
        var positions = InterpolatePositions(e.Weight("position_embeddings", 1, c.Grid.Cells, c.Width), c.Grid.Height, c.Grid.Width, size);
        return e.Result(Unroll(map + Map(positions, size), size));
    }

    /// <summary>The largest of neighbours that are pooled, which stand a part of the sequence apart. [B, n * times, D] -> [B, n, D].</summary>
    private static Value Pooled(Value x, int times, Dim length) => times == 1 ? x : Op.ReduceMax(Op.Reshape(x, [0, times, -1, x.Shape[2].Size!.Value], length), 1, keep: false);

    private static Value Attention(Module at, Value x, int width, int heads, int pool, int window, bool inUnits, Dim length)
    {
        var d = width / heads;
        var qkv = Linear(at["qkv"], x, 3 * width);
        using var scope = at.Enter();
        Dim count = inUnits ? $"{x.Shape[1]} / {pool * window}" : 1, inside = inUnits ? pool * window : x.Shape[1];
        long[] shape = inUnits ? [0, pool * window, -1, 3, heads, d] : [0, -1, 1, 3, heads, d];
        var apart = Op.Transpose(Op.Reshape(qkv, shape, inUnits ? count : inside), [0, 3, 4, 2, 1, 5]);  // [B, 3, H, W, n, d]
        Value Part(int i) => Op.Select(apart, 1, i);
        Value q = Part(0), k = Part(1), v = Part(2);
        Dim fewer = inUnits ? window : length;
        if (pool > 1)
        {
            var windows = inUnits ? Op.Reshape(q, [0, 0, 0, pool, window, d]) : Op.Reshape(q, [0, 0, 0, pool, -1, d], fewer);
            q = Op.ReduceMax(windows, 3, keep: false);
        }
        var weights = Op.Softmax(Op.MatMul(q * (1 / Math.Sqrt(d)), Op.Transpose(k, [0, 1, 2, 4, 3])), -1);
        var context = Op.Transpose(Op.MatMul(weights, v), [0, 3, 2, 1, 4]);                              // [B, n, W, H, d]
        return Linear(at["proj"], Op.Reshape(context, [0, -1, width], length), width);
    }

    private Value Block(Module at, Value h, int stage, int pool, bool inUnits)
    {
        var (width, x) = (c.WidthOf(stage), LayerNorm(at["layernorm_before"], h, c.Epsilon));
        Dim length = pool > 1 ? $"{h.Shape[1]} / {pool}" : h.Shape[1];
        if (h.Shape[2] != width) h = Pooled(Linear(at["proj"], x, width), pool, length);
        var window = (int)(c.Unit.Cells * Math.Pow(c.Pool.Cells, -stage));
        h += Attention(at["attn"], x, width, c.Heads[stage], pool, window, inUnits, length);
        return h + Linear(at["mlp.fc2"], Linear(at["mlp.fc1"], LayerNorm(at["layernorm_after"], h, c.Epsilon), (int)(width * c.Ratio), c.Activation), width);
    }

    /// <summary>Declares the inputs. -> [B, N, D]: a stage's first block pools where one of the first num_query_pool stages ends.</summary>
    private Value Encode() => m["encoder.stages"].Fold(c.Depths.Length, Embed(PixelValues(m.Graph, c.Channels, c.Image.Pixels)), (stage, i, x) => stage["layers"].Fold(c.Depths[i], x, (at, j, h) =>
        Block(at, h, i, j == 0 && i > 0 && i <= c.Pools ? c.Pool.Cells : 1, c.InUnits[i] || (j == 0 && c.InUnits[Math.Max(0, i - 1)]))));

    private Value Pooler(Value h) => LayerNorm(m["pooler.layernorm"], Op.ReduceMean(h, 1, keep: false), c.Epsilon);

    private GraphOutputs Features()
    {
        var h = Encode();
        return [("last_hidden_state", h), ("pooler_output", Pooler(h))];
    }

    private GraphOutputs Classify() => Logits(m.Root["classifier"], Pooler(Encode()), c.Labels);

    internal static readonly ModelFamily Family = ModelFamily.Of("hiera", "hiera", Config.Read, (c, m) => new Hiera(c, m), [],
        [
            new TaskGraphs<Hiera>("feature-extraction", h => h.Features()),
            new TaskGraphs<Hiera>("image-classification", h => h.Classify()),
        ]);
}
