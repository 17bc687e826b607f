using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>DETR (Carion et al., 2020): an encoder over the cells of a backbone's map, and a decoder whose queries each become a box, and for panoptic segmentation a mask. The table transformer (Smock et al., 2022) is the same with its
/// normalization in front. facebook/detr-resnet-50, detr-resnet-50-panoptic, microsoft/table-transformer-detection. Reference: transformers, models/detr and models/table_transformer.</summary>
internal sealed class Detr(Detr.Config c, Module m)
{
    internal sealed record Config(Backbone? Backbone, int Width, int Queries, DetrBlock Encoder, DetrBlock Decoder, bool Learned, bool NormEachLayer, int Labels)
    {
        internal static Config Read(ConfigReader json) => Read(json, normFirst: false);

        internal static Config ReadTable(ConfigReader json) => Read(json, normFirst: true);

        private static Config Read(ConfigReader json, bool normFirst)
        {
            DetrConfig.IgnoreTraining(json);
            var width = json.Count("d_model", 256);
            if (width % 4 != 0) json.Problem("d_model", $"{width}", "a multiple of 4, for sines and cosines of two axes");
            var activation = json.Activation("activation_function", "relu");
            DetrBlock Block(string kind) => new(json.Count($"{kind}_layers", 6), json.Heads($"{kind}_attention_heads", 8, width), json.Count($"{kind}_ffn_dim", 2048), activation, normFirst);
            return new(DetrConfig.Backbone(json, timm: true), width, json.Count("num_queries", 100), Block("encoder"), Block("decoder"),
                json.OneOf("position_embedding_type", false, ("sine", false), ("learned", true)), json.Bool("auxiliary_loss", false), json.Labels());
        }
    }

    /// <summary>What the encoder made of an image, and what it was made of.</summary>
    private sealed record Encoded(ImmutableArray<Value> Maps, Value Projected, GridSize Size, Value Real, Value Positions, Value Memory);

    /// <summary>Positions of the last map's cells. -> [B, h*w, D] or [h*w, D].</summary>
    private Value PositionsOf(GridSize size, Value real) =>
        c.Learned ? LearnedPositions(m["backbone.position_embedding"], size, 50, 50, c.Width / 2) : Positions(real, new SinePositions(c.Width / 2));

    private Encoded Encode()
    {
        var pixels = PixelValues(m.Graph, c.Backbone!.Channels, DetrConfig.Image);
        var mask = PixelMask.Declare(m.Graph);
        var maps = c.Backbone.Maps(m["backbone.conv_encoder.model"], pixels);
        var projected = Conv(m["input_projection"], maps[^1], c.Width, new Window(1));
        var size = GridSize.Of(projected);
        var real = mask.At(size);
        var positions = PositionsOf(size, real);
        var keys = PixelMask.Keys(real);
        var h = m["encoder.layers"].Fold(c.Encoder.Layers, Tokens(projected), (layer, x) => DetrEncoderLayer(layer, x, positions, keys, c.Encoder));
        if (c.Encoder.NormFirst) h = LayerNorm(m["encoder.layernorm"], h, DetrBlock.Epsilon);
        return new(maps, projected, size, real, positions, h);
    }

    /// <summary>What the queries found. -> [B, Q, D].</summary>
    private Value Decode(Encoded e)
    {
        var queries = ForEachRow(m["query_position_embeddings"].Weight("weight", c.Queries, c.Width), e.Memory);
        var keys = PixelMask.Keys(e.Real);
        var norm = m["decoder.layernorm"];
        var h = m["decoder.layers"].Fold(c.Decoder.Layers, queries * 0, (layer, x) =>
        {
            x = DetrDecoderLayer(layer, x, queries, e.Memory, e.Memory + e.Positions, keys, c.Decoder);
            return c.NormEachLayer ? LayerNorm(norm, x, DetrBlock.Epsilon) : x;                        // the reference goes on with what it normalizes for the auxiliary loss
        });
        return LayerNorm(norm, h, DetrBlock.Epsilon);
    }

    /// <summary>Where the heads are: beside the network, wherever the class keeps that.</summary>
    private Module Heads => m.Path.StartsWith("detr.", StringComparison.Ordinal) ? m.Root["detr"] : m.Root;

    private GraphOutputs Detect(Value h) =>
    [
        ("logits", Linear(Heads["class_labels_classifier"], h, c.Labels + 1, role: MatrixRole.Head)),
        ("pred_boxes", Op.Sigmoid(Perceptron(Heads["bbox_predictor"], h, c.Width, 4, 3))),
        ("last_hidden_state", h),
    ];

    // ---- panoptic segmentation: the queries' attention to the last map, made larger with the help of the others

    /// <summary>How much each query looks at each cell, all heads together making one. [B, Q, D] -> [B, Q, H, h, w].</summary>
    private Value AttentionMaps(Module at, Value h, Encoded e)
    {
        var (heads, size) = (c.Encoder.Heads, c.Width / c.Encoder.Heads);
        Value q = SplitHeads(Linear(at["q_linear"], h, c.Width), heads), k = SplitHeads(Linear(at["k_linear"], e.Memory, c.Width), heads);
        using var scope = at.Enter();
        var g = at.Graph;
        var scores = Op.Transpose(Op.MatMul(q * Math.Pow(size, -0.5), Op.Transpose(k, [0, 1, 3, 2])), [0, 2, 1, 3]);          // [B, Q, H, h*w]
        scores += PixelMask.Keys(e.Real).Additive;
        var shares = Op.Softmax(Op.Reshape(scores, [0, 0, -1], scores.Shape[3] * heads), -1);
        return Op.Reshape(shares, Op.Concat(0, g.Constant(0, 0, heads), e.Size.Vector), new Shape(h.Shape[0], h.Shape[1], heads, e.Size.Height, e.Size.Width));
    }

    /// <summary>The same for each query. [B, C, h, w] -> [B * Q, C, h, w].</summary>
    private Value ForEachQuery(Value map)
    {
        var g = map.Graph;
        var many = Op.Expand(Op.Unsqueeze(map, 1), g.Constant(1, c.Queries, 1, 1, 1), new Shape(map.Shape[0], c.Queries, map.Shape[1], map.Shape[2], map.Shape[3]));
        return Op.Reshape(many, Op.Concat(0, g.Constant(-1), Op.ShapeOf(map, 1, 4)), new Shape(map.Shape[0] * c.Queries, map.Shape[1], map.Shape[2], map.Shape[3]));
    }

    /// <summary>A mask for each query. -> [B, Q, h, w] at the size of the largest of the four maps.</summary>
    private Value Masks(Module at, Value attention, Encoded e)
    {
        var g = at.Graph;
        int start = c.Width + c.Encoder.Heads;
        Value Normed(int i, Value x, int width) => Op.Relu(GroupNorm(at[$"gn{i}"], Conv(at[$"lay{i}"], x, width, Window.Padded(3, 1, 1)), Math.Min(8, width), 1e-5f));
        var own = Op.Reshape(attention, Op.Concat(0, g.Constant(-1, c.Encoder.Heads), e.Size.Vector), new Shape(attention.Shape[0] * c.Queries, c.Encoder.Heads, e.Size.Height, e.Size.Width));
        var x = Normed(2, Normed(1, Op.Concat(1, ForEachQuery(e.Projected), own), start), c.Width / 2);
        for (var i = 1; i <= 3; i++)
        {
            // 2, 4 and 8 times narrower; the last layer, 16 times.
            var help = ForEachQuery(Conv(at[$"adapter{i}"], e.Maps[3 - i], c.Width >> i, new Window(1)));
            var size = GridSize.Of(help);
            x = Normed(i + 2, help + Op.Resize(x, size.Vector, size.Height, size.Width, Interpolation.Nearest), c.Width >> (i + 1));
        }
        var one = Conv(at["out_lay"], x, 1, Window.Padded(3, 1, 1));
        return Op.Reshape(one, Op.Concat(0, g.Constant(-1, c.Queries), Op.ShapeOf(one, 2, 4)), new Shape(attention.Shape[0], c.Queries, one.Shape[2], one.Shape[3]));
    }

    private GraphOutputs Segment()
    {
        var e = Encode();
        if (e.Maps.Length != 4) throw m.Graph.Error($"masks are made of 4 maps, and the backbone's configuration asks for {e.Maps.Length}");
        var h = Decode(e);
        var masks = Masks(m.Root["mask_head"], AttentionMaps(m.Root["bbox_attention"], h, e), e);
        return [.. Detect(h), ("pred_masks", masks)];
    }

    private GraphOutputs Features()
    {
        var e = Encode();
        return [("last_hidden_state", Decode(e)), ("encoder_last_hidden_state", e.Memory)];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("detr", ["model", "detr.model"], Config.Read, (c, m) => new Detr(c, m), [SkippedTensors.BatchCounts],
        [
            new TaskGraphs<Detr>("feature-extraction", d => d.Features()),
            new TaskGraphs<Detr>("object-detection", d => d.Detect(d.Decode(d.Encode()))),
            new TaskGraphs<Detr>("image-segmentation", d => d.Segment()),
        ]);

    internal static readonly ModelFamily Table = ModelFamily.Of("table-transformer", "model", Config.ReadTable, (c, m) => new Detr(c, m), [SkippedTensors.BatchCounts],
        [
            new TaskGraphs<Detr>("feature-extraction", d => d.Features()),
            new TaskGraphs<Detr>("object-detection", d => d.Detect(d.Decode(d.Encode()))),
        ]);
}
