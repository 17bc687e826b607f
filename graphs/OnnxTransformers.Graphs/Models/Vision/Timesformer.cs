using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>TimeSformer (Bertasius et al., 2021): attention over the frames of each patch, then over the patches of each frame. facebook/timesformer-base-finetuned-k400. Reference: transformers, models/timesformer.</summary>
internal sealed class Timesformer(Timesformer.Config c, Module m)
{
    internal enum AttentionKind { Divided, SpaceOnly, Joint }

    internal sealed record Config(PixelSize Image, PixelSize Patch, int Channels, int Frames, int Layers, VisionBlock Block, AttentionKind Kind, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("drop_path_rate");
            return new(json.PixelSize("image_size", 224), json.PixelSize("patch_size", 16), json.Count("num_channels", 3), json.Count("num_frames", 8), json.Count("num_hidden_layers", 12), json.VisionBlock(1e-6f),
                json.OneOf("attention_type", AttentionKind.Divided, ("divided_space_time", AttentionKind.Divided), ("space_only", AttentionKind.SpaceOnly), ("joint_space_time", AttentionKind.Joint)), json.Labels());
        }

        internal int Width => Block.HiddenSize;

        internal int Cells => Image.Over(Patch).Cells;
    }

    /// <summary>Tokens patch by patch, the frames of each one after the other, behind the class token. -> [B, 1 + N*F, D]; of space alone each frame by itself, [B*F, 1 + N, D].</summary>
    private Value Embed(Module e)
    {
        var (g, n, f, width) = (m.Graph, c.Cells, c.Frames, c.Width);
        var video = VideoPixels(g, "pixel_values", f, c.Channels, c.Image.Pixels);
        Dim batch = video.Shape[0], frames = video.Shape[0] * f;
        Value pictures;
        using (e.Enter()) pictures = Op.Reshape(video, [-1, c.Channels, c.Image.Height, c.Image.Width], frames);
        var h = Tokens(Patches(e["patch_embeddings.projection"], pictures, width, c.Patch.Height, c.Patch.Width));
        using var scope = e.Enter();
        var table = e.Weight("position_embeddings", 1, n + 1, width);
        h += table.Slice(1, 1, n);
        var first = (Value)e.Weight("cls_token", 1, 1, width) + table.Slice(1, 0, 1);
        if (c.Kind == AttentionKind.SpaceOnly) return e.Result(Op.Concat(1, ForEachRow(first, h), h));
        var byPatch = Op.Transpose(Op.Reshape(h, [-1, f, n, width], batch), [0, 2, 1, 3]) + Op.Unsqueeze(e.Weight("time_embeddings", 1, f, width), 1);   // [B, N, F, D]
        var tokens = Op.Reshape(byPatch, [0, n * f, width]);
        return e.Result(Op.Concat(1, ForEachRow(first, tokens), tokens));
    }

    private Value Attention(Module at, Value x)
    {
        var a = at["attention"];
        var parts = Split(Linear(a["qkv"], x, 3 * c.Width, c.Block.QkvBias), c.Width, c.Width, c.Width);
        return Linear(at["output.dense"], Attend(a, parts[0], parts[1], parts[2], c.Block.Heads, mask: null), c.Width);
    }

    /// <summary>What attention over time, then over space adds. [B, 1 + N*F, D] -> the same.</summary>
    private Value Divided(Module at, Value h)
    {
        var (n, f, width, batch) = (c.Cells, c.Frames, c.Width, h.Shape[0]);
        Value first = Op.Slice(h, 1, 0, 1), tokens = Op.Slice(h, 1, 1, 1 + n * f);
        var time = Attention(at["temporal_attention"], LayerNorm(at["temporal_layernorm"], Op.Reshape(tokens, [-1, f, width], batch * n), c.Block.Epsilon));
        tokens += Linear(at["temporal_dense"], Op.Reshape(time, [-1, n * f, width], batch), width);
        var byFrame = Op.Transpose(Op.Reshape(tokens, [0, n, f, width]), [0, 2, 1, 3]);                 // [B, F, N, D]
        var firsts = Op.Expand(Op.Unsqueeze(first, 1), h.Graph.Constant(1, f, 1, 1), new Shape(batch, f, 1, width));
        var frames = Op.Reshape(Op.Concat(2, firsts, byFrame), [-1, 1 + n, width], batch * f);
        var space = Op.Reshape(Attention(at["attention"], LayerNorm(at["layernorm_before"], frames, c.Block.Epsilon)), [-1, f, 1 + n, width], batch);
        var mean = Op.ReduceMean(Op.Select(space, 2, 0), 1, keep: true);                                 // [B, 1, D]
        var rest = Op.Reshape(Op.Transpose(Op.Slice(space, 2, 1, 1 + n), [0, 2, 1, 3]), [0, n * f, width]);
        return Op.Concat(1, first, tokens) + Op.Concat(1, mean, rest);
    }

    private Value Block(Module at, Value h)
    {
        h = c.Kind == AttentionKind.Divided ? Divided(at, h) : h + Attention(at["attention"], LayerNorm(at["layernorm_before"], h, c.Block.Epsilon));
        return h + Linear(at["output.dense"], Linear(at["intermediate.dense"], LayerNorm(at["layernorm_after"], h, c.Block.Epsilon), c.Block.IntermediateSize, c.Block.Activation), c.Width);
    }

    private Value Encode() => LayerNorm(m["layernorm"], m["encoder.layer"].Fold(c.Layers, Embed(m["embeddings"]), Block), c.Block.Epsilon);

    private GraphOutputs Classify() => Logits(m.Root["classifier"], FirstToken(Encode()), c.Labels);

    internal static readonly ModelFamily Family = ModelFamily.Of("timesformer", "timesformer", Config.Read, (c, m) => new Timesformer(c, m), [],
        [
            new TaskGraphs<Timesformer>("feature-extraction", t => [("last_hidden_state", t.Encode())]),
            new TaskGraphs<Timesformer>("video-classification", t => t.Classify()),
        ]);
}
