using System.Collections.Immutable;
using System.Text.Json;

namespace OnnxTransformers.Generation;

/// <summary>A mark in generated text.</summary>
public abstract record Watermark
{
    private protected Watermark() { }

    /// <summary>Reads a watermarking_config: with <c>ngram_len</c> and <c>keys</c> it is a <see cref="SynthIdWatermark"/>.</summary>
    internal static object? Read(JsonElement json, out string expected)
    {
        expected = "an object with the fields of WatermarkingConfig or SynthIDTextWatermarkingConfig";
        if (json.ValueKind != JsonValueKind.Object) return null;
        var reader = ConfigReader.Of(json, "watermarking_config");
        Watermark mark = reader.Has("keys") || reader.Has("ngram_len") ? SynthIdWatermark.Read(reader) : GreenListWatermark.Read(reader);
        var wrong = reader.Problems.Select(p => p.ToString()).Concat(reader.Unread.Select(u => $"{u}: no such field")).ToList();
        if (wrong.Count == 0) return mark;
        expected += $" ({string.Join("; ", wrong)})";
        return null;
    }
}

/// <summary>Favours a part of the vocabulary that depends on the tokens before (Kirchenbauer et al., 2023).</summary>
public sealed record GreenListWatermark : Watermark
{
    /// <summary>The favoured share of the vocabulary, between 0 and 1.</summary>
    public double GreenListRatio { get; init; } = 0.25;

    /// <summary>What is added to a favoured token's score.</summary>
    public double Bias { get; init; } = 2;

    /// <summary>The secret.</summary>
    public long HashingKey { get; init; } = 15485863;

    /// <summary>Whether a token's own id counts for its favour ("selfhash"), or only the one before it ("lefthash").</summary>
    public bool SelfHash { get; init; }

    /// <summary>Tokens that count for the favour.</summary>
    public int ContextWidth { get; init; } = 1;

    internal static GreenListWatermark Read(ConfigReader json)
    {
        var mark = new GreenListWatermark
        {
            GreenListRatio = json.Double("greenlist_ratio", 0.25),
            Bias = json.Double("bias", 2),
            HashingKey = json.Int("hashing_key", 15485863),
            SelfHash = json.OneOf("seeding_scheme", false, ("lefthash", false), ("selfhash", true)),
            ContextWidth = json.Count("context_width", 1),
        };
        if (mark.GreenListRatio is <= 0 or >= 1) json.Problem("greenlist_ratio", $"{mark.GreenListRatio}", "a number between 0 and 1");
        return mark;
    }
}

/// <summary>Lets tokens win tournaments that depend on keys and the tokens before (SynthID-Text, Dathathri et al., 2024).</summary>
public sealed record SynthIdWatermark : Watermark
{
    /// <summary>Tokens that count for a hash, the candidate included.</summary>
    public required int NgramLength { get; init; }

    /// <summary>The secrets, one for each round.</summary>
    public required ImmutableArray<long> Keys { get; init; }

    /// <summary>How many last contexts are remembered; in one that is remembered there is no mark.</summary>
    public int ContextHistorySize { get; init; } = 1024;

    /// <summary>Seed of the table of draws.</summary>
    public int SamplingTableSeed { get; init; }

    /// <summary>Entries of the table of draws.</summary>
    public int SamplingTableSize { get; init; } = 1 << 16;

    /// <summary>Whether the first tokens get no mark, until a context is whole.</summary>
    public bool SkipFirstNgramCalls { get; init; }

    internal static SynthIdWatermark Read(ConfigReader json)
    {
        json.MustBe("debug_mode", false, "scores are the model's");
        var mark = new SynthIdWatermark
        {
            NgramLength = json.Count("ngram_len", 2, 2),
            Keys = [.. json.Ints("keys", []).Select(k => (long)k)],
            ContextHistorySize = json.Count("context_history_size", 1024),
            SamplingTableSeed = json.Int("sampling_table_seed", 0),
            SamplingTableSize = json.Count("sampling_table_size", 1 << 16),
            SkipFirstNgramCalls = json.Bool("skip_first_ngram_calls", false),
        };
        if (mark.Keys.Length == 0) json.Problem("keys", "no key", "a list of whole numbers");
        if (mark.SamplingTableSize > 1 << 24) json.Problem("sampling_table_size", $"{mark.SamplingTableSize}", "at most 2^24");
        return mark;
    }
}
