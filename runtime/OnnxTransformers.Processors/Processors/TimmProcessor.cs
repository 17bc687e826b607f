using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>The evaluation transform of a timm checkpoint, from the pretrained_cfg of its config.json: Pillow's resize of the shorter edge to size /
/// crop_pct, a crop at the middle, normalisation. Source: timm/data/transforms_factory.py.</summary>
internal static class TimmProcessor
{
    internal static Processor Read(Settings s)
    {
        var json = s.Json;
        var input = json.Ints("input_size", [3, 224, 224]);
        if (input is not [3, > 0, > 0]) input = s.Wrong("input_size", "[3, height, width]", input);
        var size = input is [_, var height, var width] && height == width ? height : s.Wrong("input_size", "a square", 224);
        var filter = json.OneOf("interpolation", ResampleFilter.Bicubic, ("bicubic", ResampleFilter.Bicubic), ("bilinear", ResampleFilter.Bilinear), ("nearest", ResampleFilter.Nearest), ("lanczos", ResampleFilter.Lanczos));
        var part = json.Double("crop_pct", 0.875);
        _ = json.OneOf("crop_mode", 0, ("center", 0));
        var normal = s.Normal(Normal.ImageNet, "mean", "std");
        // What the network is, where it comes from and how it was trained.
        json.Ignore("tag", "url", "file", "hf_hub_id", "hf_hub_filename", "source", "architecture", "num_classes", "num_features", "fixed_input_size", "pool_size", "classifier", "first_conv", "test_input_size", "test_crop_pct",
            "min_input_size", "custom_load", "license", "origin_url", "paper_name", "paper_ids", "label_names", "label_descriptions", "notes", "global_pool");
        var rule = SizeRules.ShortestEdge((int)Math.Floor(size / part));
        // torchvision: divided by 255 in single precision; the crop starts at the half, rounded to even.
        var map = PixelMap.Create(false, (v, _) => v / 255f, PixelMap.Normalize(normal));
        static int Start(int from, int to) => (int)Math.Round((from - to) / 2.0, MidpointRounding.ToEven);
        return Settings.Flat(map, i => s.To(i, rule(new(i.Height, i.Width)), filter), i => i.Crop(Start(i.Width, size), Start(i.Height, size), size, size, 0));
    }
}
