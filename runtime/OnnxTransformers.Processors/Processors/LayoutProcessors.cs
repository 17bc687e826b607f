using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>LayoutLMv2 and v3: pages of documents. Words and boxes come from the caller, since reading them (apply_ocr) is tesseract's work.</summary>
internal static class LayoutProcessors
{
    /// <summary>Bytes, blue first, neither rescaled nor normalised.</summary>
    internal static Processor LayoutLMv2(Settings s)
    {
        RefuseOcr(s);
        return Settings.Flat(PixelMap.Create(reversed: true), s.Resize(SizeSpec.Square(224), ResampleFilter.Bilinear));
    }

    internal static Processor LayoutLMv3(Settings s)
    {
        RefuseOcr(s);
        return Settings.Flat(s.Map(Normal.Standard, s.Json.Double("rescale_value", 1 / 255.0)), s.Resize(SizeSpec.Square(224), ResampleFilter.Bilinear));
    }

    private static void RefuseOcr(Settings s)
    {
        if (s.Flag("apply_ocr", true)) s.Json.Problem("apply_ocr", "true (or absent, which means the same)", "false", "read the words with a program of your own, set it to false, and give words and boxes to the tokenizer");
        s.Json.Ignore("ocr_lang", "tesseract_config");
    }
}
