using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models;

/// <summary>Height and width in pixels.</summary>
internal readonly record struct PixelSize(int Height, int Width)
{
    /// <summary>Whole patches in it.</summary>
    internal PixelSize Over(PixelSize patch) => new(Height / patch.Height, Width / patch.Width);

    /// <summary>The same as the graph tells it.</summary>
    internal (int Height, int Width) Pixels => (Height, Width);

    /// <summary>Their product.</summary>
    internal int Cells => Height * Width;
}

/// <summary>Configuration values of networks that take images.</summary>
internal static class ImageSizes
{
    /// <summary>A size: one number for a square, or height and width.</summary>
    internal static PixelSize PixelSize(this ConfigReader json, string key, int absent)
    {
        if (json.Raw(key) is not { ValueKind: System.Text.Json.JsonValueKind.Array }) return new(json.Count(key, absent), json.Count(key, absent));
        var both = json.Ints(key, []);
        if (both.Length == 2 && both[0] > 0 && both[1] > 0) return new(both[0], both[1]);
        json.Problem(key, $"[{string.Join(", ", both)}]", "a number, or height and width");
        return new(absent, absent);
    }

    /// <summary>A list of whole numbers of at least 1.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="key">The key.</param>
    /// <param name="absent">The type's own.</param>
    /// <param name="length">How many there must be, as a list beside it has; null where any number will do.</param>
    internal static ImmutableArray<int> Counts(this ConfigReader json, string key, ImmutableArray<int> absent, int? length = null)
    {
        var numbers = json.Ints(key, absent);
        if (numbers.Length > 0 && numbers.All(n => n > 0) && (length is null || numbers.Length == length)) return numbers;
        json.Problem(key, $"[{string.Join(", ", numbers)}]", length is null ? "whole numbers of at least 1" : $"{length} whole numbers of at least 1");
        return length is { } n ? [.. Enumerable.Repeat(1, n)] : absent;
    }

    /// <summary>The sizes of the vision transformer's block; parameters are the type's own defaults for keys that are absent.</summary>
    internal static VisionBlock VisionBlock(this ConfigReader json, float epsilon = 1e-12f, bool qkvBias = true)
    {
        var width = json.Count("hidden_size", 768);
        return new(width, json.Heads("num_attention_heads", 12, width), json.Count("intermediate_size", 3072), json.Activation("hidden_act", "gelu"), json.Float("layer_norm_eps", epsilon), json.Bool("qkv_bias", qkvBias));
    }
}
