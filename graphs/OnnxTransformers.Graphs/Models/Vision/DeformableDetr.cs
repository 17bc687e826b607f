using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>Deformable DETR (Zhu et al., 2021): cells of several maps and queries each look at a few points of all maps; boxes may be refined by each layer, and the best cells may be the first boxes. SenseTime/deformable-detr,
/// deformable-detr-with-box-refine-two-stage. Reference: transformers, models/deformable_detr.</summary>
internal sealed class DeformableDetr(DeformableDetr.Config c, Module m)
{
    internal sealed record Config(Backbone? Backbone, int Width, int Levels, int Queries, DetrBlock Encoder, DeformableAttention EncoderAttention, DetrBlock Decoder, DeformableAttention DecoderAttention, bool Learned, bool Refines, bool TwoStages,
        int Proposals, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            DetrConfig.IgnoreTraining(json);
            json.Ignore("auxiliary_loss", "max_position_embeddings", "return_intermediate");
            int width = json.Count("d_model", 256), levels = json.Count("num_feature_levels", 4);
            if (width % 32 != 0) json.Problem("d_model", $"{width}", "a multiple of 32, for groups of channels");
            var activation = json.Activation("activation_function", "relu");
            DetrBlock Block(string kind) => new(json.Count($"{kind}_layers", 6), json.Heads($"{kind}_attention_heads", 8, width), json.Count($"{kind}_ffn_dim", 1024), activation);
            DeformableAttention Attention(DetrBlock block, string kind) => new(block.Heads, [.. Enumerable.Repeat(json.Count($"{kind}_n_points", 4), levels)]);
            DetrBlock encoder = Block("encoder"), decoder = Block("decoder");
            bool refines = json.Bool("with_box_refine", false), twoStages = json.Bool("two_stage", false);
            if (twoStages && !refines) json.Problem("two_stage", "true", "true together with with_box_refine");
            return new(DetrConfig.Backbone(json, timm: true, levels > 1 ? [2, 3, 4] : [4]), width, levels, json.Count("num_queries", 300), encoder, Attention(encoder, "encoder"), decoder, Attention(decoder, "decoder"),
                json.OneOf("position_embedding_type", false, ("sine", false), ("learned", true)), refines, twoStages, json.Count("two_stage_num_proposals", 300), json.Labels());
        }
    }

    /// <summary>A map as the transformer takes it.</summary>
    /// <param name="Tokens">[B, h*w, D].</param>
    /// <param name="Size">Its size.</param>
    /// <param name="Real">Cells that are no padding, bool [B, h, w].</param>
    /// <param name="Positions">[B, h*w, D].</param>
    private sealed record Level(Value Tokens, GridSize Size, Value Real, Value Positions)
    {
        /// <summary>How many columns or rows are real, float32 [B, 1].</summary>
        internal Value RealColumns => Count(1);

        /// <inheritdoc cref="RealColumns"/>
        internal Value RealRows => Count(2);

        private Value Count(int across) => Op.ReduceSum(Op.Cast(Op.Select(Real, across, 0), ElementType.Float), 1, keep: true);

        /// <summary>The real part of width and height, float32 [B, 1, 2].</summary>
        internal Value Ratio
        {
            get
            {
                var extent = Op.Cast(Op.Gather(Size.Vector, Real.Graph.Constant(1, 0)), ElementType.Float);
                return Op.Unsqueeze(Op.Concat(1, RealColumns, RealRows) / extent, 1);
            }
        }
    }

    /// <summary>Everything the decoder looks at.</summary>
    private sealed record Encoded(Level[] Levels, GridSize[] Sizes, Value[] Ratios, Value Memory, Value Real);

    private Level[] Sources()
    {
        var pixels = PixelValues(m.Graph, c.Backbone!.Channels, DetrConfig.Image);
        var mask = PixelMask.Declare(m.Graph);
        var maps = c.Backbone.Maps(m["backbone.conv_encoder.model"], pixels);
        var levels = new Level[c.Levels];
        Value? last = null;
        for (var i = 0; i < levels.Length; i++)
        {
            // Behind the backbone's maps come smaller ones, each made of the one before.
            var project = m["input_proj"][i];
            var map = i < maps.Length ? Conv(project[0], maps[i], c.Width, new Window(1)) : Conv(project[0], i == maps.Length ? maps[^1] : last!, c.Width, Window.Padded(3, 2, 1));
            last = map = GroupNorm(project[1], map, 32, 1e-5f);
            var size = GridSize.Of(map);
            var real = mask.At(size);
            var positions = c.Learned ? LearnedPositions(m["backbone.position_embedding"], size, 50, 50, c.Width / 2) : Positions(real, new SinePositions(c.Width / 2) { Centred = true });
            using var scope = m.Enter();
            levels[i] = new(Tokens(map), size, real, positions + m.Weight("level_embed", c.Levels, c.Width).Slice(0, i, 1).Reshape(c.Width));
        }
        return levels;
    }

    private Encoded Encode()
    {
        var levels = Sources();
        var g = m.Graph;
        GridSize[] sizes = [.. levels.Select(l => l.Size)];
        Value[] ratios;
        Value points, real, positions, h;
        using (m["encoder"].Enter())
        {
            ratios = [.. levels.Select(l => l.Ratio)];
            real = Op.Concat(1, [.. levels.Select(l => Op.Reshape(l.Real, [0, -1, 1], l.Size.Cells))]);
            h = Op.Concat(1, [.. levels.Select(l => l.Tokens)]);
            positions = Op.Concat(levels[0].Positions.Shape.Rank - 2, [.. levels.Select(l => l.Positions)]);
            points = Op.Concat(1, [.. levels.Select(RealCentres)]);
        }
        Value[] references = [.. ratios.Select(r => points * r)];
        h = m["encoder.layers"].Fold(c.Encoder.Layers, h, (layer, x) => DeformableLayer(layer, "self_attn", x, x + positions, x, c.Encoder, c.EncoderAttention, new(levels, sizes, ratios, x, real), references));
        return new(levels, sizes, ratios, h, real);
    }

    /// <summary>The middle of each cell as parts of the real width and height. -> float32 [B, h*w, 2].</summary>
    private static Value RealCentres(Level level)
    {
        var (rows, columns) = Cells(level.Size);
        Value Part(Value cells, Value real) => Op.Unsqueeze((Op.Cast(cells, ElementType.Float) + 0.5) / real, 2);
        return Op.Concat(2, Part(columns, level.RealColumns), Part(rows, level.RealRows));
    }

    /// <summary>Deformable attention and the feed-forward part, normalized behind each.</summary>
    private static Value DeformableLayer(Module at, string attention, Value h, Value queries, Value memory, DetrBlock block, DeformableAttention a, Encoded e, Value[] references)
    {
        h = AddNorm(at[$"{attention}_layer_norm"], AttendDeformable(at[attention], queries, memory, e.Real, e.Sizes, references, a), h, DetrBlock.Epsilon);
        return AddNorm(at["final_layer_norm"], PlainFeedForward(at, h, block.FeedForward, block.Activation, bias: true, "fc1", "fc2"), h, DetrBlock.Epsilon);
    }

    private Module Boxes(int i) => Head("bbox_embed", i, "layers.0.weight");

    private Module Classes(int i) => Head("class_embed", i, "weight");

    /// <summary>The head of a layer, under either of the names that it is stored under; where layers share one, it is stored once.</summary>
    private Module Head(string name, int i, string weight) =>
        new[] { m.Root[name][i], m["decoder"][name][i], m.Root[name][0] }.FirstOrDefault(head => head[weight[..^"weight".Length].TrimEnd('.')].Has("weight"), m.Root[name][i]);

    private Value BoxOffset(int i, Value h) => Op.Cast(Perceptron(Boxes(i), h, c.Width, 4, 3), ElementType.Float);

    /// <summary>A point or box moved by what a head says: points become boxes.</summary>
    private static Value Moved(Value offset, Value reference)
    {
        var start = InverseSigmoid(reference);
        return Op.Sigmoid(reference.Shape[-1] == 4 ? offset + start : Op.Concat(2, Op.Slice(offset, 2, 0, 2) + start, Op.Slice(offset, 2, 2, 4)));
    }

    /// <summary>What the queries are, what they know, and where they look at first; and the classes of all cells, where the best of these are the queries.</summary>
    private (Value Queries, Value Start, Value Reference, Value? Classes) Begin(Encoded e)
    {
        if (c.TwoStages) return Propose(e);
        var both = m["query_position_embeddings"].Weight("weight", c.Queries, 2L * c.Width);
        Value queries = ForEachRow(both.Slice(1, 0, c.Width), e.Memory), start = ForEachRow(both.Slice(1, c.Width, c.Width), e.Memory);
        return (queries, start, Op.Sigmoid(Op.Cast(Linear(m["reference_points"], queries, 2, role: MatrixRole.Head), ElementType.Float)), null);
    }

    /// <summary>The first stage: a box at each cell, of which those with the best first class become queries.</summary>
    private (Value Queries, Value Start, Value Reference, Value? Classes) Propose(Encoded e)
    {
        var g = m.Graph;
        Value boxes, usable, memory;
        using (m["enc_output"].Enter())
        {
            boxes = Op.Concat(1, [.. e.Levels.Select((level, i) =>
            {
                var centres = RealCentres(level);
                return Op.Concat(2, centres, Op.Expand(g.Scalar(0.05 * Math.Pow(2, i), ElementType.Float), Op.ShapeOf(centres, 0, 3), centres.Shape));
            })]);
            var inside = Op.And(Op.Greater(Op.ReduceMin(boxes, 2, keep: true), g.Scalar(0.01, ElementType.Float)), Op.Less(Op.ReduceMax(boxes, 2, keep: true), g.Scalar(0.99, ElementType.Float)));
            usable = Op.And(inside, e.Real);
            boxes = Op.Where(usable, Op.Log(boxes / (-boxes + 1)), g.Scalar(double.PositiveInfinity, ElementType.Float));
            memory = Op.Where(usable, e.Memory, g.Scalar(0, e.Memory.Type));
        }
        var h = LayerNorm(m["enc_output_norm"], Linear(m["enc_output"], memory, c.Width), DetrBlock.Epsilon);
        var classes = Linear(Classes(c.Decoder.Layers), h, c.Labels, role: MatrixRole.Head);
        boxes += BoxOffset(c.Decoder.Layers, h);
        Value reference, waves;
        using (m["pos_trans"].Enter())
        {
            reference = Op.Sigmoid(Op.GatherRows(boxes, Op.TopK(Op.Select(classes, 2, 0), c.Proposals, 1).Indices));
            waves = Waves(Op.Unsqueeze(reference * (2 * Math.PI), 3), c.Width / 2, 10000);                                   // [B, Q, 4, D / 2]
            waves = Op.Cast(Op.Reshape(waves, [0, 0, 2 * c.Width]), g.Options.ComputeType);
        }
        var both = Split(LayerNorm(m["pos_trans_norm"], Linear(m["pos_trans"], waves, 2L * c.Width), DetrBlock.Epsilon), c.Width, c.Width);
        return (both[0], both[1], reference, classes);
    }

    private GraphOutputs Run(bool detect)
    {
        var e = Encode();
        var (queries, h, reference, classes) = Begin(e);
        var (first, boxes) = (reference, reference);
        for (var i = 0; i < c.Decoder.Layers; i++)
        {
            var (layer, known) = (m["decoder.layers"][i], h);
            Value[] references = [.. e.Ratios.Select(r => reference * (reference.Shape[-1] == 4 ? Op.Concat(2, r, r) : r))];
            h = AddNorm(layer["self_attn_layer_norm"], AttendSets(layer["self_attn"], h + queries, h + queries, known, c.Decoder.Heads), h, DetrBlock.Epsilon);
            h = layer.Result(DeformableLayer(layer, "encoder_attn", h, h + queries, e.Memory, c.Decoder, c.DecoderAttention, e, references));
            if (!detect) continue;
            if (c.Refines) boxes = reference = Moved(BoxOffset(i, h), reference);
            else if (i == c.Decoder.Layers - 1) boxes = Moved(BoxOffset(i, h), reference);
        }
        if (!detect) return [("last_hidden_state", h), ("encoder_last_hidden_state", e.Memory), ("init_reference_points", first)];
        GraphOutputs found = [("logits", Linear(Classes(c.Decoder.Layers - 1), h, c.Labels, role: MatrixRole.Head)), ("pred_boxes", boxes), ("last_hidden_state", h), ("init_reference_points", first)];
        return classes is null ? found : [.. found, ("enc_outputs_class", classes)];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("deformable_detr", "model", Config.Read, (c, m) => new DeformableDetr(c, m),
        [SkippedTensors.BatchCounts, new("decoder.class_embed", "the heads, stored twice"), new("decoder.bbox_embed", "the heads, stored twice")],
        [
            new TaskGraphs<DeformableDetr>("feature-extraction", d => d.Run(detect: false)),
            new TaskGraphs<DeformableDetr>("object-detection", d => d.Run(detect: true)),
        ]);
}
