using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>BEiT (Bao et al., 2021): the vision transformer with learned biases of distances, in each layer or shared, and learned scales. microsoft/beit-base-patch16-224;
/// data2vec's vision network (Baevski et al., 2022) is the same. Reference: transformers, models/beit and models/data2vec.</summary>
internal sealed class Beit(Beit.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, PixelSize Patch, int Channels, int Layers, VisionBlock Block, bool Absolute, bool OwnBias, bool SharedBias, bool Scaled, bool MeanPooling, int Words, bool ReshapeMaps, bool Pyramid,
        float PyramidEpsilon, ImmutableArray<int> PoolScales, ImmutableArray<int> Stages, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            var layers = json.Count("num_hidden_layers", 12);
            json.Ignore("drop_path_rate", "use_mask_token", "use_auxiliary_head", "auxiliary_loss_weight", "auxiliary_channels", "auxiliary_num_convs", "auxiliary_concat_input", "semantic_loss_ignore_index");
            return new(json.PixelSize("image_size", 224), json.PixelSize("patch_size", 16), json.Count("num_channels", 3), layers, json.VisionBlock(), json.Bool("use_absolute_position_embeddings", false),
                json.Bool("use_relative_position_bias", false), json.Bool("use_shared_relative_position_bias", false), json.Double("layer_scale_init_value", 0.1) > 0, json.Bool("use_mean_pooling", true), json.Count("vocab_size", 8192),
                json.Bool("reshape_hidden_states", true), json.Bool("add_fpn", false), json.Float("batch_norm_eps", 1e-5f), json.Counts("pool_scales", [1, 2, 3, 6]), json.OutStages(layers), json.Labels());
        }

        /// <summary>The same with the layers that data2vec segments by where nothing names them.</summary>
        internal static Config ReadData2Vec(ConfigReader json) => json.Has("out_indices") ? Read(json) : Read(json) with { Stages = [3, 5, 7, 11] };

        internal int Width => Block.HiddenSize;

        internal PixelSize Grid => Image.Over(Patch);
    }

    /// <summary>Patches behind the class token. [B, C, height, width] -> [B, 1 + N, D].</summary>
    private (Value Tokens, GridSize Size) Embed(Module e, Value pixels, Value? hidden)
    {
        var map = Patches(e["patch_embeddings.projection"], pixels, c.Width, c.Patch.Height, c.Patch.Width);
        using var scope = e.Enter();
        var (size, h) = (GridSize.Of(map), Tokens(map));
        if (hidden is not null) h = WithHidden(h, hidden, e.Weight("mask_token", 1, 1, c.Width));
        Value first = e.Weight("cls_token", 1, 1, c.Width);
        if (c.Absolute)
        {
            var table = e.Weight("position_embeddings", 1, c.Grid.Cells + 1, c.Width);
            h += InterpolatePositions(table.Slice(1, 1, c.Grid.Cells), c.Grid.Height, c.Grid.Width, size);
            first += table.Slice(1, 0, 1);
        }
        return (e.Result(Op.Concat(1, ForEachRow(first, h), h)), size);
    }

    private Value Bias(Module at, GridSize size) => GridBias(at["relative_position_bias"], c.Block.Heads, c.Grid.Height, c.Grid.Width, size);

    /// <summary>[B, 1 + N, D] -> [B, 1 + N, D].</summary>
    private Value Block(Module layer, Value h, GridSize size, Value? shared)
    {
        var (attention, a) = (layer["attention"], layer["attention.attention"]);
        var bias = c.OwnBias ? Bias(a, size) is var own && shared is not null ? own + shared : own : shared;
        var x = LayerNorm(layer["layernorm_before"], h, c.Block.Epsilon);
        var context = Attend(a, Linear(a["query"], x, c.Width), Linear(a["key"], x, c.Width, bias: false), Linear(a["value"], x, c.Width), c.Block.Heads, mask: null, bias);
        h += Scaled(layer, "lambda_1", Linear(attention["output.dense"], context, c.Width));
        var wide = Linear(layer["intermediate.dense"], LayerNorm(layer["layernorm_after"], h, c.Block.Epsilon), c.Block.IntermediateSize, c.Block.Activation);
        return h + Scaled(layer, "lambda_2", Linear(layer["output.dense"], wide, c.Width));
    }

    private Value Scaled(Module layer, string scale, Value x) => c.Scaled ? x * layer.Weight(scale, c.Width) : x;

    /// <summary>What each layer makes, the embeddings first. [B, C, height, width] -> [B, 1 + N, D] each.</summary>
    internal (ImmutableArray<Value> States, GridSize Size) States(Value pixels, Value? hidden = null)
    {
        var (h, size) = Embed(m["embeddings"], pixels, hidden);
        var shared = c.SharedBias ? Bias(m["encoder"], size) : null;
        return (m["encoder.layer"].Through(c.Layers, h, (layer, _, x) => Block(layer, x, size, shared)), size);
    }

    private (Value Hidden, GridSize Size) Encode(Value pixels, Value? hidden = null)
    {
        var (states, size) = States(pixels, hidden);
        return (c.MeanPooling ? states[^1] : LayerNorm(m["layernorm"], states[^1], c.Block.Epsilon), size);
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, c.Image.Pixels);

    private Value Pooled(Value h, GridSize size) => c.MeanPooling ? LayerNorm(m["pooler.layernorm"], Op.ReduceMean(TokensAfter(h, 1, size), 1, keep: false), c.Block.Epsilon) : FirstToken(h);

    private GraphOutputs Features()
    {
        var (h, size) = Encode(Pixels());
        return c.MeanPooling && !m["pooler.layernorm"].Has("weight") ? [("last_hidden_state", h)] : [("last_hidden_state", h), ("pooler_output", Pooled(h, size))];
    }

    private GraphOutputs Classify()
    {
        var (h, size) = Encode(Pixels());
        return Logits(m.Root["classifier"], Pooled(h, size), c.Labels);
    }

    /// <summary>Which visual word each patch is, hidden ones included.</summary>
    private GraphOutputs Guess()
    {
        var pixels = FixedPixelValues(m.Graph, c.Channels, c.Image.Pixels);
        var (h, size) = Encode(pixels, HiddenPatches(m.Graph, c.Grid.Cells));
        return Logits(m.Root["lm_head"], TokensAfter(LayerNorm(m.Root["layernorm"], h, c.Block.Epsilon), 1, size), c.Words);
    }

    private ImmutableArray<Value> Maps(Value pixels)
    {
        var (states, size) = States(pixels);
        ImmutableArray<Value> maps = [.. c.Stages.Select(i => c.ReshapeMaps || c.Pyramid ? Map(TokensAfter(states[i], 1, size), size) : states[i])];
        return c.Pyramid ? Pyramid(m, maps, c.PyramidEpsilon) : maps;
    }

    /// <summary>Maps of one size become maps of four: fpn1, fpn2; the last is halved.</summary>
    private ImmutableArray<Value> Pyramid(Module at, ImmutableArray<Value> maps, float epsilon)
    {
        if (maps.Length != 4) throw m.Graph.Error($"four sizes are made of four maps, not of {maps.Length}");
        Value Twice(Module convolution, Value x)
        {
            using var scope = convolution.Enter();
            Window two = new(2, 2);
            return Op.ConvTranspose(x, convolution.Weight("weight", c.Width, c.Width, 2, 2), convolution.Weight("bias", c.Width), [two, two]);
        }
        var (fpn1, half) = (at["fpn1"], new Window(2, 2));
        var larger = Activate(fpn1[2], Activation.Named("gelu"), BatchNorm(fpn1[1], Twice(fpn1[0], maps[0]), epsilon));
        return [Twice(fpn1[3], larger), Twice(at["fpn2.0"], maps[1]), maps[2], Op.MaxPool(maps[3], [half, half])];
    }

    /// <summary>A label for each quarter of a patch. The reference counts states from the embeddings on, so it takes what comes in to the layers that are named.</summary>
    private GraphOutputs Segment()
    {
        var (states, size) = States(Pixels());
        m["layernorm"].LeaveOut("the last normalization: states are taken in front of it");
        var maps = Pyramid(m.Root, [.. c.Stages.Order().Select(i => Map(TokensAfter(states[Math.Max(i - 1, 0)], 1, size), size))], 1e-5f);
        return [("logits", PyramidLabels(m.Root["decode_head"], maps, new PyramidHead(c.Width, c.PoolScales, "bn", c.Labels)))];
    }

    internal static Backbone AsBackbone(ConfigReader json)
    {
        var c = Config.Read(json);
        return new(c.Image, c.Patch, (at, pixels) => new Beit(c, at).Maps(pixels));
    }

    internal static readonly ModelFamily Family = Of("beit", "beit", Config.Read, [new("masked-image-modeling", b => b.Guess()), new("backbone", b => Backbone.Outputs(b.Maps(b.Pixels())))]);

    internal static readonly ModelFamily Data2Vec = Of("data2vec-vision", "data2vec_vision", Config.ReadData2Vec, []);

    private static ModelFamily Of(string type, string at, Func<ConfigReader, Config> read, ImmutableArray<TaskGraphs<Beit>> own) => ModelFamily.Of(type, at, read, (c, m) => new Beit(c, m),
        [SkippedTensors.Pooler, SkippedTensors.MaskToken, SkippedTensors.BatchCounts, new(".relative_position_index", "a buffer that the grid tells")],
        [
            new TaskGraphs<Beit>("feature-extraction", b => b.Features()),
            new TaskGraphs<Beit>("image-classification", b => b.Classify()),
            new TaskGraphs<Beit>("image-segmentation", b => b.Segment()),
            .. own,
        ]);
}
