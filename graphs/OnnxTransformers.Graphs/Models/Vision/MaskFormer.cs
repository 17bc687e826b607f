using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>MaskFormer (Cheng et al., 2021): DETR's decoder over a backbone's last map, each query giving a class and, by products with a fine map, a mask. facebook/maskformer-swin-tiny-ade, maskformer-resnet50-ade20k-full.
/// Reference: transformers, models/maskformer.</summary>
internal sealed class MaskFormer(MaskFormer.Config c, Module m)
{
    internal sealed record Config(Backbone? Backbone, int FeatureWidth, int MaskWidth, int Width, int Queries, DetrBlock Decoder, bool NormEachLayer, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("no_object_weight", "dice_weight", "cross_entropy_weight", "mask_weight", "use_auxiliary_loss", "output_auxiliary_logits", "init_xavier_std", "use_pretrained_backbone", "use_timm_backbone", "backbone_kwargs",
                "num_attention_heads", "num_hidden_layers");
            if (json.String("backbone") is { } name) json.Problem("backbone", $"\"{name}\"", "null: the backbone's configuration in backbone_config");
            if (!json.Has("backbone_config")) json.Problem("backbone_config", "missing", "the backbone's configuration");
            var decoder = json.Object("decoder_config") ?? ConfigReader.Parse("{}"u8.ToArray(), json.File);
            DetrConfig.IgnoreTraining(decoder);
            decoder.Ignore("backbone", "backbone_config", "backbone_kwargs", "use_pretrained_backbone", "use_timm_backbone", "dilation", "num_channels", "encoder_layers", "encoder_ffn_dim", "encoder_attention_heads", "position_embedding_type");
            if (decoder.String("model_type", "detr") is not "detr" and var type) decoder.Problem("model_type", $"\"{type}\"", "detr");
            var width = decoder.Count("d_model", 256);
            if (width % 4 != 0) decoder.Problem("d_model", $"{width}", "a multiple of 4, for sines and cosines of two axes");
            var features = json.Count("fpn_feature_size", 256);
            if (features % 32 != 0) json.Problem("fpn_feature_size", $"{features}", "a multiple of 32, for groups of channels");
            return new(Backbone.Read(json, renamed: ("swin", "maskformer-swin")), features, json.Count("mask_feature_size", 256), width, decoder.Count("num_queries", 100),
                new(decoder.Count("decoder_layers", 6), decoder.Heads("decoder_attention_heads", 8, width), decoder.Count("decoder_ffn_dim", 2048), decoder.Activation("activation_function", "relu")), decoder.Bool("auxiliary_loss", false), json.Labels());
        }
    }

    private const float Epsilon = 1e-5f;

    private static Value Normed(Module at, Value x, int width, int size) => GroupNorm(at["1"], Conv(at["0"], x, width, Window.Padded(size, 1, size / 2), bias: false), 32, Epsilon);

    /// <summary>All maps as one of the size of the largest. -> [B, C, h, w].</summary>
    private Value PixelEmbeddings(ImmutableArray<Value> maps)
    {
        var at = m["pixel_level_module.decoder"];
        var h = Op.Relu(Normed(at["fpn.stem"], maps[^1], c.FeatureWidth, 3));
        for (var i = 0; i < maps.Length - 1; i++)
        {
            var layer = at["fpn.layers"][i];
            var left = Normed(layer["proj"], maps[^(i + 2)], c.FeatureWidth, 1);
            var size = GridSize.Of(left);
            h = Op.Relu(Normed(layer["block"], Op.Resize(h, size.Vector, size.Height, size.Width, Interpolation.Nearest) + left, c.FeatureWidth, 3));
        }
        return Conv(at["mask_projection"], h, c.MaskWidth, Window.Padded(3, 1, 1));
    }

    /// <summary>What the queries found in the last map. -> [B, Q, D].</summary>
    private Value Decode(Value map)
    {
        var at = m["transformer_module"];
        if (map.Shape[1] != c.Width) map = Conv(at["input_projection"], map, c.Width, new Window(1));
        var (g, size, memory) = (m.Graph, GridSize.Of(map), Tokens(map));
        var all = Op.Expand(g.Scalar(1, ElementType.Bool), Op.Concat(0, g.Constant(1), size.Vector), new Shape(1, size.Height, size.Width));
        var placed = memory + Positions(all, new SinePositions(c.Width / 2));
        var queries = ForEachRow(at["queries_embedder"].Weight("weight", c.Queries, c.Width), memory);
        var norm = at["decoder.layernorm"];
        var h = at["decoder.layers"].Fold(c.Decoder.Layers, queries * 0, (layer, x) =>
        {
            x = DetrDecoderLayer(layer, x, queries, memory, placed, keys: null, c.Decoder);
            return c.NormEachLayer ? LayerNorm(norm, x, Epsilon) : x;
        });
        return LayerNorm(norm, h, Epsilon);
    }

    private (Value Last, Value Pixels, Value Queries) Run()
    {
        var maps = c.Backbone!.Maps(m["pixel_level_module.encoder"], PixelValues(m.Graph, c.Backbone.Channels, c.Backbone.Image.Pixels));
        return (maps[^1], PixelEmbeddings(maps), Decode(maps[^1]));
    }

    private GraphOutputs Features()
    {
        var (last, pixels, queries) = Run();
        return [("encoder_last_hidden_state", last), ("pixel_decoder_last_hidden_state", pixels), ("transformer_decoder_last_hidden_state", queries)];
    }

    private GraphOutputs Segment()
    {
        var (_, pixels, queries) = Run();
        var embedder = m.Root["mask_embedder"];
        var h = embedder.Fold(3, queries, (layer, i, x) => i < 2 ? Linear(layer["0"], x, c.Width, Activation.Named("relu")) : Linear(layer["0"], x, c.MaskWidth));
        var classes = Linear(m.Root["class_predictor"], queries, c.Labels + 1, role: MatrixRole.Head);
        using var scope = embedder.Enter();
        return [("class_queries_logits", classes), ("masks_queries_logits", MasksOf(h, pixels)), ("transformer_decoder_last_hidden_state", queries)];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("maskformer", "model", Config.Read, (c, m) => new MaskFormer(c, m), [SkippedTensors.BatchCounts, new(".relative_position_index", "a buffer that the window's size tells")],
        [
            new TaskGraphs<MaskFormer>("feature-extraction", f => f.Features()),
            new TaskGraphs<MaskFormer>("image-segmentation", f => f.Segment()),
        ]);
}
