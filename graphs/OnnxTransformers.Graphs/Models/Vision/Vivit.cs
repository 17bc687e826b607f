using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>ViViT (Arnab et al., 2021): the vision transformer over blocks of several frames, with learned positions. google/vivit-b-16x2-kinetics400. Reference: transformers, models/vivit.</summary>
internal sealed class Vivit(Vivit.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, int Frames, int Time, PixelSize Patch, int Channels, int Layers, VisionBlock Block, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            var width = json.Count("hidden_size", 768);
            var tubelet = json.Counts("tubelet_size", [2, 16, 16], 3);
            return new(json.PixelSize("image_size", 224), json.Count("num_frames", 32), tubelet[0], new(tubelet[1], tubelet[2]), json.Count("num_channels", 3), json.Count("num_hidden_layers", 12),
                new(width, json.Heads("num_attention_heads", 12, width), json.Count("intermediate_size", 3072), json.Activation("hidden_act", "gelu_fast"), json.Float("layer_norm_eps", 1e-6f), json.Bool("qkv_bias", true)), json.Labels());
        }

        internal int Width => Block.HiddenSize;

        internal int Tokens => Image.Over(Patch).Cells * (Frames / Time);
    }

    /// <summary>Declares the inputs. -> [B, 1 + N, D].</summary>
    private Value Encode()
    {
        var e = m["embeddings"];
        var video = VideoPixels(m.Graph, "pixel_values", c.Frames, c.Channels, c.Image.Pixels);
        var h = Tubelets(e["patch_embeddings.projection"], video, c.Width, new Window(c.Time, c.Time), new Window(c.Patch.Height, c.Patch.Height), new Window(c.Patch.Width, c.Patch.Width));
        using (e.Enter()) h = e.Result(Op.Concat(1, ForEachRow(e.Weight("cls_token", 1, 1, c.Width), h), h) + e.Weight("position_embeddings", 1, c.Tokens + 1, c.Width));
        return LayerNorm(m["layernorm"], m["encoder.layer"].Fold(c.Layers, h, (layer, x) => VisionTransformerBlock(layer, x, c.Block)), c.Block.Epsilon);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("vivit", "vivit", Config.Read, (c, m) => new Vivit(c, m), [SkippedTensors.Pooler],
        [
            new TaskGraphs<Vivit>("feature-extraction", v => v.Features()),
            new TaskGraphs<Vivit>("video-classification", v => v.Classify()),
        ]);

    private GraphOutputs Features() => Head.Features(m["pooler"], Encode(), c.Width);

    private GraphOutputs Classify() => Logits(m.Root["classifier"], FirstToken(Encode()), c.Labels);
}
