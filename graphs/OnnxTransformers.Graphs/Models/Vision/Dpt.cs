using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>The dense prediction transformer (Ranftl et al., 2021): states of a vision transformer at four depths become maps of four sizes, which are fused into a map of depths or labels. Intel/dpt-large, dpt-hybrid-midas, dpt-dinov2-small-kitti.
/// Reference: transformers, models/dpt.</summary>
internal sealed class Dpt(Dpt.Config c, Module m)
{
    /// <summary>What becomes of the class token.</summary>
    internal enum Readout
    {
        /// <summary>Nothing.</summary>
        Ignore,
        /// <summary>It is added to each cell.</summary>
        Add,
        /// <summary>It goes through a linear layer together with each cell.</summary>
        Project,
    }

    internal sealed record Config(PixelSize Image, PixelSize Patch, int Channels, int Layers, VisionBlock Block, Activation Pooler, int PoolerWidth, Backbone? Backbone, bool Hybrid, ImmutableArray<int> States, ImmutableArray<int> Ignored,
        Readout Readout, DepthFusion Fusion, int HeadAt, bool AddProjection, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("auxiliary_loss_weight", "semantic_loss_ignore_index", "semantic_classifier_dropout", "use_auxiliary_head", "use_pretrained_backbone", "use_timm_backbone", "backbone_kwargs", "use_autobackbone",
                "backbone_featmap_shape");                                                                          // the backbone's maps tell it
            var block = json.VisionBlock();
            bool hybrid = json.Bool("is_hybrid", false), norms = json.Bool("use_batch_norm_in_fusion_residual", false);
            if (json.String("backbone") is { } name) json.Problem("backbone", $"\"{name}\"", "null: the backbone's configuration in backbone_config");
            if (hybrid && !json.Has("backbone_config")) json.Problem("backbone_config", "missing", "the configuration of the convolutions in front of the transformer, as is_hybrid is true");
            var backbone = Backbone.Read(json, absentType: "bit");
            var ignored = json.Ints("neck_ignore_stages", [0, 1]);
            var fusion = DepthFusion.Read(json, [96, 192, 384, 768], 256) with { BatchNorm = norms, Bias = json.Has("use_bias_in_fusion_residual") ? json.Bool("use_bias_in_fusion_residual", true) : !norms };
            var states = json.Ints("backbone_out_indices", [2, 5, 8, 11]);
            if (backbone is null && states.Length != fusion.Widths.Length) json.Problem("backbone_out_indices", $"{states.Length} entries", $"one for each of the {fusion.Widths.Length} of neck_hidden_sizes");
            var readout = json.OneOf("readout_type", Readout.Project, ("ignore", Readout.Ignore), ("add", Readout.Add), ("project", Readout.Project));
            if (hybrid && readout != Readout.Project) json.Problem("readout_type", json.String("readout_type")!, "project, as is_hybrid is true");
            var at = json.Int("head_in_index", -1);
            if (at >= fusion.Widths.Length || at < -fusion.Widths.Length) json.Problem("head_in_index", $"{at}", $"{-fusion.Widths.Length} to {fusion.Widths.Length - 1}");
            return new(json.PixelSize("image_size", 384), json.PixelSize("patch_size", 16), json.Count("num_channels", 3), json.Count("num_hidden_layers", 12), block, json.Activation("pooler_act", "tanh"),
                json.Count("pooler_output_size", block.HiddenSize), backbone, hybrid, states, hybrid ? ignored : [], readout, fusion, at, json.Bool("add_projection", false), json.Labels());
        }

        internal int Width => Block.HiddenSize;

        internal PixelSize Grid => Image.Over(Patch);
    }

    /// <summary>The states that the neck takes: maps where they are used as they are, otherwise tokens with the class token in front.</summary>
    private sealed record Encoded(ImmutableArray<Value> States, GridSize Size);

    /// <summary>The class token, patches and their positions; of a hybrid the maps of its convolutions, too. [B, C, height, width] -> [B, 1 + h*w, D].</summary>
    private (Value Tokens, GridSize Size, ImmutableArray<Value> Maps) Embed(Value pixels)
    {
        var e = m["embeddings"];
        ImmutableArray<Value> maps = [];
        Value map;
        if (c.Hybrid)
        {
            maps = c.Backbone!.Maps(e["backbone"], pixels);
            map = Conv(e["projection"], maps[^1], c.Width, new Window(1));
        }
        else map = Patches(e["patch_embeddings.projection"], pixels, c.Width, c.Patch.Height, c.Patch.Width);
        using var scope = e.Enter();
        var (size, h) = (GridSize.Of(map), Tokens(map));
        var table = e.Weight("position_embeddings", 1, c.Grid.Cells + 1, c.Width);
        h += InterpolatePositions(table.Slice(1, 1, c.Grid.Cells), c.Grid.Height, c.Grid.Width, size, Interpolation.Linear);
        var first = (Value)e.Weight("cls_token", 1, 1, c.Width) + table.Slice(1, 0, 1);
        return (e.Result(Op.Concat(1, ForEachRow(first, h), h)), size, maps);
    }

    private Encoded Encode()
    {
        if (c.Backbone is not null && !c.Hybrid)
        {
            var (pixels, patch) = (PixelValues(m.Graph, c.Backbone.Channels, c.Backbone.Image.Pixels), c.Backbone.Patch);
            var maps = c.Backbone.Maps(m.Root["backbone"], pixels);
            return new(maps, patch is { } p ? PatchesOf(pixels, p) : GridSize.Of(maps[0]));
        }
        var (h, size, first) = Embed(PixelValues(m.Graph, c.Channels, c.Image.Pixels));
        var states = m["encoder.layer"].Through(c.Layers, h, (layer, _, x) => VisionTransformerBlock(layer, x, c.Block));
        m["layernorm"].LeaveOut("the last normalization: states are taken in front of it");
        var chosen = Enumerable.Range(0, c.Layers).Where(i => (c.Hybrid ? c.States.Skip(2) : c.States).Contains(i)).Select(i => states[i + 1]);
        return new([.. first.Take(2), .. chosen], size);
    }

    /// <summary>One of the states as a map of its size. -> [B, width, h', w'].</summary>
    private Value Reassembled(Module at, Value state, int i, GridSize size)
    {
        if (state.Shape.Rank == 4) return c.Ignored.Contains(i) || c.Backbone is { Patch: null } ? state : Reassemble(at["layers"][i], state, c.Fusion.Widths[i], c.Fusion.Factors[i]);
        Value h;
        using (at.Enter())
        {
            h = TokensAfter(state, 1, size);
            var first = Op.Slice(state, 1, 0, 1);
            if (c.Readout == Readout.Add) h += first;
            if (c.Readout == Readout.Project) h = Op.Concat(2, h, Op.Expand(first, Op.ShapeOf(h, 0, 3), h.Shape));
        }
        if (c.Readout == Readout.Project) h = Linear(at["readout_projects"][i]["0"], h, state.Shape[-1].Size!.Value, c.Block.Activation);
        return Reassemble(at["layers"][i], Map(h, size), c.Fusion.Widths[i], c.Fusion.Factors[i]);
    }

    /// <summary>What the head takes. -> [B, width, h, w].</summary>
    private Value Fused()
    {
        var (e, neck) = (Encode(), m.Root["neck"]);
        var all = FuseMaps(neck, [.. e.States.Select((state, i) => Reassembled(neck["reassemble_stage"], state, i, e.Size))], c.Fusion);
        return all[c.HeadAt < 0 ? c.HeadAt + all.Length : c.HeadAt];
    }

    private GraphOutputs Depth()
    {
        var (h, head) = (Fused(), m.Root["head"]);
        if (c.AddProjection) h = Op.Relu(Conv(head["projection"], h, 256, Window.Padded(3, 1, 1)));
        h = Enlarge(Conv(head["head.0"], h, c.Fusion.Width / 2, Window.Padded(3, 1, 1)), 2, alignCorners: true);
        h = Op.Relu(Conv(head["head.2"], h, 32, Window.Padded(3, 1, 1)));
        return [("predicted_depth", Op.Squeeze(Op.Relu(Conv(head["head.4"], h, 1, new Window(1))), 1))];
    }

    private GraphOutputs Segment()
    {
        var (h, head) = (Fused(), m.Root["head.head"]);
        h = Op.Relu(BatchNorm(head["1"], Conv(head["0"], h, c.Fusion.Width, Window.Padded(3, 1, 1), bias: false), 1e-5f));
        return [("logits", Enlarge(Conv(head["4"], h, c.Labels, new Window(1)), 2, alignCorners: true))];
    }

    private GraphOutputs Features()
    {
        var h = m["encoder.layer"].Fold(c.Layers, Embed(PixelValues(m.Graph, c.Channels, c.Image.Pixels)).Tokens, (layer, x) => VisionTransformerBlock(layer, x, c.Block));
        h = LayerNorm(m["layernorm"], h, c.Block.Epsilon);
        var dense = m["pooler.dense"];
        return dense.Has("weight") ? [("last_hidden_state", h), ("pooler_output", Linear(dense, FirstToken(h), c.PoolerWidth, c.Pooler))] : [("last_hidden_state", h)];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("dpt", "dpt", Config.Read, (c, m) => new Dpt(c, m), [SkippedTensors.BatchCounts, SkippedTensors.Pooler, new("embeddings.mask_token", "what stands for hidden patches")],
        [
            new TaskGraphs<Dpt>("feature-extraction", d => d.Features()),
            new TaskGraphs<Dpt>("depth-estimation", d => d.Depth()),
            new TaskGraphs<Dpt>("image-segmentation", d => d.Segment()),
        ]);
}
