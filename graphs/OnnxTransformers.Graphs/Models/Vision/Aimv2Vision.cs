using System.Runtime.InteropServices;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>AIMv2's tower of images (Fini et al., 2024): gated feed-forward parts, root mean squares, a pooling query. apple/aimv2-large-patch14-224. Its table of positions fits images of the trained size; native ones compute theirs.
/// Reference: transformers, models/aimv2.</summary>
internal sealed class Aimv2Vision(Aimv2Vision.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, int Patch, int Channels, int Width, int Inner, int Layers, int Heads, Activation Activation, double Epsilon, bool QkvBias, bool MlpBias, bool Head, bool Native)
    {
        internal static Config Read(ConfigReader json)
        {
            var width = json.Count("hidden_size", 1024);
            return new(json.PixelSize("image_size", 224), json.Count("patch_size", 14), json.Count("num_channels", 3), width, json.Count("intermediate_size", 2816), json.Count("num_hidden_layers", 24), json.Heads("num_attention_heads", 8, width),
                json.Activation("hidden_act", "silu"), json.Double("rms_norm_eps", 1e-5), json.Bool("qkv_bias", false), json.Bool("mlp_bias", false), json.Bool("use_head", true), json.Bool("is_native", false));
        }
    }

    /// <summary>Sines and cosines of columns, then of rows. -> [1, h*w, D].</summary>
    private Value ComputedPositions(GridSize size)
    {
        var g = m.Graph;
        float[] rates = [.. Enumerable.Range(0, c.Width / 4).Select(i => (float)(1 / Math.Pow(10000, i / (c.Width / 4.0))))];
        Value rate = g.Constant(ElementType.Float, [1, 1, rates.Length], MemoryMarshal.AsBytes(rates.AsSpan())), zero = g.Scalar(0, ElementType.Int64);
        Value Steps(int axis, Dim name) => Op.Cast(Op.Range(zero, Op.Squeeze(Op.Slice(size.Vector, 0, axis, axis + 1), 0), name), ElementType.Float);
        var shape = Op.Concat(0, size.Vector, g.Constant(rates.Length));
        var full = new Shape(size.Height, size.Width, rates.Length);
        var columns = Op.Expand(Op.Unsqueeze(Steps(1, size.Width), 0, 2) * rate, shape, full);
        var rows = Op.Expand(Op.Unsqueeze(Steps(0, size.Height), 1, 2) * rate, shape, full);
        var all = Op.Concat(2, Op.Sin(columns), Op.Cos(columns), Op.Sin(rows), Op.Cos(rows));
        return Op.Cast(Op.Unsqueeze(Op.Reshape(all, [-1, 4 * rates.Length], size.Cells), 0), g.Options.ComputeType);
    }

    private Value Embed(Module e)
    {
        var pixels = c.Native ? PixelValues(m.Graph, c.Channels, c.Image.Pixels) : FixedPixelValues(m.Graph, c.Channels, c.Image.Pixels);
        var map = Conv(e["patch_embed"], pixels, c.Width, new Window(c.Patch, c.Patch));
        var (size, h) = (GridSize.Of(map), RmsNorm(e["rms_norm"], Tokens(map), c.Epsilon));
        using var scope = e.Enter();
        return h + (c.Native ? ComputedPositions(size) : e["position_embedding"].Weight("weight", size.Cells.Size!.Value, c.Width));
    }

    private Value Block(Module at, Value h)
    {
        var (a, x) = (at["attention"], RmsNorm(at["rms_norm1"], h, c.Epsilon));
        var context = Attend(a, Linear(a["q_proj"], x, c.Width, c.QkvBias), Linear(a["k_proj"], x, c.Width, c.QkvBias), Linear(a["v_proj"], x, c.Width, c.QkvBias), c.Heads, mask: null);
        h += Linear(a["out_proj"], context, c.Width, c.QkvBias);
        return h + GatedFeedForward(at["ffn"], RmsNorm(at["rms_norm2"], h, c.Epsilon), c.Inner, c.Activation, c.MlpBias);
    }

    /// <summary>What one learned query sees. [B, N, D] -> [B, D].</summary>
    private Value Pooled(Module head, Value h)
    {
        var query = ForEachRow(head.Weight("cls_token", 1, 1, c.Width), h);
        var context = Attend(head, query, Linear(head["k_proj"], h, c.Width, c.QkvBias), Linear(head["v_proj"], h, c.Width, c.QkvBias), c.Heads, mask: null);
        return Linear(head["output_proj"], FirstToken(context), c.Width);
    }

    private GraphOutputs Features()
    {
        var h = RmsNorm(m["rms_norm"], m["encoder.layers"].Fold(c.Layers, Embed(m["embeddings"]), Block), c.Epsilon);
        return c.Head ? [("last_hidden_state", h), ("pooler_output", Pooled(m["head"], h))] : [("last_hidden_state", h)];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("aimv2_vision_model", "aimv2", Config.Read, (c, m) => new Aimv2Vision(c, m), [], new TaskGraphs<Aimv2Vision>("feature-extraction", a => a.Features()));
}
