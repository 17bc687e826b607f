using System.Collections.Immutable;

namespace OnnxTransformers.Checkpoints;

/// <summary>Networks that compare texts with images.</summary>
internal static partial class OriginalLayouts
{
    private static ImmutableArray<OriginalLayout> Texts =>
    [
        new("openai/CLIP", ["clip"], OpenAiClip.Marker,
        [
            new("visual.class_embedding", "vision_model.embeddings.class_embedding"),
            new("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
            new("visual.proj", "visual_projection.weight") { Transposed = true },
            new("visual.conv1", "vision_model.embeddings.patch_embedding"),
            new("visual.ln_pre", "vision_model.pre_layrnorm"),
            new("visual.ln_post", "vision_model.post_layernorm"),
            .. ClipBlocks("visual.transformer.resblocks.{}", "vision_model.encoder.layers.{}"),
            .. ClipTexts,
        ]),
        new("openai/CLIP", [OpenAiClip.ResNetType], OpenAiClip.ResNetMarker, [new("visual", "vision_model"), .. ClipTexts]),
    ];

    private static ImmutableArray<NameRule> ClipTexts =>
    [
        .. ClipBlocks("transformer.resblocks.{}", "text_model.encoder.layers.{}"),
        new("token_embedding", "text_model.embeddings.token_embedding"),
        new("positional_embedding", "text_model.embeddings.position_embedding.weight"),
        new("ln_final", "text_model.final_layer_norm"),
        new("text_projection", "text_projection.weight") { Transposed = true },
        new("input_resolution"),
        new("context_length"),
        new("vocab_size"),
    ];

    private static ImmutableArray<NameRule> ClipBlocks(string from, string to) =>
    [
        new($"{from}.attn.in_proj_weight", $"{to}.self_attn.q_proj.weight", $"{to}.self_attn.k_proj.weight", $"{to}.self_attn.v_proj.weight"),
        new($"{from}.attn.in_proj_bias", $"{to}.self_attn.q_proj.bias", $"{to}.self_attn.k_proj.bias", $"{to}.self_attn.v_proj.bias"),
        new($"{from}.attn.out_proj", $"{to}.self_attn.out_proj"),
        new($"{from}.ln_1", $"{to}.layer_norm1"),
        new($"{from}.ln_2", $"{to}.layer_norm2"),
        new($"{from}.mlp.c_fc", $"{to}.mlp.fc1"),
        new($"{from}.mlp.c_proj", $"{to}.mlp.fc2"),
    ];
}
