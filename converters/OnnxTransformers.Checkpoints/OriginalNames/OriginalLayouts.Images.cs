using System.Collections.Immutable;

namespace OnnxTransformers.Checkpoints;

/// <summary>Networks that take images and tell their class.</summary>
internal static partial class OriginalLayouts
{
    private static ImmutableArray<OriginalLayout> Images =>
    [
        new("timm, vision_transformer.py", ["vit"], "blocks.0.attn.qkv.weight",
        [
            new("cls_token", "vit.embeddings.cls_token"),
            new("pos_embed", "vit.embeddings.position_embeddings"),
            new("patch_embed.proj", "vit.embeddings.patch_embeddings.projection"),
            new("blocks.{}.norm1", "vit.encoder.layer.{}.layernorm_before"),
            new("blocks.{}.attn.qkv.weight", Attention("vit.encoder.layer.{}.attention.attention", "weight")),
            new("blocks.{}.attn.qkv.bias", Attention("vit.encoder.layer.{}.attention.attention", "bias")),
            new("blocks.{}.attn.proj", "vit.encoder.layer.{}.attention.output.dense"),
            new("blocks.{}.norm2", "vit.encoder.layer.{}.layernorm_after"),
            new("blocks.{}.mlp.fc1", "vit.encoder.layer.{}.intermediate.dense"),
            new("blocks.{}.mlp.fc2", "vit.encoder.layer.{}.output.dense"),
            new("norm", "vit.layernorm"),
            new("head", "classifier"),
            .. Same(["blocks", "norm_pre", "fc_norm", "pre_logits", "reg_token", "dist_token"], "", "vit."),
        ]),
        new("microsoft/Swin-Transformer", ["swin"], "layers.0.blocks.0.attn.qkv.weight",
        [
            new("patch_embed.proj", "swin.embeddings.patch_embeddings.projection"),
            new("patch_embed.norm", "swin.embeddings.norm"),
            new("layers.{}.blocks.{}.norm1", "swin.encoder.layers.{}.blocks.{}.layernorm_before"),
            new("layers.{}.blocks.{}.attn.qkv.weight", Attention("swin.encoder.layers.{}.blocks.{}.attention.self", "weight")),
            new("layers.{}.blocks.{}.attn.qkv.bias", Attention("swin.encoder.layers.{}.blocks.{}.attention.self", "bias")),
            new("layers.{}.blocks.{}.attn.proj", "swin.encoder.layers.{}.blocks.{}.attention.output.dense"),
            new("layers.{}.blocks.{}.attn", "swin.encoder.layers.{}.blocks.{}.attention.self"),
            new("layers.{}.blocks.{}.attn_mask"),
            new("layers.{}.blocks.{}.norm2", "swin.encoder.layers.{}.blocks.{}.layernorm_after"),
            new("layers.{}.blocks.{}.mlp.fc1", "swin.encoder.layers.{}.blocks.{}.intermediate.dense"),
            new("layers.{}.blocks.{}.mlp.fc2", "swin.encoder.layers.{}.blocks.{}.output.dense"),
            new("layers.{}.downsample", "swin.encoder.layers.{}.downsample"),
            new("norm", "swin.layernorm"),
            new("head", "classifier"),
            .. Same(["layers", "absolute_pos_embed"], "", "swin."),
        ]),
        new("facebookresearch/ConvNeXt", ["convnext"], "downsample_layers.0.0.weight",
        [
            new("downsample_layers.0.0", "convnext.embeddings.patch_embeddings"),
            new("downsample_layers.0.1", "convnext.embeddings.layernorm"),
            new("downsample_layers.{}.{}", "convnext.encoder.stages.{}.downsampling_layer.{}"),
            new("stages.{}.{}.gamma", "convnext.encoder.stages.{}.layers.{}.layer_scale_parameter"),
            new("stages.{}.{}.norm", "convnext.encoder.stages.{}.layers.{}.layernorm"),
            new("stages.{}.{}", "convnext.encoder.stages.{}.layers.{}"),
            new("norm", "convnext.layernorm"),
            new("head", "classifier"),
        ]),
    ];

    /// <summary>Queries, keys and values of one matrix.</summary>
    private static ImmutableArray<string> Attention(string module, string tensor) => [$"{module}.query.{tensor}", $"{module}.key.{tensor}", $"{module}.value.{tensor}"];
}
