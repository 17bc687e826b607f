using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>VideoMAE (Tong et al., 2022): the vision transformer over blocks of several frames, with computed positions. MCG-NJU/videomae-base-finetuned-kinetics. Reference: transformers, models/videomae.</summary>
internal sealed class VideoMae(VideoMae.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, PixelSize Patch, int Channels, int Frames, int Tubelet, int Layers, VisionBlock Block, bool MeanPooling, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("decoder_num_attention_heads", "decoder_hidden_size", "decoder_num_hidden_layers", "decoder_intermediate_size", "norm_pix_loss");
            return new(json.PixelSize("image_size", 224), json.PixelSize("patch_size", 16), json.Count("num_channels", 3), json.Count("num_frames", 16), json.Count("tubelet_size", 2), json.Count("num_hidden_layers", 12), json.VisionBlock(),
                json.Bool("use_mean_pooling", true), json.Labels());
        }

        internal int Width => Block.HiddenSize;

        internal int Tokens => Image.Over(Patch).Cells * (Frames / Tubelet);
    }

    /// <summary>[B, N, D] -> [B, N, D]. Queries and values have biases of their own names, keys have none.</summary>
    private Value Block(Module layer, Value h)
    {
        var a = layer["attention.attention"];
        var x = LayerNorm(layer["layernorm_before"], h, c.Block.Epsilon);
        Value Projected(string name, string? bias)
        {
            using var scope = a[name].Enter();
            return Product(x, a[name].Weight("weight", c.Width, c.Width), bias is not null && c.Block.QkvBias ? a.Weight(bias, c.Width) : null, MatrixRole.Layer);
        }
        var context = Attend(a, Projected("query", "q_bias"), Projected("key", null), Projected("value", "v_bias"), c.Block.Heads, mask: null);
        h += Linear(layer["attention.output.dense"], context, c.Width);
        var wide = Linear(layer["intermediate.dense"], LayerNorm(layer["layernorm_after"], h, c.Block.Epsilon), c.Block.IntermediateSize, c.Block.Activation);
        return h + Linear(layer["output.dense"], wide, c.Width);
    }

    /// <summary>Declares the inputs. -> [B, N, D].</summary>
    private Value Encode()
    {
        var video = VideoPixels(m.Graph, "pixel_values", c.Frames, c.Channels, c.Image.Pixels);
        var h = Tubelets(m["embeddings.patch_embeddings.projection"], video, c.Width, new Window(c.Tubelet, c.Tubelet), new Window(c.Patch.Height, c.Patch.Height), new Window(c.Patch.Width, c.Patch.Width));
        using (m["embeddings"].Enter()) h += InterleavedSinusoids(m.Graph, c.Tokens, c.Width);
        h = m["encoder.layer"].Fold(c.Layers, h, Block);
        return c.MeanPooling ? h : LayerNorm(m["layernorm"], h, c.Block.Epsilon);
    }

    private GraphOutputs Classify()
    {
        var h = Encode();
        var pooled = c.MeanPooling ? LayerNorm(m.Root["fc_norm"], Op.ReduceMean(h, 1, keep: false), 1e-5f) : FirstToken(h);
        return Logits(m.Root["classifier"], pooled, c.Labels);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("videomae", "videomae", Config.Read, (c, m) => new VideoMae(c, m), [],
        [
            new TaskGraphs<VideoMae>("feature-extraction", v => [("last_hidden_state", v.Encode())]),
            new TaskGraphs<VideoMae>("video-classification", v => v.Classify()),
        ]);
}
