using System.Runtime.InteropServices;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>V-JEPA 2 (Assran et al., 2025): rotary positions of frame, row and column, and a predictor of what stands at places. facebook/vjepa2-vitl-fpc64-256. Reference: transformers, models/vjepa2.</summary>
internal sealed class VJepa2(VJepa2.Config c, Module m)
{
    internal sealed record Config(int Patch, int Side, int Frames, int Tubelet, int Channels, VisionBlock Block, int Layers, int PoolerLayers, VisionBlock Predictor, int PredictorLayers, int MaskTokens, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("drop_path_rate", "image_size", "pred_zero_init_mask_tokens");
            int width = json.Count("hidden_size", 1024), narrow = json.Count("pred_hidden_size", 384);
            var block = new VisionBlock(width, json.Heads("num_attention_heads", 16, width), (int)(width * json.Double("mlp_ratio", 4)), json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", 1e-6f), json.Bool("qkv_bias", true));
            var predictor = block with { HiddenSize = narrow, Heads = json.Heads("pred_num_attention_heads", 12, narrow), IntermediateSize = (int)(narrow * json.Double("pred_mlp_ratio", 4)) };
            return new(json.Count("patch_size", 16), json.Count("crop_size", 256), json.Count("frames_per_clip", 64), json.Count("tubelet_size", 2), json.Count("in_chans", 3), block, json.Count("num_hidden_layers", 24),
                json.Count("num_pooler_layers", 3), predictor, json.Count("pred_num_hidden_layers", 12), json.Count("pred_num_mask_tokens", 10), json.Labels());
        }

        internal int Width => Block.HiddenSize;

        internal int Grid => Side / Patch;

        internal int Tokens => Grid * Grid * (Frames / Tubelet);
    }

    /// <summary>Cosines and sines of the parts of a head that are turned: by frame, row and column. -> twice [N, r].</summary>
    /// <param name="part">Components of each of the three.</param>
    private (Value Cos, Value Sin) Angles(int part)
    {
        var (g, cells) = (m.Graph, c.Grid * c.Grid);
        double Angle(int token, int i)
        {
            var place = (i / part) switch { 0 => token / cells, 1 => token % cells / c.Grid, _ => token % c.Grid };
            return place / Math.Pow(10000, i % part % (part / 2) / (part / 2.0));
        }
        Value Table(Func<double, double> of)
        {
            float[] numbers = [.. Enumerable.Range(0, c.Tokens * 3 * part).Select(k => (float)of(Angle(k / (3 * part), k % (3 * part))))];
            return Op.Cast(g.Constant(ElementType.Float, [c.Tokens, 3 * part], MemoryMarshal.AsBytes(numbers.AsSpan())), g.Options.ComputeType);
        }
        return (Table(Math.Cos), Table(Math.Sin));
    }

    /// <summary>Heads turned by their places. [B, S, H*d] -> the same. Neighbours are exchanged, but angles go through all of a part and then once more, as the reference has it.</summary>
    private Value Turned(Value x, int heads, int times)
    {
        int d = (int)(x.Shape[2].Size!.Value / heads), part = 2 * (d / 3 / 2), turned = 3 * part;
        if (part == 0) return x;
        var (cos, sin) = Angles(part);
        if (times > 1) (cos, sin) = (Op.Concat(0, cos, cos), Op.Concat(0, sin, sin));
        var split = SplitHeads(x, heads);                                                                // [B, H, S, d]
        var front = Op.Slice(split, 3, 0, turned);
        var pairs = Op.Reshape(front, [0, 0, 0, turned / 2, 2]);
        var exchanged = Op.Reshape(Op.Concat(4, -Op.Slice(pairs, 4, 1, 2), Op.Slice(pairs, 4, 0, 1)), [0, 0, 0, turned]);
        var all = front * cos + exchanged * sin;
        return MergeHeads(turned < d ? Op.Concat(3, all, Op.Slice(split, 3, turned, d)) : all);
    }

    /// <summary>[B, S, D] -> [B, S, D].</summary>
    /// <param name="at">The layer.</param>
    /// <param name="h">Its input.</param>
    /// <param name="b">Its sizes.</param>
    /// <param name="times">How often all places stand one after the other.</param>
    private Value Block(Module at, Value h, VisionBlock b, int times = 1)
    {
        var (a, x, width) = (at["attention"], LayerNorm(at["norm1"], h, b.Epsilon), b.HiddenSize);
        Value q = Linear(a["query"], x, width, b.QkvBias), k = Linear(a["key"], x, width, b.QkvBias), v = Linear(a["value"], x, width, b.QkvBias);
        using (a.Enter()) (q, k) = (Turned(q, b.Heads, times), Turned(k, b.Heads, times));
        h += Linear(a["proj"], Attend(a, q, k, v, b.Heads, mask: null), width);
        return h + FeedForward(at["mlp"], LayerNorm(at["norm2"], h, b.Epsilon), b.IntermediateSize);
    }

    private Value FeedForward(Module at, Value x, int inner) => Linear(at["fc2"], Linear(at["fc1"], x, inner, c.Block.Activation), x.Shape[2].Size!.Value);

    /// <summary>Declares the inputs. -> [B, N, D].</summary>
    private Value Encode()
    {
        var e = m["encoder"];
        var video = VideoPixels(m.Graph, "pixel_values_videos", c.Frames, c.Channels, (c.Side, c.Side));
        var patch = new Window(c.Patch, c.Patch);
        var h = Tubelets(e["embeddings.patch_embeddings.proj"], video, c.Width, new Window(c.Tubelet, c.Tubelet), patch, patch);
        return LayerNorm(e["layernorm"], e["layer"].Fold(c.Layers, h, (layer, x) => Block(layer, x, c.Block)), c.Block.Epsilon);
    }

    /// <summary>What the predictor expects at every place, having seen all: every token, then a learned one for each place. [B, N, D] -> [B, N, D].</summary>
    private Value Predict(Value h)
    {
        var (p, e, width) = (m["predictor"], m["predictor.embeddings"], c.Predictor.HiddenSize);
        var seen = Linear(e["predictor_embeddings"], h, width);
        Value x;
        using (e.Enter())
        {
            var token = Op.Reshape(e.Weight("mask_tokens", c.MaskTokens, 1, 1, width).Slice(0, 1 % c.MaskTokens, 1), [1, 1, width]);
            x = Op.Concat(1, seen, ForEachRow(Op.Expand(token, m.Graph.Constant(1, c.Tokens, 1), new Shape(1, c.Tokens, width)), seen));
        }
        x = LayerNorm(p["layernorm"], p["layer"].Fold(c.PredictorLayers, x, (layer, y) => Block(layer, y, c.Predictor, times: 2)), c.Block.Epsilon);
        return Linear(p["proj"], Op.Slice(x, 1, c.Tokens, 2 * c.Tokens), c.Width);
    }

    /// <summary>What one learned query sees, after layers of their own. [B, N, D] -> [B, D].</summary>
    private Value Pooled(Module p, Value h)
    {
        const int widening = 4;                                                                          // the pooler's, whatever mlp_ratio says
        var heads = c.Block.Heads;
        Value Seen(Module a, Value queries, Value x) => Attend(a, Linear(a["q_proj"], queries, c.Width), Linear(a["k_proj"], x, c.Width), Linear(a["v_proj"], x, c.Width), heads, mask: null);
        Value Norm(Module at, string name, Value x) => LayerNorm(at[name], x, c.Block.Epsilon);
        h = p["self_attention_layers"].Fold(c.PoolerLayers, h, (at, x) =>
        {
            var normal = Norm(at, "layer_norm1", x);
            x += Linear(at["self_attn.out_proj"], Seen(at["self_attn"], normal, normal), c.Width);
            return x + FeedForward(at["mlp"], Norm(at, "layer_norm2", x), widening * c.Width);
        });
        var cross = p["cross_attention_layer"];
        var query = ForEachRow(p.Weight("query_tokens", 1, 1, c.Width), h);
        query += Seen(cross["cross_attn"], query, Norm(cross, "layer_norm1", h));
        return FirstToken(query + FeedForward(cross["mlp"], Norm(cross, "layer_norm2", query), widening * c.Width));
    }

    private GraphOutputs Features()
    {
        var h = Encode();
        return [("last_hidden_state", h), ("masked_hidden_state", h), ("predictor_output.last_hidden_state", Predict(h)), ("predictor_output.target_hidden_state", h)];
    }

    private GraphOutputs Classify()
    {
        m["predictor"].LeaveOut("the predictor, which classification does not ask");
        return Logits(m.Root["classifier"], Pooled(m.Root["pooler"], Encode()), c.Labels);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("vjepa2", "vjepa2", Config.Read, (c, m) => new VJepa2(c, m), [],
        [
            new TaskGraphs<VJepa2>("feature-extraction", v => v.Features()),
            new TaskGraphs<VJepa2>("video-classification", v => v.Classify()),
        ]);
}
