using System.Collections.Immutable;
using OnnxTransformers.Graphs.Models.Vision.Timm;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>Configuration values that DETR and its relatives share.</summary>
internal static class DetrConfig
{
    /// <summary>A size that they are proved with: they take any, and those of 800 pixels that they were trained on would only take longer.</summary>
    internal static readonly (int Height, int Width) Image = (320, 416);

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
        if (json.Bool("use_timm_backbone", timm) && !json.Has("backbone_config")) return OfTimm(json, name ?? "resnet50", channels, stages.IsEmpty ? [1, 2, 3, 4] : stages);
        json.Ignore("backbone_kwargs", "dilation");
        if (Vision.Backbone.Read(json) is { } read) return read;
        if (!json.Has("backbone_config")) json.Problem("backbone_config", "missing", "the backbone's configuration, or use_timm_backbone with the name of a residual network in backbone");
        return null;
    }

    private static Backbone? OfTimm(ConfigReader json, string name, int channels, ImmutableArray<int> stages)
    {
        var more = json.Object("backbone_kwargs") ?? ConfigReader.Parse("{}"u8.ToArray(), json.File);
        stages = more.Ints("out_indices", stages);
        foreach (var stage in stages.Where(s => s is < 0 or > 4)) more.Problem("out_indices", $"{stage}", "0 to 4");
        channels = more.Count("in_chans", channels);
        if (TimmResNet.Stages(name.Split('.')[0], more, json.Bool("dilation", false) ? 16 : 32) is { } states) return new(new(224, 224), null, (at, pixels) =>
        {
            var all = states(at, pixels);
            return [.. stages.Select(stage => all[stage])];
        })
        { Channels = channels };
        json.Problem("backbone", $"\"{name}\"", "a residual network of timm, as resnet50", "use a checkpoint whose backbone is a network of transformers: its configuration is in backbone_config");
        return null;
    }
}
