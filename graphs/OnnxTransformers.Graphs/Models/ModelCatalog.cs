using System.Collections.Immutable;
using OnnxTransformers.Graphs.Models.Multimodal;
using OnnxTransformers.Graphs.Models.Text;
using OnnxTransformers.Graphs.Models.Text.Causal;
using OnnxTransformers.Graphs.Models.Vision;
using OnnxTransformers.Graphs.Models.Vision.Timm;

namespace OnnxTransformers.Graphs.Models;

/// <summary>The table of model types.</summary>
public static class ModelCatalog
{
    /// <summary>All families that are supported: each passes its own fixtures of the reference.</summary>
    public static readonly ImmutableArray<ModelFamily> Families =
    [
        Bert.Family,
        DistilBert.Family,
        Electra.Family,
        MpNet.Family,
        Roberta.Family,
        Roberta.Family.As("xlm-roberta"),
        Roberta.Family.As("camembert"),
        Afmoe.Family,
        Apertus.Family,
        Arcee.Family,
        Bamba.Family,
        Bamba.Granite,
        BioGpt.Family,
        BitNet.Family,
        Bloom.Family,
        Cohere.Family,
        Cohere.Cohere2,
        Cohere.Cohere2Moe,
        Ctrl.Family,
        Cwm.Family,
        Dbrx.Family,
        DeepseekV2.Family,
        DeepseekV3.Family,
        DeepseekV3.Glm4Lite,
        DeepseekV3.Mistral4,
        DiffLlama.Family,
        Doge.Family,
        Ernie45Moe.Family,
        ExaoneMoe.Family,
        Falcon.Family,
        FalconH1.Family,
        Flint.Family,
        Gemma.Family,
        Gemma.Gemma2,
        Gemma.Gemma3,
        Gemma4.Family,
        Glm.Family,
        Gpt2.Family,
        GptBigCode.Family,
        GptJ.Family,
        GptJ.CodeGen,
        GptNeo.Family,
        GptNeoX.Family,
        GptNeoXJapanese.Family,
        GptOss.Family,
        Granite.Family,
        Granite.Moe,
        Granite.Sliding,
        Granite.HyperClovaX,
        HrmText.Family,
        HunYuan.Family,
        HyV3.Family,
        ImageGpt.Family,
        Jamba.Family,
        JetMoe.Family,
        Laguna.Family,
        Lfm2.Family,
        Lfm2.Moe,
        Llama.Family,
        Mamba.Family,
        Mamba.Falcon,
        Mamba.Second,
        MiMoV2.Family,
        MiniCpm3.Family,
        MiniMaxM2.Family,
        Ministral3.Family,
        Mistral.Family,
        MoeLlama.Mixtral,
        MoeLlama.Olmoe,
        MoeLlama.Qwen2Moe,
        MoeLlama.Qwen3Moe,
        Mpt.Family,
        NanoChat.Family,
        Nemotron.Family,
        NemotronH.Family,
        Olmo.Family,
        Olmo2.Family,
        Olmo2.Olmo3,
        Olmo2.Exaone4,
        OlmoHybrid.Family,
        OpenAiGpt.Family,
        Opt.Family,
        Persimmon.Family,
        Phi.Family,
        Phi3.Family,
        Qwen2.Family,
        Qwen3.Family,
        Qwen3Next.Family,
        Qwen3Next.Qwen35,
        Qwen3Next.Qwen35Moe,
        SmolLm3.Family,
        StableLm.Family,
        Starcoder2.Family,
        Starcoder2.Jais2,
        BertDecoder.Family,

        // Images.
        Aimv2Vision.Family,
        Beit.Data2Vec,
        Beit.Family,
        Bit.Family,
        ConvNext.Family,
        ConvNext.Second,
        Cvt.Family,
        Deit.Family,
        Dinov2.Family,
        Dinov2.WithRegisters,
        Dinov3.Family,
        EfficientNet.Family,
        FocalNet.Family,
        HgNetV2.Family,
        Hiera.Family,
        Levit.Family,
        MobileNetV1.Family,
        MobileNetV2.Family,
        MobileVit.Family,
        MobileVitV2.Family,
        PoolFormer.Family,
        Pvt.Family,
        PvtV2.Family,
        RegNet.Family,
        ResNet.Family,
        SwiftFormer.Family,
        Swin.Family,
        SwinV2.Family,
        TextNet.Family,
        Timesformer.Family,
        TimmWrapper.Family,
        VideoMae.Family,
        Vit.Family,
        VitDet.Family,
        VitMae.Family,
        Vivit.Family,
        VJepa2.Family,

        // Boxes, masks and depth in images.
        DeformableDetr.Family,
        DepthAnything.Family,
        Detr.Family,
        Detr.Table,
        Dpt.Family,
        Glpn.Family,
        MaskFormer.Family,
        RtDetr.Family,
        RtDetr.V2,
        Segformer.Family,
        Swin2Sr.Family,
        UperNet.Family,
        Yolos.Family,

        // Texts with images.
        Align.Family,
        ChineseClip.Family,
        Clip.Family,
        Clip.TextModel,
        Clip.VisionModel,
        ClipSeg.Family,
        GroupVit.Family,
        MgpStr.Family,
        OpenAiClip.Family,
        OwlVit.Family,
        Siglip.Family,
        Siglip.VisionModel,
        Siglip2.Family,
        VisionTextDualEncoder.Family,
        XClip.Family,
    ];

    /// <summary>The family that a checkpoint is of; null where its type is not supported. A decoder of an encoder's type is one of its own, where there is one.</summary>
    /// <param name="config">config.json.</param>
    /// <param name="modelType">Its model type.</param>
    public static ModelFamily? FamilyOf(ConfigReader config, string? modelType)
    {
        var decodes = config.Element.TryGetProperty("is_decoder", out var value) && value.ValueKind == System.Text.Json.JsonValueKind.True;
        return Families.FirstOrDefault(f => f.ModelType == modelType && f.IsDecoder == decodes) ?? Families.FirstOrDefault(f => f.ModelType == modelType);
    }

    /// <summary>Decides what a checkpoint is and whether it can be built. No weight is read.</summary>
    /// <param name="config">config.json.</param>
    /// <param name="tensors">The checkpoint's index.</param>
    /// <param name="request">What is asked of it.</param>
    /// <exception cref="UnsupportedCheckpointException">The model type, a configuration value or the task is not supported.</exception>
    public static ModelPlan Plan(ConfigReader config, IReadOnlyDictionary<string, TensorInfo> tensors, PlanRequest request) => Planner.Plan(config, () => tensors, request);

    /// <inheritdoc cref="Plan(ConfigReader, IReadOnlyDictionary{string, TensorInfo}, PlanRequest)"/>
    /// <param name="config">config.json.</param>
    /// <param name="tensors">Opens the checkpoint's index: called when the rest is found to be supported.</param>
    /// <param name="request">What is asked of it.</param>
    public static ModelPlan Plan(ConfigReader config, Func<IReadOnlyDictionary<string, TensorInfo>> tensors, PlanRequest request) => Planner.Plan(config, tensors, request);
}
