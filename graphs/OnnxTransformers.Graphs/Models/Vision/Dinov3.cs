using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>DINOv3 (Siméoni et al., 2025): the vision transformer with rotary positions of patches, from -1 to 1 over the image, registers and learned scales. facebook/dinov3-vits16-pretrain-lvd1689m.
/// Reference: transformers, models/dinov3_vit.</summary>
internal sealed class Dinov3(Dinov3.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, int Patch, int Channels, int Width, int Inner, int Layers, int Heads, Activation Activation, float Epsilon, double Theta, bool QueryBias, bool KeyBias, bool ValueBias, bool OutputBias, bool MlpBias,
        bool Gated, int Registers, bool NormMaps, bool ReshapeMaps, ImmutableArray<int> Stages)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("layerscale_value", "drop_path_rate", "pos_embed_shift", "pos_embed_jitter", "pos_embed_rescale");
            int width = json.Count("hidden_size", 384), layers = json.Count("num_hidden_layers", 12);
            return new(json.PixelSize("image_size", 224), json.Count("patch_size", 16), json.Count("num_channels", 3), width, json.Count("intermediate_size", 1536), layers, json.Heads("num_attention_heads", 6, width), json.Activation("hidden_act", "gelu"),
                json.Float("layer_norm_eps", 1e-5f), json.Double("rope_theta", 100), json.Bool("query_bias", true), json.Bool("key_bias", false), json.Bool("value_bias", true), json.Bool("proj_bias", true), json.Bool("mlp_bias", true),
                json.Bool("use_gated_mlp", false), json.Count("num_register_tokens", 0, least: 0), json.Bool("apply_layernorm", true), json.Bool("reshape_hidden_states", true), json.OutStages(layers));
        }

        internal int Special => 1 + Registers;
    }

    /// <summary>[B, C, height, width] -> [B, 1 + R + N, D].</summary>
    private (Value Tokens, GridSize Size) Embed(Value pixels)
    {
        var e = m["embeddings"];
        var map = Conv(e["patch_embeddings"], pixels, c.Width, new Window(c.Patch, c.Patch));
        using var scope = e.Enter();
        var (size, h) = (GridSize.Of(map), Tokens(map));
        var first = ForEachRow(e.Weight("cls_token", 1, 1, c.Width), h);
        if (c.Registers == 0 && e.Has("register_tokens")) e["register_tokens"].LeaveOut("no registers");
        return (e.Result(c.Registers > 0 ? Op.Concat(1, first, ForEachRow(e.Weight("register_tokens", 1, c.Registers, c.Width), h), h) : Op.Concat(1, first, h)), size);
    }

    /// <summary>Cosines and sines of patches; special tokens aren't turned. -> twice [1 + R + N, d].</summary>
    private (Value Cos, Value Sin) Angles(GridSize size)
    {
        using var scope = m["rope_embeddings"].Enter();
        var (g, d) = (m.Graph, c.Width / c.Heads);
        Value rows = Op.Slice(size.Vector, 0, 0, 1), columns = Op.Slice(size.Vector, 0, 1, 2), zero = g.Scalar(0, ElementType.Int64);
        float[] rates = [.. Enumerable.Range(0, d / 4).Select(i => (float)(2 * Math.PI * Math.Pow(c.Theta, -4.0 * i / d)))];
        Value rate = g.Constant(ElementType.Float, [1, 1, rates.Length], MemoryMarshal.AsBytes(rates.AsSpan()));
        Value Centres(Value count, Dim name) => (Op.Cast(Op.Range(zero, Op.Squeeze(count, 0), name), ElementType.Float) + 0.5) / Op.Cast(count, ElementType.Float) * 2 - 1;
        var shape = Op.Concat(0, rows, columns, g.Constant(rates.Length));
        var full = new Shape(size.Height, size.Width, rates.Length);
        var down = Op.Expand(Op.Unsqueeze(Centres(rows, size.Height), 1, 2) * rate, shape, full);
        var across = Op.Expand(Op.Unsqueeze(Centres(columns, size.Width), 0, 2) * rate, shape, full);
        var half = Op.Reshape(Op.Concat(2, down, across), [-1, 2 * rates.Length], size.Cells);
        var angles = Op.Concat(1, half, half);
        var still = Op.Zeros(g.Constant(c.Special, d), ElementType.Float, new Shape(c.Special, d));
        var all = Op.Concat(0, still, angles);
        return (Op.Cast(Op.Cos(all), g.Options.ComputeType), Op.Cast(Op.Sin(all), g.Options.ComputeType));
    }

    private Value Turned(Value x, (Value Cos, Value Sin) angles)
    {
        long half = c.Width / c.Heads / 2;
        var heads = SplitHeads(x, c.Heads);                                                              // [B, H, S, d]
        var parts = Split(heads, half, half);
        return MergeHeads(heads * angles.Cos + Op.Concat(-1, -parts[1], parts[0]) * angles.Sin);
    }

    private Value Block(Module at, Value h, (Value Cos, Value Sin) angles)
    {
        var (a, mlp, x) = (at["attention"], at["mlp"], LayerNorm(at["norm1"], h, c.Epsilon));
        Value q = Linear(a["q_proj"], x, c.Width, c.QueryBias), k = Linear(a["k_proj"], x, c.Width, c.KeyBias), v = Linear(a["v_proj"], x, c.Width, c.ValueBias);
        using (a.Enter()) (q, k) = (Turned(q, angles), Turned(k, angles));
        h += Linear(a["o_proj"], Attend(a, q, k, v, c.Heads, mask: null), c.Width, c.OutputBias) * at["layer_scale1"].Weight("lambda1", c.Width);
        x = LayerNorm(at["norm2"], h, c.Epsilon);
        var made = c.Gated ? GatedFeedForward(mlp, x, c.Inner, c.Activation, c.MlpBias) : PlainFeedForward(mlp, x, c.Inner, c.Activation, c.MlpBias);
        return h + made * at["layer_scale2"].Weight("lambda1", c.Width);
    }

    private (ImmutableArray<Value> States, GridSize Size) States(Value pixels)
    {
        var (h, size) = Embed(pixels);
        var angles = Angles(size);
        return (m["layer"].Through(c.Layers, h, (at, _, x) => Block(at, x, angles)), size);
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, c.Image.Pixels);

    private GraphOutputs Features()
    {
        var h = LayerNorm(m["norm"], States(Pixels()).States[^1], c.Epsilon);
        return [("last_hidden_state", h), ("pooler_output", FirstToken(h))];
    }

    /// <summary>Maps without special tokens. The last stage's is normalized whatever apply_layernorm says.</summary>
    private ImmutableArray<Value> Maps(Value pixels)
    {
        var (states, size) = States(pixels);
        if (!c.NormMaps && !c.Stages.Contains(c.Layers)) m["norm"].LeaveOut("the last normalization, which apply_layernorm leaves out");
        return [.. c.Stages.Select(i =>
        {
            var patches = TokensAfter(c.NormMaps || i == c.Layers ? LayerNorm(m["norm"], states[i], c.Epsilon) : states[i], c.Special, size);
            return c.ReshapeMaps ? Map(patches, size) : patches;
        })];
    }

    internal static Backbone AsBackbone(ConfigReader json)
    {
        var c = Config.Read(json);
        return new(c.Image, new(c.Patch, c.Patch), (at, pixels) => new Dinov3(c, at).Maps(pixels));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("dinov3_vit", "dinov3_vit", Config.Read, (c, m) => new Dinov3(c, m), [SkippedTensors.MaskToken],
        [
            new TaskGraphs<Dinov3>("feature-extraction", d => d.Features()),
            new TaskGraphs<Dinov3>("backbone", d => Backbone.Outputs(d.Maps(d.Pixels()))),
        ]);
}
