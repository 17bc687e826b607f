using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>The masked autoencoder (He et al., 2021): the vision transformer sees a few patches that noise picks, and a small decoder makes up the others. facebook/vit-mae-base. Reference: transformers, models/vit_mae.</summary>
internal sealed class VitMae(VitMae.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, PixelSize Patch, int Channels, int Layers, VisionBlock Block, int DecoderLayers, VisionBlock Decoder, double Hidden, bool NormPixels)
    {
        internal static Config Read(ConfigReader json)
        {
            var block = json.VisionBlock();
            var width = json.Count("decoder_hidden_size", 512);
            var decoder = block with { HiddenSize = width, Heads = json.Heads("decoder_num_attention_heads", 16, width), IntermediateSize = json.Count("decoder_intermediate_size", 2048) };
            return new(json.PixelSize("image_size", 224), json.PixelSize("patch_size", 16), json.Count("num_channels", 3), json.Count("num_hidden_layers", 12), block, json.Count("decoder_num_hidden_layers", 8), decoder,
                json.Double("mask_ratio", 0.75), json.Bool("norm_pix_loss", false));
        }

        internal int Width => Block.HiddenSize;

        internal PixelSize Grid => Image.Over(Patch);

        /// <summary>How many patches are seen.</summary>
        internal int Seen => (int)(Grid.Cells * (1 - Hidden));
    }

    /// <summary>What the encoder makes of the patches that are seen, which are hidden (1), and where each patch stands in the order of its noise.</summary>
    private sealed record Encoded(Value Pixels, Value Tokens, Value Mask, Value Places);

    /// <summary>Declares the inputs: pixel_values and noise [B, N]. -> [B, 1 + seen, D].</summary>
    private Encoded Encode()
    {
        var (g, e, cells) = (m.Graph, m["embeddings"], c.Grid.Cells);
        var pixels = FixedPixelValues(g, c.Channels, c.Image.Pixels);
        var noise = g.Input("noise", ElementType.Float, new Shape("batch_size", cells));
        var h = Tokens(Patches(e["patch_embeddings.projection"], pixels, c.Width, c.Patch.Height, c.Patch.Width));
        Value order, places, mask;
        using (e.Enter())
        {
            var table = e.Weight("position_embeddings", 1, cells + 1, c.Width);
            h += table.Slice(1, 1, cells);
            order = Ascending(noise);
            places = Ascending(order);
            mask = Op.Cast(Op.GreaterOrEqual(places, g.Scalar(c.Seen, ElementType.Int64)), g.Options.ComputeType);
            h = RowsAt(h, Op.Slice(order, 1, 0, c.Seen));
            h = e.Result(Op.Concat(1, ForEachRow((Value)e.Weight("cls_token", 1, 1, c.Width) + table.Slice(1, 0, 1), h), h));
        }
        h = m["encoder.layer"].Fold(c.Layers, h, (layer, x) => VisionTransformerBlock(layer, x, c.Block));
        return new(pixels, LayerNorm(m["layernorm"], h, c.Block.Epsilon), mask, places);
    }

    /// <summary>The order that sorts each row, equal ones as they stand. [B, N] -> int64 [B, N].</summary>
    private static Value Ascending(Value x) => Op.TopK(x, x.Shape[1].Size!.Value, 1, largest: false).Indices;

    /// <summary>Tokens by place. [B, N, D] and int64 [B, n] -> [B, n, D].</summary>
    private static Value RowsAt(Value tokens, Value places)
    {
        var width = tokens.Shape[2];
        var each = Op.Unsqueeze(places, 2);
        return Op.GatherElements(tokens, Op.Expand(each, tokens.Graph.Constant(1, 1, width.Size!.Value), each.Shape.With(2, width)), 1);
    }

    /// <summary>The pixels of every patch, hidden ones made up. [B, 1 + seen, D] -> [B, N, patch^2 * C].</summary>
    private Value Decode(Encoded x)
    {
        var (d, cells, width) = (m.Root["decoder"], c.Grid.Cells, c.Decoder.HiddenSize);
        var h = Linear(d["decoder_embed"], x.Tokens, width);
        using (d.Enter())
        {
            var unseen = d.Weight("mask_token", 1, 1, width);
            var all = c.Seen < cells ? Op.Concat(1, Op.Slice(h, 1, 1, c.Seen + 1), Repeated(ForEachRow(unseen, h), cells - c.Seen)) : Op.Slice(h, 1, 1, c.Seen + 1);
            h = Op.Concat(1, Op.Slice(h, 1, 0, 1), RowsAt(all, x.Places)) + d.Weight("decoder_pos_embed", 1, cells + 1, width);
        }
        h = d["decoder_layers"].Fold(c.DecoderLayers, h, (layer, y) => VisionTransformerBlock(layer, y, c.Decoder));
        var made = Linear(d["decoder_pred"], LayerNorm(d["decoder_norm"], h, c.Block.Epsilon), c.Patch.Cells * c.Channels);
        return Op.Slice(made, 1, 1, cells + 1);
    }

    private static Value Repeated(Value one, int times) => Op.Expand(one, one.Graph.Constant(1, times, 1), one.Shape.With(1, times));

    /// <summary>The mean square distance in hidden patches.</summary>
    private Value Loss(Value pixels, Value made, Value mask)
    {
        using var scope = m.Graph.Enter("loss");
        var (grid, patch) = (c.Grid, c.Patch);
        var blocks = Op.Reshape(Op.Cast(pixels, ElementType.Float), [0, c.Channels, grid.Height, patch.Height, grid.Width, patch.Width]);
        var target = Op.Reshape(Op.Transpose(blocks, [0, 2, 4, 3, 5, 1]), [0, grid.Cells, patch.Cells * c.Channels]);
        if (c.NormPixels)
        {
            var centred = target - Op.ReduceMean(target, -1, keep: true);
            var count = patch.Cells * c.Channels;
            target = centred / Op.Sqrt(Op.ReduceSum(centred * centred, -1, keep: true) / (count - 1) + 1e-6);
        }
        var apart = Op.Cast(made, ElementType.Float) - target;
        var hidden = Op.Cast(mask, ElementType.Float);
        return SumOfAll(Op.ReduceMean(apart * apart, -1, keep: false) * hidden) / SumOfAll(hidden);
    }

    private GraphOutputs Features()
    {
        var x = Encode();
        return [("last_hidden_state", x.Tokens), ("mask", x.Mask), ("ids_restore", x.Places)];
    }

    private GraphOutputs MakeUp()
    {
        var x = Encode();
        var made = Decode(x);
        return [("loss", Loss(x.Pixels, made, x.Mask)), ("logits", made), ("mask", x.Mask), ("ids_restore", x.Places)];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("vit_mae", "vit", Config.Read, (c, m) => new VitMae(c, m), [],
        [
            new TaskGraphs<VitMae>("feature-extraction", v => v.Features()),
            new TaskGraphs<VitMae>("masked-image-modeling", v => v.MakeUp()) { Traits = SharedLoss },
            new TaskGraphs<VitMae>("pretraining", v => v.MakeUp()) { Traits = SharedLoss },
        ]);
}
