using System.Collections.Frozen;
using System.Collections.Immutable;
using static OnnxTransformers.Processors.Processing.Normal;
using static OnnxTransformers.Processors.Processing.Settings;
using static OnnxTransformers.Processors.Processing.SizeSpec;
using static OnnxTransformers.Processors.ResampleFilter;

namespace OnnxTransformers.Processors;

/// <summary>The image processors that are known, one row a class of transformers. Defaults are the class's; what takes more than parts of
/// <see cref="Processing.Settings"/> has a file of its own.</summary>
public static class ProcessorTable
{
    private static readonly ImmutableArray<ProcessorRow> Rows =
    [
        // Resized to both sides or by the shorter edge, cropped, normalised.
        new("BeitImageProcessor", s => Flat(s.Map(Standard), s.Resize(Square(256), Bicubic), s.Crop(Square(224)))),
        new("BitImageProcessor", s => Flat(s.Map(Clip), s.Resize(Edge(224), Bicubic, square: false), s.Crop(Square(224)))),
        new("BlipImageProcessor", s => Flat(s.Map(Clip), s.Resize(Square(384), Bicubic))),
        new("ChineseCLIPImageProcessor", s => Flat(s.Map(Clip), s.Resize(Edge(224), Bicubic, square: false), s.Crop(Square(224)))),
        new("CLIPImageProcessor", s => Flat(s.Map(Clip), s.Resize(Edge(224), Bicubic, square: false), s.Crop(Square(224)))),
        new("DeiTImageProcessor", s => Flat(s.Map(Standard), s.Resize(Square(256), Bicubic), s.Crop(Square(224)))),
        new("LayoutLMv3ImageProcessor", LayoutProcessors.LayoutLMv3),
        new("LayoutLMv2ImageProcessor", LayoutProcessors.LayoutLMv2),
        new("MobileNetV1ImageProcessor", s => Flat(s.Map(Standard), s.Resize(Edge(256), Bilinear, square: false), s.Crop(Square(224)))),
        new("MobileNetV2ImageProcessor", s => Flat(s.Map(Standard), s.Resize(Edge(256), Bilinear, square: false), s.Crop(Square(224)))),
        new("OwlViTImageProcessor", s => Flat(s.Map(Clip), s.Resize(Square(768), Bicubic), s.Crop(Square(768), crops: false))),
        new("PvtImageProcessor", s => Flat(s.Map(ImageNet), s.Resize(Square(224), Bilinear))),
        new("SegformerImageProcessor", s => Flat(s.Map(ImageNet), s.Resize(Square(512), Bilinear))),
        new("SiglipImageProcessor", s => Flat(s.Map(Standard), s.Resize(Square(224), Bicubic))),
        new("ViTImageProcessor", s => Flat(s.Map(Standard), s.Resize(Square(224), Bilinear))),
        // The same with a rule of their own for the size, the crop or the values.
        new("ChameleonImageProcessor", ClassifierProcessors.Chameleon),
        new("ConvNextImageProcessor", ClassifierProcessors.ConvNext),
        new("DINOv3ViTImageProcessor", ClassifierProcessors.Dinov3),
        new("EfficientNetImageProcessor", ClassifierProcessors.EfficientNet),
        new("FlavaImageProcessor", FlavaProcessor.Read),
        new("IdeficsImageProcessor", ClassifierProcessors.Idefics),
        new("ImageGPTImageProcessor", ImageGptProcessor.Read),
        new("JanusImageProcessor", ClassifierProcessors.Janus),
        new("LevitImageProcessor", ClassifierProcessors.Levit),
        new("LlavaImageProcessor", ClassifierProcessors.Llava),
        new("MobileViTImageProcessor", ClassifierProcessors.MobileViT),
        new("PerceiverImageProcessor", ClassifierProcessors.Perceiver),
        new("PoolFormerImageProcessor", ClassifierProcessors.PoolFormer),
        new("TimmWrapperImageProcessor", TimmProcessor.Read),
        // Videos.
        new("VideoMAEImageProcessor", VideoProcessors.VideoMae),
        new("VivitImageProcessor", VideoProcessors.Vivit),
        // Padded to the largest of the batch, with a mask as a rule.
        new("BridgeTowerImageProcessor", PaddedProcessors.BridgeTower),
        new("ConditionalDetrImageProcessor", s => DetrProcessors.Read(s)),
        new("DeformableDetrImageProcessor", s => DetrProcessors.Read(s)),
        new("DetrImageProcessor", s => DetrProcessors.Read(s)),
        new("GroundingDinoImageProcessor", s => DetrProcessors.Read(s)),
        new("Mask2FormerImageProcessor", MaskFormerProcessors.Read),
        new("MaskFormerImageProcessor", MaskFormerProcessors.Read),
        new("OneFormerImageProcessor", MaskFormerProcessors.OneFormer),
        new("RTDetrImageProcessor", s => DetrProcessors.Read(s, Square(640), normalizes: false, pads: false)),
        new("ViltImageProcessor", PaddedProcessors.Vilt),
        new("YolosImageProcessor", s => DetrProcessors.Read(s, multiple: 16, masks: false)),
        // Dense prediction and points.
        new("DPTImageProcessor", DepthProcessors.Dpt),
        new("DepthProImageProcessor", DepthProcessors.DepthPro),
        new("EfficientLoFTRImageProcessor", KeypointProcessors.SuperGlue),
        new("GLPNImageProcessor", DepthProcessors.Glpn),
        new("LightGlueImageProcessor", KeypointProcessors.SuperGlue),
        new("Owlv2ImageProcessor", Owlv2Processor.Read),
        new("PromptDepthAnythingImageProcessor", DepthProcessors.PromptDepthAnything),
        new("SamImageProcessor", SamProcessors.Sam),
        new("Sam2ImageProcessor", SamProcessors.Sam2),
        new("SegGptImageProcessor", s => Flat(s.Map(ImageNet), s.Resize(Square(448), Bicubic))),
        new("SuperGlueImageProcessor", KeypointProcessors.SuperGlue),
        new("SuperPointImageProcessor", KeypointProcessors.SuperPoint),
        new("Swin2SRImageProcessor", SuperResolutionProcessor.Read),
        new("VitMatteImageProcessor", MattingProcessor.Read),
        new("VitPoseImageProcessor", PoseProcessor.Read),
        new("ZoeDepthImageProcessor", DepthProcessors.ZoeDepth),
        // Pages.
        new("DonutImageProcessor", PageProcessors.Donut),
        new("NougatImageProcessor", PageProcessors.Nougat),
        // Tiles, several pictures from one.
        new("Gemma3ImageProcessor", Gemma3Processor.Read),
        new("GotOcr2ImageProcessor", GotOcr2Processor.Read),
        new("Idefics2ImageProcessor", IdeficsProcessors.Idefics2),
        new("Idefics3ImageProcessor", IdeficsProcessors.Idefics3),
        new("Llama4ImageProcessor", Llama4Processor.Read),
        new("LlavaNextImageProcessor", LlavaTilingProcessors.LlavaNext),
        new("LlavaOnevisionImageProcessor", LlavaTilingProcessors.LlavaOnevision),
        new("MllamaImageProcessor", MllamaProcessor.Read),
        new("SmolVLMImageProcessor", IdeficsProcessors.SmolVlm),
        // Sizes that follow the picture, and patches.
        new("Emu3ImageProcessor", PatchProcessors.Emu3),
        new("FuyuImageProcessor", FuyuProcessor.Read),
        new("Pix2StructImageProcessor", Pix2StructProcessor.Read),
        new("PixtralImageProcessor", PatchProcessors.Pixtral),
        new("Qwen2VLImageProcessor", Qwen2VlProcessor.Read),
        new("Siglip2ImageProcessor", PatchProcessors.Siglip2),
    ];

    private static readonly FrozenDictionary<string, ProcessorRow> ByType = Rows.ToFrozenDictionary(r => r.Type, StringComparer.Ordinal);

    /// <summary>The classes by name, without "Fast".</summary>
    public static IEnumerable<string> Types => Rows.Select(r => r.Type).Order(StringComparer.Ordinal);

    /// <summary>The row of a class as files name it: "ViTImageProcessor", "ViTImageProcessorFast" or the old "ViTFeatureExtractor".</summary>
    internal static ProcessorRow? Find(string name, out bool isFast)
    {
        isFast = name.EndsWith("Fast", StringComparison.Ordinal);
        if (isFast) name = name[..^4];
        const string Old = "FeatureExtractor";
        if (name.EndsWith(Old, StringComparison.Ordinal)) name = name[..^Old.Length] + "ImageProcessor";
        return ByType.GetValueOrDefault(name);
    }
}
