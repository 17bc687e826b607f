using System.Collections.Immutable;

namespace OnnxTransformers.Checkpoints;

/// <summary>Networks that find objects, masks and depth in images.</summary>
internal static partial class OriginalLayouts
{
    private static ImmutableArray<OriginalLayout> Dense =>
    [
        Detr("facebookresearch/detr", ""),
        Detr("facebookresearch/detr, segmentation", "detr."),
        new("lyuwenyu/RT-DETR", ["rt_detr", "rt_detr_v2"], "decoder.dec_score_head.0.weight",
        [
            .. Each(3, i => new($"backbone.conv1.conv1_{i}.conv", $"model.backbone.model.embedder.embedder.{i - 1}.convolution")),
            .. Each(3, i => new($"backbone.conv1.conv1_{i}.norm", $"model.backbone.model.embedder.embedder.{i - 1}.normalization")),
            new("backbone.res_layers.{}.blocks.{}.short.conv.conv", "model.backbone.model.encoder.stages.{}.layers.{}.shortcut.1.convolution"),
            new("backbone.res_layers.{}.blocks.{}.short.conv.norm", "model.backbone.model.encoder.stages.{}.layers.{}.shortcut.1.normalization"),
            new("backbone.res_layers.{}.blocks.{}.short.conv", "model.backbone.model.encoder.stages.{}.layers.{}.shortcut.convolution"),
            new("backbone.res_layers.{}.blocks.{}.short.norm", "model.backbone.model.encoder.stages.{}.layers.{}.shortcut.normalization"),
            .. Each(3, i => new($"backbone.res_layers.{{}}.blocks.{{}}.branch2{"abc"[i - 1]}.conv", $"model.backbone.model.encoder.stages.{{}}.layers.{{}}.layer.{i - 1}.convolution")),
            .. Each(3, i => new($"backbone.res_layers.{{}}.blocks.{{}}.branch2{"abc"[i - 1]}.norm", $"model.backbone.model.encoder.stages.{{}}.layers.{{}}.layer.{i - 1}.normalization")),
            new("encoder.input_proj.{}.conv", "model.encoder_input_proj.{}.0"),
            new("encoder.input_proj.{}.norm", "model.encoder_input_proj.{}.1"),
            new("encoder.input_proj", "model.encoder_input_proj"),
            .. SelfAttention("encoder.encoder.{}.layers.{}", "model.encoder.encoder.{}.layers.{}"),
            new("encoder.encoder.{}.layers.{}.norm2", "model.encoder.encoder.{}.layers.{}.final_layer_norm"),
            new("encoder", "model.encoder"),
            new("decoder.input_proj.{}.conv", "model.decoder_input_proj.{}.0"),
            new("decoder.input_proj.{}.norm", "model.decoder_input_proj.{}.1"),
            new("decoder.enc_output.proj", "model.enc_output.0"),
            new("decoder.enc_output.norm", "model.enc_output.1"),
            .. Same(["denoising_class_embed", "enc_output", "enc_score_head", "enc_bbox_head"], "decoder.", "model."),
            .. SelfAttention("decoder.decoder.layers.{}", "model.decoder.layers.{}"),
            new("decoder.decoder.layers.{}.cross_attn.num_points_scale"),
            new("decoder.decoder.layers.{}.cross_attn", "model.decoder.layers.{}.encoder_attn"),
            new("decoder.decoder.layers.{}.norm2", "model.decoder.layers.{}.encoder_attn_layer_norm"),
            new("decoder.decoder.layers.{}.norm3", "model.decoder.layers.{}.final_layer_norm"),
            new("decoder.query_pos_head", "model.decoder.query_pos_head"),
            new("decoder.dec_score_head", "model.decoder.class_embed"),
            new("decoder.dec_bbox_head", "model.decoder.bbox_embed"),
            new("decoder.anchors"),
            new("decoder.valid_mask"),
        ]),
        Segformer("NVlabs/SegFormer", "backbone."),
        Segformer("NVlabs/SegFormer, classification", ""),
        new("isl-org/DPT", ["dpt"], "pretrained.model.blocks.0.attn.qkv.weight",
        [
            new("pretrained.model.cls_token", "dpt.embeddings.cls_token"),
            new("pretrained.model.pos_embed", "dpt.embeddings.position_embeddings"),
            new("pretrained.model.patch_embed.proj", "dpt.embeddings.patch_embeddings.projection"),
            new("pretrained.model.blocks.{}.norm1", "dpt.encoder.layer.{}.layernorm_before"),
            new("pretrained.model.blocks.{}.attn.qkv.weight", Attention("dpt.encoder.layer.{}.attention.attention", "weight")),
            new("pretrained.model.blocks.{}.attn.qkv.bias", Attention("dpt.encoder.layer.{}.attention.attention", "bias")),
            new("pretrained.model.blocks.{}.attn.proj", "dpt.encoder.layer.{}.attention.output.dense"),
            new("pretrained.model.blocks.{}.norm2", "dpt.encoder.layer.{}.layernorm_after"),
            new("pretrained.model.blocks.{}.mlp.fc1", "dpt.encoder.layer.{}.intermediate.dense"),
            new("pretrained.model.blocks.{}.mlp.fc2", "dpt.encoder.layer.{}.output.dense"),
            new("pretrained.model.norm", "dpt.layernorm"),
            new("pretrained.model.head"),
            .. Each(4, i => new($"pretrained.act_postprocess{i}.0.project", $"neck.reassemble_stage.readout_projects.{i - 1}")),
            .. Each(4, i => new($"pretrained.act_postprocess{i}.3", $"neck.reassemble_stage.layers.{i - 1}.projection")),
            .. Each(4, i => new($"pretrained.act_postprocess{i}.4", $"neck.reassemble_stage.layers.{i - 1}.resize")),
            .. Fusion("scratch"),
            new("scratch.output_conv", "head.head"),
            new("auxlayer", "auxiliary_head.head"),
            new("pretrained", "dpt.pretrained"),
        ]),
        new("LiheYoung/Depth-Anything", ["depth_anything"], "depth_head.projects.0.weight",
        [
            new("pretrained.cls_token", "backbone.embeddings.cls_token"),
            new("pretrained.mask_token", "backbone.embeddings.mask_token"),
            new("pretrained.pos_embed", "backbone.embeddings.position_embeddings"),
            new("pretrained.patch_embed.proj", "backbone.embeddings.patch_embeddings.projection"),
            new("pretrained.blocks.{}.attn.qkv.weight", Attention("backbone.encoder.layer.{}.attention.attention", "weight")),
            new("pretrained.blocks.{}.attn.qkv.bias", Attention("backbone.encoder.layer.{}.attention.attention", "bias")),
            new("pretrained.blocks.{}.attn.proj", "backbone.encoder.layer.{}.attention.output.dense"),
            new("pretrained.blocks.{}.ls1.gamma", "backbone.encoder.layer.{}.layer_scale1.lambda1"),
            new("pretrained.blocks.{}.ls2.gamma", "backbone.encoder.layer.{}.layer_scale2.lambda1"),
            new("pretrained.blocks.{}.mlp.w12", "backbone.encoder.layer.{}.mlp.weights_in"),
            new("pretrained.blocks.{}.mlp.w3", "backbone.encoder.layer.{}.mlp.weights_out"),
            new("pretrained.blocks.{}", "backbone.encoder.layer.{}"),
            new("pretrained.norm", "backbone.layernorm"),
            new("depth_head.projects.{}", "neck.reassemble_stage.layers.{}.projection"),
            new("depth_head.resize_layers.{}", "neck.reassemble_stage.layers.{}.resize"),
            .. Fusion("depth_head.scratch"),
            new("depth_head.scratch.output_conv1", "head.conv1"),
            new("depth_head.scratch.output_conv2.0", "head.conv2"),
            new("depth_head.scratch.output_conv2.2", "head.conv3"),
        ]),
    ];

    /// <summary>DETR over a residual network of torchvision, whose names are timm's, too.</summary>
    private static OriginalLayout Detr(string program, string at) => new(program, ["detr", "table-transformer"], $"{at}transformer.encoder.layers.0.self_attn.in_proj_weight",
    [
        new($"{at}backbone.0.body", $"{at}model.backbone.conv_encoder.model"),
        new($"{at}input_proj", $"{at}model.input_projection"),
        new($"{at}query_embed", $"{at}model.query_position_embeddings"),
        .. SelfAttention($"{at}transformer.encoder.layers.{{}}", $"{at}model.encoder.layers.{{}}"),
        new($"{at}transformer.encoder.layers.{{}}.norm2", $"{at}model.encoder.layers.{{}}.final_layer_norm"),
        new($"{at}transformer.encoder.norm", $"{at}model.encoder.layernorm"),
        .. SelfAttention($"{at}transformer.decoder.layers.{{}}", $"{at}model.decoder.layers.{{}}"),
        .. PackedAttention($"{at}transformer.decoder.layers.{{}}.multihead_attn", $"{at}model.decoder.layers.{{}}.encoder_attn"),
        new($"{at}transformer.decoder.layers.{{}}.norm2", $"{at}model.decoder.layers.{{}}.encoder_attn_layer_norm"),
        new($"{at}transformer.decoder.layers.{{}}.norm3", $"{at}model.decoder.layers.{{}}.final_layer_norm"),
        new($"{at}transformer.decoder.norm", $"{at}model.decoder.layernorm"),
        new($"{at}class_embed", $"{at}class_labels_classifier"),
        new($"{at}bbox_embed", $"{at}bbox_predictor"),
        new($"{at}transformer", $"{at}model.transformer"),
    ]);

    private static OriginalLayout Segformer(string program, string at) => new(program, ["segformer"], $"{at}block1.0.attn.q.weight",
    [
        .. Each(4, i => new($"{at}patch_embed{i}.proj", $"segformer.encoder.patch_embeddings.{i - 1}.proj")),
        .. Each(4, i => new($"{at}patch_embed{i}.norm", $"segformer.encoder.patch_embeddings.{i - 1}.layer_norm")),
        .. Enumerable.Range(1, 4).SelectMany(i => Stage($"{at}block{i}.{{}}", $"segformer.encoder.block.{i - 1}.{{}}")),
        .. Each(4, i => new($"{at}norm{i}", $"segformer.encoder.layer_norm.{i - 1}")),
        .. Each(4, i => new($"{at}block{i}", $"segformer.block{i}")),
        .. Each(4, i => new($"decode_head.linear_c{i}", $"decode_head.linear_c.{i - 1}")),
        new("decode_head.linear_fuse.conv", "decode_head.linear_fuse"),
        new("decode_head.linear_fuse.bn", "decode_head.batch_norm"),
        new("decode_head.linear_pred", "decode_head.classifier"),
        new("decode_head.conv_seg"),
        new("head", "classifier"),
    ]);

    private static IEnumerable<NameRule> Stage(string from, string to) =>
    [
        new($"{from}.norm1", $"{to}.layer_norm_1"),
        new($"{from}.norm2", $"{to}.layer_norm_2"),
        new($"{from}.attn.q", $"{to}.attention.self.query"),
        new($"{from}.attn.kv.weight", $"{to}.attention.self.key.weight", $"{to}.attention.self.value.weight"),
        new($"{from}.attn.kv.bias", $"{to}.attention.self.key.bias", $"{to}.attention.self.value.bias"),
        new($"{from}.attn.sr", $"{to}.attention.self.sr"),
        new($"{from}.attn.norm", $"{to}.attention.self.layer_norm"),
        new($"{from}.attn.proj", $"{to}.attention.output.dense"),
        new($"{from}.mlp.fc1", $"{to}.mlp.dense1"),
        new($"{from}.mlp.fc2", $"{to}.mlp.dense2"),
        new($"{from}.mlp.dwconv", $"{to}.mlp.dwconv"),
    ];

    /// <summary>What the dense prediction transformer does with maps.</summary>
    private static IEnumerable<NameRule> Fusion(string from) =>
    [
        .. Each(4, i => new($"{from}.layer{i}_rn", $"neck.convs.{i - 1}")),
        .. Each(4, i => new($"{from}.refinenet{i}.out_conv", $"neck.fusion_stage.layers.{4 - i}.projection")),
        .. Enumerable.Range(1, 4).SelectMany(i => Each(2, unit => new($"{from}.refinenet{i}.resConfUnit{unit}.conv1", $"neck.fusion_stage.layers.{4 - i}.residual_layer{unit}.convolution1"))),
        .. Enumerable.Range(1, 4).SelectMany(i => Each(2, unit => new($"{from}.refinenet{i}.resConfUnit{unit}.conv2", $"neck.fusion_stage.layers.{4 - i}.residual_layer{unit}.convolution2"))),
        .. Enumerable.Range(1, 4).SelectMany(i => Each(2, unit => new($"{from}.refinenet{i}.resConfUnit{unit}.bn1", $"neck.fusion_stage.layers.{4 - i}.residual_layer{unit}.batch_norm1"))),
        .. Enumerable.Range(1, 4).SelectMany(i => Each(2, unit => new($"{from}.refinenet{i}.resConfUnit{unit}.bn2", $"neck.fusion_stage.layers.{4 - i}.residual_layer{unit}.batch_norm2"))),
    ];

    /// <summary>The first part of a layer of torch's transformer, and what all its layers have.</summary>
    private static IEnumerable<NameRule> SelfAttention(string from, string to) =>
    [
        .. PackedAttention($"{from}.self_attn", $"{to}.self_attn"),
        new($"{from}.norm1", $"{to}.self_attn_layer_norm"),
        new($"{from}.linear1", $"{to}.fc1"),
        new($"{from}.linear2", $"{to}.fc2"),
    ];

    private static IEnumerable<NameRule> PackedAttention(string from, string to) =>
    [
        new($"{from}.in_proj_weight", $"{to}.q_proj.weight", $"{to}.k_proj.weight", $"{to}.v_proj.weight"),
        new($"{from}.in_proj_bias", $"{to}.q_proj.bias", $"{to}.k_proj.bias", $"{to}.v_proj.bias"),
        new($"{from}.out_proj", $"{to}.out_proj"),
    ];

    private static IEnumerable<NameRule> Each(int count, Func<int, NameRule> rule) => Enumerable.Range(1, count).Select(rule);

    private static IEnumerable<NameRule> Same(string[] names, string from, string to) => names.Select(name => new NameRule(from + name, to + name));
}
