using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>SigLIP 2 with images of their own proportions (Tschannen et al., 2025, NaFlex): patches come as a list with the size of each image's grid. google/siglip2-*-naflex. Reference: transformers, models/siglip2.</summary>
internal sealed class Siglip2(Siglip2.Config c, Module m)
{
    internal sealed record Config(Siglip.TextConfig Text, int Patch, int Channels, int Positions, int Layers, ClipBlock Block, bool Head, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            var image = json.Tower("vision_config");
            image.Ignore("image_size");
            return new(Siglip.TextConfig.Read(json.Tower("text_config")), image.Count("patch_size", 16), image.Count("num_channels", 3), image.Count("num_patches", 256), image.Count("num_hidden_layers", 12),
                image.ClipBlock(768, 12, 3072, "gelu_pytorch_tanh", 1e-6f), image.Bool("vision_use_head", true), json.Labels());
        }

        /// <summary>Positions along a side of the stored grid.</summary>
        internal int Side => (int)Math.Sqrt(Positions);
    }

    private DualEncoder Both => new(m, () => Siglip.TextTower(m["text_model"], c.Text), ImageTower, cosines => Siglip.Score(m, cosines));

    /// <summary>Declares the patches of images: pixel_values [B, N, channels * patch * patch], pixel_attention_mask [B, N], spatial_shapes [B, 2] with height and width in patches. -> [B, N, D], and which patches are real.</summary>
    private (Value Hidden, Value Mask) Encode()
    {
        var (g, v) = (m.Graph, m["vision_model"]);
        var pixels = Op.Cast(g.Input("pixel_values", ElementType.Float, new Shape(g.ImageRows, "num_patches", (long)c.Channels * c.Patch * c.Patch)), g.Options.ComputeType);
        var real = g.Input("pixel_attention_mask", ElementType.Int64, new Shape(g.ImageRows, "num_patches"));
        var shapes = g.Input("spatial_shapes", ElementType.Int64, new Shape(g.ImageRows, 2));
        var e = v["embeddings"];
        var h = Linear(e["patch_embedding"], pixels, c.Block.HiddenSize) + Positions(e["position_embedding"], shapes, real);
        var mask = new AttentionMask(real);
        h = v["encoder.layers"].Fold(c.Layers, h, (layer, y) => ClipLayer(layer, y, c.Block, mask));
        return (LayerNorm(v["post_layernorm"], h, c.Block.Epsilon), real);
    }

    /// <summary>The stored grid of positions at each image's own size, by linear interpolation that averages where it shrinks; padding gets the first position. -> [B, N, D].</summary>
    private Value Positions(Module e, Value shapes, Value real)
    {
        using var scope = e.Enter();
        var g = e.Graph;
        Value Whole(long n) => g.Scalar(n, ElementType.Int64);
        Value height = Op.Slice(shapes, 1, 0, 1), width = Op.Slice(shapes, 1, 1, 2);                                // [B, 1]
        var number = Op.Unsqueeze(Op.Range(Whole(0), Op.Squeeze(Op.ShapeOf(real, 1, 2), 0), real.Shape[1]), 0);      // [1, N]
        number = Op.Where(Op.Less(number, height * width), number, Whole(0));                                        // [B, N]
        var row = number / width;
        var both = Op.Unsqueeze(Shares(row, height), 3) * Op.Unsqueeze(Shares(number - row * width, width), 2);      // [B, N, side, side]
        var flat = Op.Reshape(both, [0, 0, (long)c.Side * c.Side]);
        var table = Op.Cast(e.Weight("weight", c.Positions, c.Block.HiddenSize), ElementType.Float);
        return e.Result(Op.Cast(Op.MatMul(flat, table), g.Options.ComputeType));
    }

    /// <summary>How much of each stored position along a side a patch gets: a triangle around the patch's centre, at least one position wide on either side. places [B, N] of [B, 1] -> [B, N, side], sums 1.</summary>
    private Value Shares(Value places, Value count)
    {
        var g = places.Graph;
        var scale = Op.Reciprocal(Op.Cast(count, ElementType.Float)) * c.Side;                                       // stored positions a patch, [B, 1]
        var centre = Op.Unsqueeze((Op.Cast(places, ElementType.Float) + 0.5) * scale, 2);                            // [B, N, 1]
        var reach = Op.Unsqueeze(Op.Max(scale, g.Scalar(1, ElementType.Float)), 2);
        var stored = Op.Cast(Op.Range(g.Scalar(0, ElementType.Int64), g.Scalar(c.Side, ElementType.Int64), c.Side), ElementType.Float) + 0.5;
        var shares = Op.Relu(-(Op.Abs(stored - centre) / reach) + 1);
        return shares / Op.ReduceSum(shares, 2, keep: true);
    }

    private Tower ImageTower()
    {
        Siglip.RequireHead(c.Head);
        var (h, real) = Encode();
        var pooled = Siglip.AttentionPool(m["vision_model.head"], h, c.Block, new AttentionMask(real));
        return new(h, pooled, pooled);
    }

    /// <summary>A number for each label, from the mean of the real patches.</summary>
    private GraphOutputs Classify()
    {
        var (h, real) = Encode();
        var weights = Op.Unsqueeze(Op.Cast(real, h.Type), 2);
        return Logits(m["classifier"], Op.ReduceSum(h * weights, 1, keep: false) / Op.ReduceSum(weights, 1, keep: false), c.Labels);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("siglip2", [], Config.Read, (c, m) => new Siglip2(c, m), [new(".embeddings.position_ids", "a buffer of consecutive numbers"), new("vision_model.head", "what pools the patches, which the task does not read")],
    [
        DualEncoder.ZeroShot<Siglip2>(x => x.Both) with { Traits = Siglip.OneLength },
        new TaskGraphs<Siglip2>("image-classification", x => x.Classify()),
    ]);
}
