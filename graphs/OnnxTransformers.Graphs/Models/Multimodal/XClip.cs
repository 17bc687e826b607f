using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>X-CLIP (Ni et al., 2022): CLIP for videos. Frames tell each other what they show by a message token, and a text's vector is adapted to the video. microsoft/xclip-*. Reference: transformers, models/x_clip.</summary>
internal sealed class XClip(XClip.Config c, Module m)
{
    internal sealed record Config(ClipTextTower.Config Text, ClipImageTower.Config Image, int Frames, int FrameLayers, ClipBlock FrameBlock, int Space, int PromptLayers, int PromptHeads, Activation PromptActivation)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("logit_scale_init_value", "prompt_alpha");                          // the stored ones count
            json.Ignore("prompt_attention_dropout", "prompt_projection_dropout");           // training only
            var video = json.Tower("vision_config");
            var image = ClipImageTower.Config.Read(video, firstNorm: "pre_layernorm");
            var width = video.Count("mit_hidden_size", 512);
            var space = json.Count("projection_dim", 512);
            if (width != space) video.Problem("mit_hidden_size", $"{width}", $"the projection_dim {space}");
            var block = image.Block with { HiddenSize = width, Heads = video.Heads("mit_num_attention_heads", 8, width), IntermediateSize = video.Count("mit_intermediate_size", 2048) };
            return new(ClipTextTower.Config.Read(json.Tower("text_config"), largest: true), image, video.Count("num_frames", 8), video.Count("mit_num_hidden_layers", 1), block, space, json.Count("prompt_layers", 2),
                json.Heads("prompt_num_attention_heads", 8, space), json.Activation("prompt_hidden_act", "quick_gelu"));
        }
    }

    private int Width => c.Image.Block.HiddenSize;

    private float Epsilon => c.Image.Block.Epsilon;

    /// <summary>Declares videos: pixel_values [videos, frames, C, height, width]. -> the hidden states of every frame [videos * frames, 1 + N, D], and the vector of a video [videos, P].</summary>
    private (Value Hidden, Value Vector) Watch()
    {
        var (g, v) = (m.Graph, m["vision_model"]);
        g.ImageSize = (c.Image.Image, c.Image.Image);
        var pixels = Op.Cast(g.Input("pixel_values", ElementType.Float, new Shape(g.ImageRows, c.Frames, c.Image.Channels, "height", "width")), g.Options.ComputeType);
        var frames = Op.Reshape(pixels, Op.Concat(0, g.Constant(-1), Op.ShapeOf(pixels, 2, 5)), new Shape(pixels.Shape[0] * c.Frames, c.Image.Channels, "height", "width"));
        var h = ClipPatches(v["embeddings"], frames, Width, c.Image.Patch, c.Image.Grid, classToken: true, bias: false);
        h = v["encoder.layers"].Fold(c.Image.Layers, LayerNorm(v["pre_layernorm"], h, Epsilon), (layer, x) => FrameLayer(layer, x, pixels.Shape[0]));
        var each = OfVideos(Linear(m["visual_projection"], LayerNorm(v["post_layernorm"], FirstToken(h), Epsilon), c.Space, bias: false), pixels.Shape[0]);      // [B, F, P]
        var mixed = m["mit.encoder.layers"].Fold(c.FrameLayers, each + (Value)m["mit"].Weight("position_embedding", 1, c.Frames, c.Space), (layer, x) => ClipLayer(layer, x, c.FrameBlock));
        return (h, Op.ReduceMean(mixed + each, 1, keep: false));
    }

    /// <summary>CLIP's block with one more token while it attends: a message of the frame's class token, which has seen those of the video's other frames. [B * F, N, D] -> the same.</summary>
    private Value FrameLayer(Module l, Value h, Dim videos)
    {
        var g = h.Graph;
        var message = OfVideos(Linear(l["message_fc"], FirstToken(h), Width), videos);                               // [B, F, D]
        message += ClipAttention(l["message_attn"], LayerNorm(l["message_ln"], message, Epsilon), c.Image.Block);
        var more = Op.Concat(1, h, Op.Reshape(message, g.Constant(-1, 1, Width), new Shape(h.Shape[0], 1, Width)));
        more += ClipAttention(l["self_attn"], LayerNorm(l["layer_norm1"], more, Epsilon), c.Image.Block);
        var seen = Op.Slice(more, 1, g.Constant(0), g.Constant(-1), h.Shape[1]);
        return seen + ClipFeedForward(l["mlp"], LayerNorm(l["layer_norm2"], seen, Epsilon), c.Image.Block);
    }

    /// <summary>Vectors of frames by video. [B * F, D] -> [B, F, D].</summary>
    private Value OfVideos(Value x, Dim videos) => Op.Reshape(x, x.Graph.Constant(-1, c.Frames, x.Shape[1].Size!.Value), new Shape(videos, c.Frames, x.Shape[1]));

    private (Value Hidden, Value Pooled, Value Vector) Read()
    {
        var (h, pooled) = new ClipTextTower(c.Text, m["text_model"]).Encode();
        return (h, pooled, Linear(m["text_projection"], pooled, c.Space, bias: false));
    }

    /// <summary>What the patches of a video show, as the mean over its frames. [B * F, 1 + N, D] -> [B, N, P].</summary>
    private Value Shown(Value hidden, Dim videos)
    {
        var g = hidden.Graph;
        var patches = LayerNorm(m["prompts_visual_layernorm"], Op.Slice(hidden, 1, 1, int.MaxValue), Epsilon);
        Value projected;
        using (m["prompts_visual_projection"].Enter()) projected = ProductInOut(patches, m.Weight("prompts_visual_projection", Width, c.Space), (Value?)null);
        using var scope = g.Enter("video_patches");
        var apart = Op.Reshape(projected, Op.Concat(0, g.Constant(-1, c.Frames), Op.ShapeOf(projected, 1, 3)), new Shape(videos, c.Frames, projected.Shape[1], projected.Shape[2]));
        return Op.ReduceMean(apart, 1, keep: false);
    }

    /// <summary>What is added to the vectors of texts for a video. texts [B, T, P], patches [B, N, P] -> [B, T, P].</summary>
    private Value Adapt(Value texts, Value patches)
    {
        var p = m["prompts_generator"];
        var shown = LayerNorm(p["layernorm"], patches, Epsilon);
        var h = p["decoder"].Fold(c.PromptLayers, texts, (l, x) =>
        {
            var a = l["cross_attn"];
            Value Projected(string name, Value y) => Linear(a[name], y, c.Space, bias: false);
            var query = LayerNorm(l["norm1"], x, c.Text.Block.Epsilon);
            x += Linear(a["proj"], Attend(a, Projected("q_proj", query), Projected("k_proj", shown), Projected("v_proj", shown), c.PromptHeads, mask: null), c.Space);
            return x + Linear(l["mlp.3"], Linear(l["mlp.0"], LayerNorm(l["norm3"], x, c.Text.Block.Epsilon), 4 * c.Space, c.PromptActivation), c.Space);
        });
        return (Value)p.Weight("alpha", c.Space) * h;
    }

    /// <summary>logits_per_video [videos, texts], logits_per_text [texts, videos], text_embeds [videos, texts, P], video_embeds [videos, P].</summary>
    private GraphOutputs Pairs()
    {
        var g = m.Graph;
        g.SeparateRows();
        var (hidden, video) = Watch();
        var text = Read().Vector;
        var videos = video.Shape[0];
        Value many;
        using (g.Enter("texts_of_videos")) many = Op.Expand(Op.Unsqueeze(text, 0), Op.Concat(0, Op.ShapeOf(video, 0, 1), Op.ShapeOf(text, 0, 2)), new Shape(videos, text.Shape[0], c.Space));
        Value texts = DualEncoder.Normalized(many + Adapt(many, Shown(hidden, videos))), embeds = DualEncoder.Normalized(video);
        using var scope = g.Enter("logits");
        var logits = DualEncoder.Scaled(m, Op.Squeeze(Op.MatMul(texts, Op.Unsqueeze(embeds, 2)), 2));                // [B, T]
        return [("logits_per_video", logits), ("logits_per_text", Op.Transpose(logits, [1, 0])), ("text_embeds", texts), ("video_embeds", embeds)];
    }

    /// <summary>A text alone: its vector before any video adapts it.</summary>
    private GraphOutputs Texts()
    {
        var (h, pooled, vector) = Read();
        return [("text_features", vector), ("last_hidden_state", h), ("pooler_output", pooled)];
    }

    private GraphOutputs Videos() => [("video_features", Watch().Vector)];

    internal static readonly ModelFamily Family = ModelFamily.Of("xclip", [], Config.Read, (c, m) => new XClip(c, m), [new(".embeddings.position_ids", "a buffer of consecutive numbers")],
        new TaskGraphs<XClip>("zero-shot-video-classification", new GraphPart<XClip>("model", x => x.Pairs()), new GraphPart<XClip>("text_model", x => x.Texts()), new GraphPart<XClip>("vision_model", x => x.Videos())));
}
