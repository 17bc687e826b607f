using System.Collections.Immutable;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>Configuration values that DETR and its relatives share.</summary>
internal static class DetrConfig
{
    /// <summary>Keys of training that they all have.</summary>
    internal static void IgnoreTraining(ConfigReader json) => json.Ignore("class_cost", "bbox_cost", "giou_cost", "mask_loss_coefficient", "dice_loss_coefficient", "bbox_loss_coefficient", "giou_loss_coefficient", "cls_loss_coefficient",
        "eos_coefficient", "focal_alpha", "encoder_layerdrop", "decoder_layerdrop", "init_xavier_std", "is_encoder_decoder", "num_hidden_layers", "disable_custom_kernels", "scale", "hidden_size", "num_attention_heads");

    /// <summary>The backbone: its own configuration, or the name of one of timm's residual networks.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="timm">Whether it is one of timm where the key is absent.</param>
    /// <param name="stages">Stages of timm's network that make maps, where nothing says which.</param>
    internal static Backbone? Backbone(ConfigReader json, bool timm, params ImmutableArray<int> stages)
    {
        json.Ignore("use_pretrained_backbone");
        var name = json.String("backbone");
        var channels = json.Count("num_channels", 3);
        if (json.Bool("use_timm_backbone", timm) && !json.Has("backbone_config")) return TimmResNet.AsBackbone(json, name ?? "resnet50", channels, stages.IsEmpty ? [1, 2, 3, 4] : stages);
        json.Ignore("backbone_kwargs", "dilation");
        if (Vision.Backbone.Read(json) is { } read) return read;
        if (!json.Has("backbone_config")) json.Problem("backbone_config", "missing", "the backbone's configuration, or use_timm_backbone with the name of a residual network in backbone");
        return null;
    }
}
