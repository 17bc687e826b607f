using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>CLIPSeg (Lüddecke and Ecker, 2022): what a text or another image means, as a mask of an image: a small decoder over hidden states of CLIP's image tower. CIDAS/clipseg-rd64-refined. Reference: transformers, models/clipseg.</summary>
internal sealed class ClipSeg(ClipSeg.Config c, Module m)
{
    internal sealed record Config(ClipTextTower.Config Text, ClipImageTower.Config Image, int Space, ImmutableArray<int> Taken, int Width, ClipBlock Block, int ConditionalLayer, bool ManySteps)
    {
        internal static Config Read(ConfigReader json)
        {
            // The reference's decoder computes relu whatever decoder_hidden_act says; the stored scale counts.
            json.Ignore("logit_scale_init_value", "decoder_hidden_act", "decoder_attention_dropout");
            var image = ClipImageTower.Config.Read(json.Tower("vision_config"));
            var width = json.Count("reduce_dim", 64);
            var block = new ClipBlock(width, json.Heads("decoder_num_attention_heads", 4, width), json.Count("decoder_intermediate_size", 2048), Activation.Named("relu"), image.Block.Epsilon) { Role = MatrixRole.Head };   // small, and in front of the masks
            var taken = json.Ints("extract_layers", [3, 6, 9]);
            if (taken.IsEmpty || taken.Any(i => i < -1 || i >= image.Layers)) json.Problem("extract_layers", $"[{string.Join(", ", taken)}]", $"numbers of the {image.Layers} layers of the image tower");
            var many = json.Bool("use_complex_transposed_convolution", false);
            if (many && image.Patch < 4) json.Problem("use_complex_transposed_convolution", "true", $"false, for patches of {image.Patch} pixels");
            return new(ClipTextTower.Config.Read(json.Tower("text_config")), image, json.Count("projection_dim", 512), taken, width, block, json.Int("conditional_layer", 0), many);
        }
    }

    private ClipTextTower Text => new(c.Text, m["text_model"]);

    private ClipImageTower Image => new(c.Image, m["vision_model"]);

    private DualEncoder Both => new(m, () =>
    {
        var (h, pooled) = Text.Encode();
        return new(h, pooled, TextVector(pooled));
    }, () =>
    {
        var h = Image.Encode();
        var pooled = Image.Pool(h);
        return new(h, pooled, ImageVector(pooled));
    }, cosines => DualEncoder.Scaled(m, cosines));

    private Value TextVector(Value pooled) => Linear(m["text_projection"], pooled, c.Space, bias: false);

    private Value ImageVector(Value pooled) => Linear(m["visual_projection"], pooled, c.Space, bias: false);

    /// <summary>A mask for each pair of a text and an image: logits [B, height, width].</summary>
    private GraphOutputs FromTexts() => Masks(() => TextVector(Text.Encode().Pooled));

    /// <summary>A mask for each pair of an image that shows what is meant and an image.</summary>
    private GraphOutputs FromImages() => Masks(() =>
    {
        var g = m.Graph;
        var shown = Op.Cast(g.Input("conditional_pixel_values", ElementType.Float, new Shape(g.ImageRows, c.Image.Channels, "conditional_height", "conditional_width")), g.Options.ComputeType);
        return ImageVector(Image.Pool(Image.Encode(shown, out _)[^1]));
    });

    private GraphOutputs Masks(Func<Value> condition)
    {
        var states = Image.Encode(Image.Pixels(), out var grid);
        var meant = condition();
        var logits = Decode(m.Root["decoder"], [.. c.Taken.Reverse().Select(i => states[i + 1])], meant, grid);
        return [("logits", logits), ("conditional_embeddings", meant), ("pooled_output", ImageVector(Image.Pool(states[^1])))];
    }

    /// <summary>From hidden states, the last first, and what is meant [B, P] to a mask [B, height, width].</summary>
    private Value Decode(Module d, ImmutableArray<Value> states, Value meant, GridSize grid)
    {
        Value? h = null;
        for (var i = 0; i < states.Length; i++)
        {
            var reduced = Linear(d["reduces"][i], states[i], c.Width, role: MatrixRole.Head);
            h = h is null ? reduced : reduced + h;
            if (i == c.ConditionalLayer) h = Op.Unsqueeze(Linear(d["film_mul"], meant, c.Width, role: MatrixRole.Head), 1) * h + Op.Unsqueeze(Linear(d["film_add"], meant, c.Width, role: MatrixRole.Head), 1);
            h = DecoderLayer(d["layers"][i], h);
        }
        var map = Map(Op.Slice(h!, 1, d.Graph.Constant(1), d.Graph.Constant(int.MaxValue), grid.Cells), grid);      // without the class token
        return Op.Squeeze(Enlarge(d["transposed_convolution"], map), 1);
    }

    /// <summary>CLIP's block with normalization behind each part. [B, N, D] -> [B, N, D].</summary>
    private Value DecoderLayer(Module l, Value h)
    {
        h = LayerNorm(l["layer_norm1"], h + ClipAttention(l["self_attn"], h, c.Block), c.Block.Epsilon);
        return LayerNorm(l["layer_norm2"], h + ClipFeedForward(l["mlp"], h, c.Block), c.Block.Epsilon);
    }

    /// <summary>From patches to pixels, at once or in two steps. [B, D, h, w] -> [B, 1, height, width].</summary>
    private Value Enlarge(Module t, Value map)
    {
        if (!c.ManySteps) return Step(t, map, 1, c.Image.Patch);
        var step = c.Image.Patch / 4;
        map = Op.Relu(Conv(t["0"], map, c.Width, Window.Padded(3, 1, 1)));
        return Step(t["4"], Op.Relu(Step(t["2"], map, c.Width / 2, step)), 1, step);
    }

    private static Value Step(Module t, Value map, int channels, int size)
    {
        using var scope = t.Enter();
        return t.Result(Op.ConvTranspose(map, t.Weight("weight", map.Shape[1].Size!.Value, channels, size, size), t.Weight("bias", channels), [new Window(size, size), new Window(size, size)]));
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("clipseg", "clip", Config.Read, (c, m) => new ClipSeg(c, m),
        [new(".embeddings.position_ids", "a buffer of consecutive numbers"), new("logit_scale", "what scores of texts are multiplied by, which masks do not read")],
        [
            new TaskGraphs<ClipSeg>("image-segmentation", new GraphPart<ClipSeg>("model", x => x.FromTexts()), new GraphPart<ClipSeg>("visual_prompt_model", x => x.FromImages())),
            DualEncoder.ZeroShot<ClipSeg>(x => x.Both),
        ]);
}
