namespace OnnxTransformers.Tokenizers;

/// <summary>What a tokenizer is loaded for, in place of what tokenizer_config.json says about it.</summary>
public sealed record LoadOptions
{
    /// <summary>Nothing but what the checkpoint says.</summary>
    public static LoadOptions Default { get; } = new();

    /// <summary>The language of texts, as the checkpoint's tokenizer class names it (mBART, NLLB, M2M100, SeamlessM4T, ...); null is the checkpoint's.</summary>
    public string? SourceLanguage { get; init; }

    /// <summary>The language of the other side, or of transcriptions (Speech2Text); null is the checkpoint's.</summary>
    public string? TargetLanguage { get; init; }

    /// <summary>Whisper's language, by code or by name; null is the checkpoint's.</summary>
    public string? Language { get; init; }

    /// <summary>Whisper's task, "transcribe" or "translate"; null is the checkpoint's.</summary>
    public string? Task { get; init; }

    /// <summary>Whether Whisper is to give times; null is the checkpoint's.</summary>
    public bool? PredictTimestamps { get; init; }

    internal string? Value(string key) => key switch
    {
        "src_lang" => SourceLanguage,
        "tgt_lang" => TargetLanguage,
        "language" => Language,
        "task" => Task,
        _ => null,
    };

    internal bool? Flag(string key) => key == "predict_timestamps" ? PredictTimestamps : null;

    internal IEnumerable<string> Languages => ((string?[])[SourceLanguage, TargetLanguage]).OfType<string>();

    internal bool AsksForWhisper => Language is not null || Task is not null || PredictTimestamps is not null;
}
