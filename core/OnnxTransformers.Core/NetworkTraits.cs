using System.Globalization;

namespace OnnxTransformers;

/// <summary>What holds for a network, as an exported graph's file tells it. The reference's own network breaks some of these in some families: a runtime must then batch differently, and a proof can't ask for it.</summary>
public sealed record NetworkTraits
{
    private const string Batching = "batching", MaskedIds = "masked_ids", Longest = "max_tokens", Picture = "image_size", End = "end_of_text", Switch = "switches_at";

    /// <summary>Everything holds, and nothing limits the length of a text.</summary>
    public static NetworkTraits Default { get; } = new();

    /// <summary>A row gives the same alone as in a batch.</summary>
    public bool RowsAreIndependent { get; init; } = true;

    /// <summary>A row gives the same with padding as without.</summary>
    public bool PaddingIsNeutral { get; init; } = true;

    /// <summary>Which ids stand under the mask changes nothing.</summary>
    public bool MaskedIdsAreNeutral { get; init; } = true;

    /// <summary>The longest text in tokens; null where nothing limits it.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>The size in pixels of the images that it was trained on; null where it takes none or any. Other sizes may be as good: a graph says so by the names of its dimensions.</summary>
    public (int Height, int Width)? ImageSize { get; init; }

    /// <summary>The id that ends a text, where the network looks for it: without it, a text has no vector of its own.</summary>
    public int? EndOfText { get; init; }

    /// <summary>Length in tokens beyond which the network reads all tokens differently, the earlier ones as well: a text that grows past it is read again from its start. Null where nothing switches.</summary>
    public int? SwitchesAt { get; init; }

    /// <summary>The entries of a graph file's metadata: batching (any, same_length: only rows of one length may share a run, alone), masked_ids (ignored, read), max_tokens, end_of_text, switches_at, and image_size as height x width.</summary>
    public IEnumerable<KeyValuePair<string, string>> Metadata
    {
        get
        {
            yield return new(Batching, !RowsAreIndependent ? "alone" : PaddingIsNeutral ? "any" : "same_length");
            yield return new(MaskedIds, MaskedIdsAreNeutral ? "ignored" : "read");
            if (MaxTokens is { } most) yield return new(Longest, most.ToString(CultureInfo.InvariantCulture));
            if (EndOfText is { } end) yield return new(End, end.ToString(CultureInfo.InvariantCulture));
            if (SwitchesAt is { } length) yield return new(Switch, length.ToString(CultureInfo.InvariantCulture));
            if (ImageSize is var (height, width)) yield return new(Picture, string.Create(CultureInfo.InvariantCulture, $"{height}x{width}"));
        }
    }

    /// <summary>The traits that a graph's file tells; null where it tells none, as files from elsewhere.</summary>
    public static NetworkTraits? Read(IReadOnlyDictionary<string, string> metadata) => !metadata.TryGetValue(Batching, out var batching) ? null : new()
    {
        RowsAreIndependent = batching != "alone",
        PaddingIsNeutral = batching == "any",
        MaskedIdsAreNeutral = metadata.GetValueOrDefault(MaskedIds) != "read",
        MaxTokens = Number(metadata.GetValueOrDefault(Longest)),
        EndOfText = Number(metadata.GetValueOrDefault(End)),
        SwitchesAt = Number(metadata.GetValueOrDefault(Switch)),
        ImageSize = Size(metadata.GetValueOrDefault(Picture)),
    };

    private static (int Height, int Width)? Size(string? text) => text?.Split('x') is [var h, var w] && Number(h) is { } height && Number(w) is { } width ? (height, width) : null;

    private static int? Number(string? text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
