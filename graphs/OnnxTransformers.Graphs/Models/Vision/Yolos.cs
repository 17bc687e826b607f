using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>YOLOS (Fang et al., 2021): a vision transformer with detection tokens behind its patches, each of which becomes a box. hustvl/yolos-tiny, yolos-small. Reference: transformers, models/yolos.</summary>
internal sealed class Yolos(Yolos.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, int Patch, int Channels, int Layers, VisionBlock Block, int Detections, bool MidPositions, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("auxiliary_loss", "class_cost", "bbox_cost", "giou_cost", "bbox_loss_coefficient", "giou_loss_coefficient", "eos_coefficient");
            var image = json.Has("image_size") ? json.PixelSize("image_size", 512) : new(512, 864);
            return new(image, json.Count("patch_size", 16), json.Count("num_channels", 3), json.Count("num_hidden_layers", 12), json.VisionBlock(), json.Count("num_detection_tokens", 100),
                json.Bool("use_mid_position_embeddings", true), json.Labels());
        }

        internal int Width => Block.HiddenSize;

        /// <summary>Patches of an image of the trained size.</summary>
        internal PixelSize Grid => Image.Over(new(Patch, Patch));

        /// <summary>Tokens of an image of the trained size.</summary>
        internal int Tokens => 1 + Grid.Cells + Detections;
    }

    /// <summary>Positions of all tokens, those of patches interpolated. [1, 1 + cells + detections, D] -> [1, 1 + h*w + detections, D].</summary>
    private Value Positions(Weight table, GridSize size) => Op.Concat(1,
        table.Slice(1, 0, 1), InterpolatePositions(table.Slice(1, 1, c.Grid.Cells), c.Grid.Height, c.Grid.Width, size), table.Slice(1, 1 + c.Grid.Cells, c.Detections));

    /// <summary>The class token, patches, detection tokens, and positions. [B, C, height, width] -> [B, 1 + h*w + detections, D].</summary>
    private (Value Tokens, GridSize Size) Embed(Module e, Value pixels)
    {
        var map = Conv(e["patch_embeddings.projection"], pixels, c.Width, new Window(c.Patch, c.Patch));
        using var scope = e.Enter();
        var (size, patches) = (GridSize.Of(map), Tokens(map));
        var all = Op.Concat(1, ForEachRow(e.Weight("cls_token", 1, 1, c.Width), patches), patches, ForEachRow(e.Weight("detection_tokens", 1, c.Detections, c.Width), patches));
        return (e.Result(all + Positions(e.Weight("position_embeddings", 1, c.Tokens, c.Width), size)), size);
    }

    /// <summary>Declares the inputs. -> [B, 1 + h*w + detections, D].</summary>
    private Value Encode()
    {
        var (h, size) = Embed(m["embeddings"], PixelValues(m.Graph, c.Channels, c.Image.Pixels));
        h = m["encoder.layer"].Fold(c.Layers, h, (layer, i, x) =>
        {
            x = VisionTransformerBlock(layer, x, c.Block);
            if (!c.MidPositions || i == c.Layers - 1) return x;
            var table = m["encoder"].Weight("mid_position_embeddings", c.Layers - 1, 1, c.Tokens, c.Width);
            return x + Positions(table.Slice(0, i, 1).Reshape(1, c.Tokens, c.Width), size);
        });
        return LayerNorm(m["layernorm"], h, c.Block.Epsilon);
    }

    private GraphOutputs Features() => Heads.Head.Features(m["pooler"], Encode(), c.Width);

    private GraphOutputs Detect()
    {
        var h = Encode();
        using var scope = m.Enter();
        var found = Op.Slice(h, 1, m.Graph.Constant(-c.Detections), m.Graph.Constant(int.MaxValue), c.Detections);
        return
        [
            ("logits", Perceptron(m.Root["class_labels_classifier"], found, c.Width, c.Labels + 1, 3)),
            ("pred_boxes", Op.Sigmoid(Perceptron(m.Root["bbox_predictor"], found, c.Width, 4, 3))),
            ("last_hidden_state", h),
        ];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("yolos", "vit", Config.Read, (c, m) => new Yolos(c, m), [SkippedTensors.Pooler],
        [
            new TaskGraphs<Yolos>("feature-extraction", y => y.Features()),
            new TaskGraphs<Yolos>("object-detection", y => y.Detect()),
        ]);
}
