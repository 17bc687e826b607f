using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>RT-DETR (Zhao et al., 2023) and its second version (Lv et al., 2024): maps of three sizes, mixed by convolutions, whose best cells become queries that look at a few points of the maps. PekingU/rtdetr_r50vd, rtdetr_v2_r18vd.
/// Reference: transformers, models/rt_detr and models/rt_detr_v2.</summary>
internal sealed class RtDetr(RtDetr.Config c, Module m)
{
    /// <summary>The encoder, which mixes maps.</summary>
    internal sealed record EncoderSizes(int Width, int Layers, int Heads, int FeedForward, ImmutableArray<int> Attended, double Temperature, Activation Activation, Activation ConvActivation, bool NormFirst, int Hidden, int Maps);

    internal sealed record Config(Backbone? Backbone, EncoderSizes Encoder, int Width, int Layers, int Queries, int FeedForward, DeformableAttention Attention, Activation Activation, float NormEpsilon, float BatchEpsilon, int Labels)
    {
        internal static Config Read(ConfigReader json) => Read(json, json.Count("num_feature_levels", 3), 0.5, discrete: false);

        internal static Config ReadV2(ConfigReader json)
        {
            var (levels, maps) = (json.Count("decoder_n_levels", 3), json.Count("num_feature_levels", 3));
            if (levels != maps) json.Problem("decoder_n_levels", $"{levels}", $"num_feature_levels, {maps}");
            return Read(json, maps, json.Double("decoder_offset_scale", 0.5), json.OneOf("decoder_method", false, ("default", false), ("discrete", true)));
        }

        private static Config Read(ConfigReader json, int levels, double offsetScale, bool discrete)
        {
            json.Ignore("freeze_backbone_batch_norms", "disable_custom_kernels", "feat_strides", "anchor_image_size", "with_box_refine", "is_encoder_decoder", "num_denoising");   // frozen anchors are those of that size
            json.Ignore("label_noise_ratio", "box_noise_scale", "matcher_alpha", "matcher_gamma", "matcher_class_cost", "matcher_bbox_cost", "matcher_giou_cost", "use_focal_loss", "auxiliary_loss", "focal_loss_alpha",
                "focal_loss_gamma", "weight_loss_vfl", "weight_loss_bbox", "weight_loss_giou", "eos_coefficient", "initializer_bias_prior_prob");
            json.MustBe("learn_initial_query", false, "the reference itself can't run learned queries");
            if (json.Has("eval_size")) json.Problem("eval_size", json.Raw("eval_size")!.Value.GetRawText(), "null: the reference itself can't run a fixed size");
            int maps = json.Counts("encoder_in_channels", [512, 1024, 2048]).Length, width = json.Count("encoder_hidden_dim", 256), decoder = json.Counts("decoder_in_channels", [256, 256, 256]).Length, d = json.Count("d_model", 256);
            if (levels != decoder || levels != maps) json.Problem("num_feature_levels", $"{levels}", $"the number of decoder_in_channels, {decoder}, and of encoder_in_channels, {maps}");
            var heads = json.Heads("decoder_attention_heads", 8, d);
            var encoder = new EncoderSizes(width, json.Count("encoder_layers", 1, least: 0), json.Heads("encoder_attention_heads", 8, width), json.Count("encoder_ffn_dim", 1024), json.Ints("encode_proj_layers", [2]),
                json.Double("positional_encoding_temperature", 10000), json.Activation("encoder_activation_function", "gelu"), json.Activation("activation_function", "silu"), json.Bool("normalize_before", false),
                (int)(width * json.Double("hidden_expansion", 1)), maps);
            foreach (var at in encoder.Attended.Where(at => at < 0 || at >= maps)) json.Problem("encode_proj_layers", $"{at}", $"0 to {maps - 1}");
            if (width % 4 != 0) json.Problem("encoder_hidden_dim", $"{width}", "a multiple of 4, for sines and cosines of two axes");
            return new(DetrConfig.Backbone(json, timm: false), encoder, d, json.Count("decoder_layers", 6), json.Count("num_queries", 300), json.Count("decoder_ffn_dim", 1024),
                new(heads, [.. Enumerable.Repeat(json.Count("decoder_n_points", 4), levels)]) { OffsetScale = offsetScale, Discrete = discrete }, json.Activation("decoder_activation_function", "relu"),
                json.Float("layer_norm_eps", 1e-5f), json.Float("batch_norm_eps", 1e-5f), json.Labels());
        }
    }

    private const float PlainBatchEpsilon = 1e-5f;

    // ---- the encoder: attention inside of the smallest map, then convolutions from small to large and back

    /// <summary>Convolution, normalization and activation: conv, norm. [B, C, h, w] -> [B, width, h', w'].</summary>
    private Value ConvNorm(Module at, Value x, int width, int size, int stride = 1, bool active = true)
    {
        var h = BatchNorm(at["norm"], Conv(at["conv"], x, width, Window.Padded(size, stride, (size - 1) / 2), bias: false), c.BatchEpsilon);
        return active ? Activate(at, c.Encoder.ConvActivation, h) : h;
    }

    /// <summary>A layer that sends one half through blocks of two parallel convolutions. [B, 2 D, h, w] -> [B, D, h, w].</summary>
    private Value Mix(Module at, Value x)
    {
        var (width, hidden) = (c.Encoder.Width, c.Encoder.Hidden);
        var h = at["bottlenecks"].Fold(3, ConvNorm(at["conv1"], x, hidden, 1), (block, y) =>
            Activate(block, c.Encoder.ConvActivation, ConvNorm(block["conv1"], y, hidden, 3, active: false) + ConvNorm(block["conv2"], y, hidden, 1, active: false)));
        h += ConvNorm(at["conv2"], x, hidden, 1);
        return hidden == width ? h : ConvNorm(at["conv3"], h, width, 1);
    }

    /// <summary>Sines and cosines of cells. The reference counts them column by column, while tokens run row by row: on a map that is not square, a cell has another's position, as there. -> [h*w, D].</summary>
    private Value Positions(GridSize size)
    {
        var g = m.Graph;
        using var scope = g.Enter("positions");
        var quarter = c.Encoder.Width / 4;
        var omega = Numbers(g, ElementType.Float, [1, quarter], Enumerable.Range(0, quarter).Select(i => 1 / Math.Pow(c.Encoder.Temperature, (double)i / quarter)));
        Value all = CellNumbers(size), height = Op.Select(size.Vector, 0, 0), x = all / height;
        Value Angles(Value at) => Op.Unsqueeze(Op.Cast(at, ElementType.Float), 1) * omega;
        var (across, down) = (Angles(x), Angles(all - x * height));
        return Op.Cast(Op.Concat(1, Op.Sin(across), Op.Cos(across), Op.Sin(down), Op.Cos(down)), g.Options.ComputeType);
    }

    private Value EncoderLayer(Module at, Value h, Value positions)
    {
        var (first, attention, last) = (at["self_attn_layer_norm"], at["self_attn"], at["final_layer_norm"]);
        Value FeedForward(Value x) => PlainFeedForward(at, x, c.Encoder.FeedForward, c.Encoder.Activation, bias: true, "fc1", "fc2");
        var x = c.Encoder.NormFirst ? LayerNorm(first, h, c.NormEpsilon) : h;
        h += AttendSets(attention, x + positions, x + positions, x, c.Encoder.Heads);
        // With the norm in front, what it makes is also what is passed by the feed-forward part, as in the reference.
        h = LayerNorm(c.Encoder.NormFirst ? last : first, h, c.NormEpsilon);
        h += FeedForward(h);
        return c.Encoder.NormFirst ? h : LayerNorm(last, h, c.NormEpsilon);
    }

    /// <summary>Maps of the backbone, small ones last, to maps of one width that know of each other.</summary>
    private ImmutableArray<Value> Encode(Value[] maps)
    {
        var at = m["encoder"];
        for (var i = 0; i < c.Encoder.Attended.Length && c.Encoder.Layers > 0; i++)
        {
            var map = maps[c.Encoder.Attended[i]];
            var size = GridSize.Of(map);
            var positions = Positions(size);
            maps[c.Encoder.Attended[i]] = Map(at["encoder"][i]["layers"].Fold(c.Encoder.Layers, Tokens(map), (layer, h) => EncoderLayer(layer, h, positions)), size);
        }
        var down = new List<Value> { maps[^1] };
        for (var i = 0; i < maps.Length - 1; i++)
        {
            down[^1] = ConvNorm(at["lateral_convs"][i], down[^1], c.Encoder.Width, 1);
            var larger = maps[^(i + 2)];
            var size = GridSize.Of(larger);
            var upsampled = Op.Resize(down[^1], size.Vector, size.Height, size.Width, Interpolation.Nearest);
            down.Add(Mix(at["fpn_blocks"][i], Op.Concat(1, upsampled, larger)));
        }
        down.Reverse();
        var up = new List<Value> { down[0] };
        for (var i = 0; i < maps.Length - 1; i++)
        {
            var smaller = Op.Known(ConvNorm(at["downsample_convs"][i], up[^1], c.Encoder.Width, 3, 2), down[i + 1].Shape);
            up.Add(Mix(at["pan_blocks"][i], Op.Concat(1, smaller, down[i + 1])));
        }
        return [.. up];
    }

    // ---- the choice of cells that become queries

    /// <summary>A box at each cell, larger in each smaller map: its logits float32 [N, 4], and whether it lies well inside of the image, bool [N, 1].</summary>
    private (Value Boxes, Value Inside) Anchors(IReadOnlyList<GridSize> sizes)
    {
        var g = m.Graph;
        using var scope = g.Enter("anchors");
        var boxes = Op.Concat(0, [.. sizes.Select((size, level) =>
        {
            var (x, y) = CellCentres(size);
            var side = Op.Expand(g.Scalar(0.05 * Math.Pow(2, level), ElementType.Float), Op.ShapeOf(x, 0, 2), x.Shape);
            return Op.Concat(1, x, y, side, side);
        })]);
        var inside = Op.And(Op.Greater(Op.ReduceMin(boxes, 1, keep: true), g.Scalar(1e-2, ElementType.Float)), Op.Less(Op.ReduceMax(boxes, 1, keep: true), g.Scalar(1 - 1e-2, ElementType.Float)));
        return (Op.Where(inside, Op.Log(boxes / (-boxes + 1)), g.Scalar(float.MaxValue, ElementType.Float)), inside);
    }

    /// <summary>The cells with the best scores. -> queries [B, Q, D], logits of their boxes float32 [B, Q, 4], their classes [B, Q, labels].</summary>
    private (Value Queries, Value Boxes, Value Classes) Choose(Value memory, IReadOnlyList<GridSize> sizes)
    {
        var (anchors, inside) = Anchors(sizes);
        var kept = memory * Op.Cast(inside, memory.Type);
        var h = LayerNorm(m["enc_output.1"], Linear(m["enc_output.0"], kept, c.Width), c.NormEpsilon);
        var classes = Linear(m["enc_score_head"], h, c.Labels, role: MatrixRole.Head);
        var boxes = Op.Cast(Perceptron(m["enc_bbox_head"], h, c.Width, 4, 3), ElementType.Float) + anchors;
        using var scope = m.Enter();
        var best = Op.TopK(Op.ReduceMax(classes, -1, keep: false), c.Queries, 1).Indices;
        return (Op.GatherRows(h, best), Op.GatherRows(boxes, best), Op.GatherRows(classes, best));
    }

    // ---- the decoder

    private Value DecoderLayer(Module at, Value h, Value positions, Value memory, IReadOnlyList<GridSize> sizes, Value reference)
    {
        var x = h + positions;
        h = AddNorm(at["self_attn_layer_norm"], AttendSets(at["self_attn"], x, x, h, c.Attention.Heads), h, c.NormEpsilon);
        var seen = AttendDeformable(at["encoder_attn"], h + positions, memory, real: null, sizes, [.. sizes.Select(_ => reference)], c.Attention);
        h = AddNorm(at["encoder_attn_layer_norm"], seen, h, c.NormEpsilon);
        return AddNorm(at["final_layer_norm"], PlainFeedForward(at, h, c.FeedForward, c.Activation, bias: true, "fc1", "fc2"), h, c.NormEpsilon);
    }

    /// <summary>The whole network. The detector refines its boxes after each layer; the network alone does not.</summary>
    private GraphOutputs Run(bool detect)
    {
        var maps = c.Backbone!.Maps(m["backbone.model"], PixelValues(m.Graph, c.Backbone.Channels, DetrConfig.Image));
        Value[] narrow = [.. maps.Select((map, i) => Projected(m["encoder_input_proj"][i], map, c.Encoder.Width, PlainBatchEpsilon))];
        ImmutableArray<Value> sources = [.. Encode(narrow).Select((map, i) => Projected(m["decoder_input_proj"][i], map, c.Width, c.BatchEpsilon))];
        GridSize[] sizes = [.. sources.Select(GridSize.Of)];
        var memory = Op.Concat(1, [.. sources.Select(Tokens)]);
        var (h, start, classes) = Choose(memory, sizes);

        var decoder = m["decoder"];
        var reference = Op.Sigmoid(start);
        List<Value> boxes = [], logits = [];
        for (var i = 0; i < c.Layers; i++)
        {
            var positions = Perceptron(decoder["query_pos_head"], Op.Cast(reference, m.Graph.Options.ComputeType), 2L * c.Width, c.Width, 2);
            h = decoder["layers"][i].Result(DecoderLayer(decoder["layers"][i], h, positions, memory, sizes, reference));
            if (detect)
            {
                reference = Op.Sigmoid(Op.Cast(Perceptron(decoder["bbox_embed"][i], h, c.Width, 4, 3), ElementType.Float) + InverseSigmoid(reference));
                logits.Add(Linear(decoder["class_embed"][i], h, c.Labels, role: MatrixRole.Head));
            }
            boxes.Add(reference);
        }
        Value Stacked(List<Value> all) => Op.Concat(1, [.. all.Select(x => Op.Unsqueeze(x, 1))]);
        GraphOutputs network = [("last_hidden_state", h), ("intermediate_reference_points", Stacked(boxes)), ("init_reference_points", start), ("enc_topk_logits", classes), ("enc_topk_bboxes", Op.Sigmoid(start))];
        return detect ? [("logits", logits[^1]), ("pred_boxes", boxes[^1]), ("intermediate_logits", Stacked(logits)), .. network] : network;
    }

    private static Value Projected(Module at, Value map, int width, float epsilon) => BatchNorm(at[1], Conv(at[0], map, width, new Window(1), bias: false), epsilon);

    internal static readonly ModelFamily Family = Of("rt_detr", Config.Read);

    internal static readonly ModelFamily V2 = Of("rt_detr_v2", Config.ReadV2);

    private static ModelFamily Of(string type, Func<ConfigReader, Config> read) => ModelFamily.Of(type, "model", read, (c, m) => new RtDetr(c, m),
        [
            SkippedTensors.BatchCounts,
            new("denoising_class_embed", "for training on noisy boxes"),
            new("decoder.class_embed", "the detector's head"),
            new("decoder.bbox_embed", "the detector's head"),
            new(".n_points_scale", "a buffer of one number"),
        ],
        [
            new TaskGraphs<RtDetr>("feature-extraction", r => r.Run(detect: false)),
            new TaskGraphs<RtDetr>("object-detection", r => r.Run(detect: true)),
        ]);
}
