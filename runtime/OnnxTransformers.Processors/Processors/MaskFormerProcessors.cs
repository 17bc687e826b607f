using System.Collections.Immutable;
using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>MaskFormer, Mask2Former, OneFormer: the shorter edge and a limit, sides raised to multiples, padded to the largest of the batch with a mask.
/// Source: models/maskformer/image_processing_maskformer.py.</summary>
internal static class MaskFormerProcessors
{
    internal static Processor Read(Settings s)
    {
        var divisor = s.Json.Has("size_divisibility") ? s.Json.Int("size_divisibility", 32) : s.Json.Int("size_divisor", 32);
        s.Json.Ignore("size_divisor");
        return Padded(s, divisor);
    }

    /// <summary>Also gives the sentence that tells the task, to be tokenized.</summary>
    internal static Processor OneFormer(Settings s)
    {
        // The classes' names and the number of texts serve training.
        s.Json.Ignore("class_info_file", "repo_path", "num_text", "metadata");
        var padded = Padded(s, 0);
        var task = s.Json.Strings("task_inputs", ["panoptic"]);
        return inputs => padded(inputs) with { Texts = ImmutableDictionary<string, ImmutableArray<string>>.Empty.Add("task_inputs", [.. task.Select(t => $"the task is {t}")]) };
    }

    private static Processor Padded(Settings s, int divisor)
    {
        var map = s.Map(Normal.ImageNet);
        var spec = s.Size("size", SizeSpec.Edge(800, 1333), square: false);
        var rule = spec.Fixed is { } both ? SizeRules.Fixed(both)
            : spec.Shortest is { } edge ? SizeRules.ShortestEdge(edge, spec.Longest)
            : s.Wrong("size", "shortest_edge and longest_edge, or height and width", SizeRules.Fixed(new(1, 1)));
        var resize = s.Resize(divisor > 0 ? from => SizeRules.Raise(rule(from), divisor) : rule, ResampleFilter.Bilinear);
        Sides? padSize = s.Json.Has("pad_size") ? s.Sides("pad_size", SizeSpec.Square(1)) : null;
        return inputs =>
        {
            var images = Collation.Each(inputs.Flat, i => resize(i.ToRgb()));
            var size = padSize ?? Collation.Largest(images);
            return ProcessedBatch.Of(("pixel_values", Collation.Padded(images, map, size)), ("pixel_mask", Collation.Mask(images, size)));
        };
    }
}
