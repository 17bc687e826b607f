using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>UPerNet (Xiao et al., 2018): a backbone's maps through a pyramid of averages and a pyramid of sizes to labels. openmmlab/upernet-swin-tiny, upernet-convnext-small. Reference: transformers, models/upernet.</summary>
internal sealed class UperNet(UperNet.Config c, Module m)
{
    internal sealed record Config(Backbone? Backbone, PyramidHead Head)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("use_auxiliary_head", "auxiliary_loss_weight", "auxiliary_in_channels", "auxiliary_channels", "auxiliary_num_convs", "auxiliary_concat_input", "loss_ignore_index", "use_pretrained_backbone", "use_timm_backbone", "backbone_kwargs");
            if (json.String("backbone") is { } name) json.Problem("backbone", $"\"{name}\"", "null: the backbone's configuration in backbone_config");
            if (!json.Has("backbone_config")) json.Problem("backbone_config", "missing", "the backbone's configuration");
            return new(Backbone.Read(json), new(json.Count("hidden_size", 512), json.Counts("pool_scales", [1, 2, 3, 6]), "batch_norm", json.Labels()));
        }
    }

    private GraphOutputs Segment()
    {
        var pixels = PixelValues(m.Graph, c.Backbone!.Channels, c.Backbone.Image.Pixels);
        m["auxiliary_head"].LeaveOut("the head that only training reads");
        var labels = PyramidLabels(m["decode_head"], c.Backbone.Maps(m["backbone"], pixels), c.Head);
        using var scope = m.Graph.Enter("logits");
        var size = GridSize.Of(pixels);
        return [("logits", Op.Resize(labels, size.Vector, size.Height, size.Width, Interpolation.Linear))];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("upernet", ImmutableArray<string>.Empty, Config.Read, (c, m) => new UperNet(c, m),
        [SkippedTensors.BatchCounts, new(".relative_position_index", "a buffer that the window's size tells"), new("backbone.embeddings.mask_token", "what stands for hidden patches"), new("backbone.layernorm", "the last normalization: each map has its own")],
        [new TaskGraphs<UperNet>("image-segmentation", u => u.Segment())]);
}
