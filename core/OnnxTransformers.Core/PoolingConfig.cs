using System.Collections.Immutable;
using System.Text.Json;

namespace OnnxTransformers;

/// <summary>How the vectors of a text's tokens become one. Reference: sentence-transformers, Pooling.</summary>
public enum PoolingMode
{
    /// <summary>The first token's.</summary>
    Cls,
    /// <summary>The largest of each component over real tokens.</summary>
    Max,
    /// <summary>The mean over real tokens.</summary>
    Mean,
    /// <summary>The sum over real tokens, divided by the square root of their number.</summary>
    MeanSqrtLength,
    /// <summary>The mean weighted by position, counted from 1.</summary>
    WeightedMean,
    /// <summary>The last real token's.</summary>
    LastToken,
}

/// <summary>The configuration of a pooling module. Reference: sentence-transformers 5.x, Pooling.</summary>
/// <param name="Modes">The modes, side by side in the order of <see cref="PoolingMode"/>.</param>
/// <param name="IncludePrompt">Whether the prompt's tokens take part.</param>
public sealed record PoolingConfig(ImmutableArray<PoolingMode> Modes, bool IncludePrompt)
{
    // The key of each mode as it was written until version 5.6, and its name as pooling_mode since.
    private static readonly ImmutableArray<(PoolingMode Mode, string Key, string Name)> Table =
    [
        (PoolingMode.Cls, "pooling_mode_cls_token", "cls"), (PoolingMode.Max, "pooling_mode_max_tokens", "max"), (PoolingMode.Mean, "pooling_mode_mean_tokens", "mean"),
        (PoolingMode.MeanSqrtLength, "pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"), (PoolingMode.WeightedMean, "pooling_mode_weightedmean_tokens", "weightedmean"),
        (PoolingMode.LastToken, "pooling_mode_lasttoken", "lasttoken"),
    ];

    /// <summary>Reads either spelling; several modes are several flags, a list of names, or names joined by "+". What is wrong stays in the reader.</summary>
    public static PoolingConfig Read(ConfigReader json)
    {
        json.Ignore("word_embedding_dimension", "embedding_dimension");
        // A mean is the reference's default where a file names no mode at all.
        var modes = Table.Where(t => json.Bool(t.Key, t.Mode == PoolingMode.Mean && !json.Has("pooling_mode"))).Select(t => t.Mode).ToList();
        if (json.Raw("pooling_mode") is { } named)
        {
            var names = named.ValueKind == JsonValueKind.Array ? [.. json.Strings("pooling_mode", [])] : json.String("pooling_mode")?.Split('+') ?? [];
            foreach (var name in names.Where(n => Table.All(t => t.Name != n))) json.Problem("pooling_mode", $"\"{name}\"", Names);
            modes = [.. Table.Where(t => names.Contains(t.Name)).Select(t => t.Mode)];
        }
        if (modes.Count == 0 && json.Problems.Count == 0) json.Problem("pooling_mode", "no mode", Names);
        return new([.. modes], json.Bool("include_prompt", true));
    }

    private static string Names => string.Join(", ", Table.Select(t => t.Name));
}
