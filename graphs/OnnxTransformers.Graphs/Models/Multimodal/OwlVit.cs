using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>OWL-ViT (Minderer et al., 2022): every patch of CLIP's image tower is a box and a vector, which is compared with those of texts or of what another image shows. google/owlvit-*. Reference: transformers, models/owlvit.</summary>
internal sealed class OwlVit(OwlVit.Config c, Module m)
{
    private const double Tiny = 1e-6, NearEdge = 1e-4;

    internal sealed record Config(ClipTextTower.Config Text, ClipImageTower.Config Image, int Space)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("logit_scale_init_value");                                          // the stored scale counts
            return new(ClipTextTower.Config.Read(json.Tower("text_config"), positions: 16, largest: true), ClipImageTower.Config.Read(json.Tower("vision_config"), image: 768, firstNorm: "pre_layernorm"), json.Count("projection_dim", 512));
        }
    }

    /// <summary>What the heads read of images: patches [B, N, D], and how many there are.</summary>
    private sealed record Patches(Value Features, GridSize Grid);

    private ClipTextTower Text => new(c.Text, m["text_model"]);

    private ClipImageTower Image => new(c.Image, m["vision_model"]);

    private int Width => c.Image.Block.HiddenSize;

    private DualEncoder Both => new(m, () =>
    {
        var (h, pooled) = Text.Encode();
        return new(h, pooled, Linear(m["text_projection"], pooled, c.Space, bias: false));
    }, () =>
    {
        var h = Image.Encode();
        var pooled = Image.Pool(h);
        return new(h, pooled, Linear(m["visual_projection"], pooled, c.Space, bias: false));
    }, cosines => DualEncoder.Scaled(m, cosines));

    /// <summary>Each patch times the class token, normalized. [B, C, height, width] -> [B, N, D].</summary>
    private Patches Look(Value pixels)
    {
        var h = LayerNorm(m["vision_model.post_layernorm"], Image.Encode(pixels, out var grid)[^1], c.Image.Block.Epsilon);
        var g = m.Graph;
        using var scope = g.Enter("image_embedder");
        var patches = Op.Slice(h, 1, g.Constant(1), g.Constant(int.MaxValue), grid.Cells) * Op.Slice(h, 1, 0, 1);
        return new(LayerNorm(m.Root["layer_norm"], patches, c.Image.Block.Epsilon), grid);
    }

    /// <summary>Boxes and scores for the texts of each image. There are Q texts for every image, one image's after another's: input_ids [images * Q, S]. A text whose first id is 0 is none.</summary>
    private GraphOutputs FromTexts()
    {
        var g = m.Graph;
        g.SeparateRows();
        var x = TextInputs.Declare(g, tokenTypes: false);
        var texts = DualEncoder.Normalized(Linear(m["text_projection"], Text.Encode(x).Pooled, c.Space, bias: false));
        var pixels = Image.Pixels();
        var image = Look(pixels);
        using var scope = g.Enter("queries");
        var (rows, count) = (Op.ShapeOf(pixels, 0, 1), (Dim)"num_queries");
        var queries = Op.Reshape(texts, Op.Concat(0, rows, g.Constant(-1, c.Space)), new Shape(g.ImageRows, count, c.Space));               // [B, Q, P]
        var given = Op.Greater(Op.Select(x.InputIds, 1, 0), g.Scalar(0, ElementType.Int64));
        given = Op.Reshape(given, Op.Concat(0, rows, g.Constant(-1)), new Shape(g.ImageRows, count));
        var (logits, classes) = Score(image.Features, queries);
        logits = Op.Where(Op.Unsqueeze(given, 1), logits, g.Scalar(Scalars.Lowest(ElementType.Float), ElementType.Float));
        return [("logits", logits), ("pred_boxes", Boxes(image)), ("text_embeds", queries), ("image_embeds", Spread(image)), ("class_embeds", classes)];
    }

    /// <summary>Boxes and scores for what another image shows, one for each image.</summary>
    private GraphOutputs FromImages()
    {
        var g = m.Graph;
        var image = Look(Image.Pixels());
        var query = Look(Op.Cast(g.Input("query_pixel_values", ElementType.Float, new Shape(g.ImageRows, c.Image.Channels, "query_height", "query_width")), g.Options.ComputeType));
        var boxes = Boxes(query);
        var (logits, classes) = Score(image.Features, Op.Unsqueeze(Shown(Classes(query.Features), boxes), 1));
        return [("logits", logits), ("image_embeds", Spread(image)), ("query_image_embeds", Spread(query)), ("target_pred_boxes", Boxes(image)), ("query_pred_boxes", boxes), ("class_embeds", classes)];
    }

    /// <summary>Patches as a map. [B, N, D] -> [B, h, w, D].</summary>
    private static Value Spread(Patches image)
    {
        var g = image.Features.Graph;
        var shape = image.Features.Shape;
        return Op.Reshape(image.Features, Op.Concat(0, g.Constant(0), image.Grid.Vector, g.Constant(-1)), new Shape(shape[0], image.Grid.Height, image.Grid.Width, shape[2]));
    }

    private Value Classes(Value patches) => Op.Cast(Linear(m.Root["class_head.dense0"], patches, c.Text.Block.HiddenSize), ElementType.Float);

    /// <summary>Cosines of patches and queries, shifted and scaled by numbers of the patch's own. -> logits [B, N, Q] and the patches' vectors [B, N, P], float32.</summary>
    private (Value Logits, Value Classes) Score(Value patches, Value queries)
    {
        var head = m.Root["class_head"];
        Value classes = Unit(Classes(patches)), wanted = Unit(Op.Cast(queries, ElementType.Float));
        var shift = Op.Cast(Linear(head["logit_shift"], patches, 1, role: MatrixRole.Head), ElementType.Float);
        var scale = Op.Cast(Linear(head["logit_scale"], patches, 1, role: MatrixRole.Head), ElementType.Float);
        using var scope = head.Enter();
        var zero = head.Graph.Scalar(0, ElementType.Float);
        var positive = Op.Where(Op.Greater(scale, zero), scale + 1, Op.Exp(Op.Min(scale, zero)));                    // elu + 1
        return ((Op.MatMul(classes, Op.Transpose(wanted, [0, 2, 1])) + shift) * positive, classes);
    }

    private static Value Unit(Value x) => x / (Op.ReduceL2(x, -1, keep: true) + Tiny);

    /// <summary>Boxes (centre x, y, width, height from 0 to 1), which a patch's own place and size bias. -> [B, N, 4].</summary>
    private Value Boxes(Patches image)
    {
        var head = m.Root["box_head"];
        var gelu = Activation.Named("gelu");
        var raw = Linear(head["dense2"], Linear(head["dense1"], Linear(head["dense0"], image.Features, Width, gelu), Width, gelu), 4, role: MatrixRole.Head);
        using var scope = head.Enter();
        return Op.Sigmoid(Op.Cast(raw, ElementType.Float) + Places(image.Grid));
    }

    /// <summary>The lower right corner of each patch and its size, as what a sigmoid makes them of. -> [h * w, 4].</summary>
    private static Value Places(GridSize grid)
    {
        var g = grid.Vector.Graph;
        Value Whole(long n) => g.Scalar(n, ElementType.Int64);
        Value height = Op.Select(grid.Vector, 0, 0), width = Op.Select(grid.Vector, 0, 1);
        var full = Op.Concat(0, grid.Vector, g.Constant(1));
        Value Corners(Value count, Dim name) => Op.Cast(Op.Range(Whole(1), count + Whole(1), name), ElementType.Float) / Op.Cast(count, ElementType.Float);
        Value Everywhere(Value part) => Op.Expand(Logit(part), full, new Shape(grid.Height, grid.Width, 1));
        Value x = Everywhere(Op.Unsqueeze(Corners(width, grid.Width), 0, 2)), y = Everywhere(Op.Unsqueeze(Corners(height, grid.Height), 1, 2));
        Value Size(Value count) => Everywhere(Op.Reshape(Op.Reciprocal(Op.Cast(count, ElementType.Float)), [1, 1, 1]));
        return Op.Reshape(Op.Concat(2, x, y, Size(width), Size(height)), [-1, 4], remaining: grid.Cells);
    }

    /// <summary>log(x / (1 - x)), kept from infinity.</summary>
    private static Value Logit(Value x) => Op.Log(x + NearEdge) - Op.Log(-x + (1 + NearEdge));

    /// <summary>The vector of what an image shows: of the boxes that cover it nearly as well as the best, the one least like the mean of all patches. classes [B, N, P], boxes [B, N, 4] -> [B, P].</summary>
    private static Value Shown(Value classes, Value boxes)
    {
        var g = classes.Graph;
        using var scope = g.Enter("image_query");
        var covered = Coverage(boxes);                                                                               // [B, N]
        var chosen = Op.GreaterOrEqual(covered, Op.ReduceMax(covered, 1, keep: true) * 0.8);
        var likeness = Op.Squeeze(Op.MatMul(classes, Op.Transpose(Op.ReduceMean(classes, 1, keep: true), [0, 2, 1])), 2);
        var unlike = Op.Where(chosen, -likeness, g.Scalar(Scalars.Lowest(ElementType.Float), ElementType.Float));
        return TokenAt(classes, Op.ArgMax(unlike, 1, keep: false));
    }

    /// <summary>Intersection of each box with the whole image over their union; where no box of an image meets it, less the share of what encloses both that neither covers. [B, N, 4] -> [B, N].</summary>
    private static Value Coverage(Value boxes)
    {
        var g = boxes.Graph;
        Value zero = g.Scalar(0, ElementType.Float), one = g.Scalar(1, ElementType.Float);
        (Value Inside, Value Size, Value Around) Along(int axis)
        {
            Value centre = Op.Select(boxes, 2, axis), half = Op.Select(boxes, 2, axis + 2) * 0.5;
            Value from = centre - half, to = centre + half;
            return (Op.Relu(Op.Min(to, one) - Op.Max(from, zero)), to - from, Op.Max(to, one) - Op.Min(from, zero));
        }
        var (x, y) = (Along(0), Along(1));
        Value inside = x.Inside * y.Inside, all = x.Size * y.Size + 1 - inside, around = x.Around * y.Around;
        var share = inside / all;
        var none = Op.LessOrEqual(Op.ReduceMax(share, 1, keep: true), zero);
        return Op.Where(none, share - (around - all) / around, share);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("owlvit", "owlvit", Config.Read, (c, m) => new OwlVit(c, m),
        [new(".embeddings.position_ids", "a buffer of consecutive numbers"), new("logit_scale", "what scores of texts are multiplied by, which boxes do not read"), new("visual_projection", "what boxes do not read")],
        [
            new TaskGraphs<OwlVit>("zero-shot-object-detection", new GraphPart<OwlVit>("model", x => x.FromTexts()), new GraphPart<OwlVit>("image_guided_model", x => x.FromImages())),
            DualEncoder.ZeroShot<OwlVit>(x => x.Both),
        ]);
}
