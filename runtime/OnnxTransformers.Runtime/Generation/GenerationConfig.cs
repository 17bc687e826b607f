using System.Collections.Immutable;
using System.Text.Json;

namespace OnnxTransformers.Generation;

/// <summary>How sequences are continued: the fields of the reference's GenerationConfig, each either said or not. Immutable; layers of it are put over each other with <see cref="Over"/>.</summary>
/// <remarks>A field that is not said has the reference's default. Reference: generation/configuration_utils.py.</remarks>
public sealed record GenerationConfig
{
    private ImmutableDictionary<string, object?> _said = ImmutableDictionary.Create<string, object?>(StringComparer.Ordinal);

    /// <summary>Nothing said: the reference's defaults.</summary>
    public static GenerationConfig Default { get; } = new();

    /// <summary>Most tokens of a sequence, prompt included; <see cref="MaxNewTokens"/> beats it. The default of 20 counts new tokens.</summary>
    public int? MaxLength { get => Get<int?>("max_length"); init => Set("max_length", value); }

    /// <summary>Most tokens that are added.</summary>
    public int? MaxNewTokens { get => Get<int?>("max_new_tokens"); init => Set("max_new_tokens", value); }

    /// <summary>Fewest tokens of a sequence, prompt included, before it may end.</summary>
    public int? MinLength { get => Get<int?>("min_length"); init => Set("min_length", value); }

    /// <summary>Fewest tokens that are added before a sequence may end.</summary>
    public int? MinNewTokens { get => Get<int?>("min_new_tokens"); init => Set("min_new_tokens", value); }

    /// <summary>When beam search stops.</summary>
    public EarlyStopping? EarlyStopping { get => Get<EarlyStopping?>("early_stopping"); init => Set("early_stopping", value); }

    /// <summary>Seconds after which no step is begun; the step that runs is finished.</summary>
    public double? MaxTime { get => Get<double?>("max_time"); init => Set("max_time", value); }

    /// <summary>Texts that end a sequence when they appear in it; they stay part of it.</summary>
    public ImmutableArray<string>? StopStrings { get => Get<ImmutableArray<string>?>("stop_strings"); init => Set("stop_strings", value); }

    /// <summary>Whether tokens are drawn from the distribution, or the best is taken.</summary>
    public bool? DoSample { get => Get<bool?>("do_sample"); init => Set("do_sample", value); }

    /// <summary>Seed of the draws of each prompt, so that they can be repeated, alone or in any batch; null for another one each time. Not a field of the reference, whose seed is global.</summary>
    public int? Seed { get => Get<int?>("seed"); init => Set("seed", value); }

    /// <summary>Sequences that are followed at once; 1 is no beam search.</summary>
    public int? NumBeams { get => Get<int?>("num_beams"); init => Set("num_beams", value); }

    /// <summary>Groups of beams that avoid each other's tokens.</summary>
    public int? NumBeamGroups { get => Get<int?>("num_beam_groups"); init => Set("num_beam_groups", value); }

    /// <summary>What a token costs for each time that an earlier group has chosen it in the same step.</summary>
    public double? DiversityPenalty { get => Get<double?>("diversity_penalty"); init => Set("diversity_penalty", value); }

    /// <summary>Words that beam search must bring in: each a sequence of ids, or several of which one is enough.</summary>
    public ImmutableArray<ForcedWords>? ForceWordsIds { get => Get<ImmutableArray<ForcedWords>?>("force_words_ids"); init => Set("force_words_ids", value); }

    /// <summary>Weight of the penalty of contrastive search, which is chosen by this and a <see cref="TopK"/> above 1.</summary>
    public double? PenaltyAlpha { get => Get<double?>("penalty_alpha"); init => Set("penalty_alpha", value); }

    /// <summary>Divides the scores before the softmax.</summary>
    public double? Temperature { get => Get<double?>("temperature"); init => Set("temperature", value); }

    /// <summary>How many of the best tokens may be drawn; 0 for all. Sampling has 50 where nobody says anything.</summary>
    public int? TopK { get => Get<int?>("top_k"); init => Set("top_k", value); }

    /// <summary>The probability that the best tokens must have together; the rest is never drawn.</summary>
    public double? TopP { get => Get<double?>("top_p"); init => Set("top_p", value); }

    /// <summary>The least probability of a token that may be drawn, as a share of the best one's.</summary>
    public double? MinP { get => Get<double?>("min_p"); init => Set("min_p", value); }

    /// <summary>The probability that the tokens of most typical surprise must have together.</summary>
    public double? TypicalP { get => Get<double?>("typical_p"); init => Set("typical_p", value); }

    /// <summary>The least probability of a token that may be drawn.</summary>
    public double? EpsilonCutoff { get => Get<double?>("epsilon_cutoff"); init => Set("epsilon_cutoff", value); }

    /// <summary>As <see cref="EpsilonCutoff"/>, lower where the distribution is flat.</summary>
    public double? EtaCutoff { get => Get<double?>("eta_cutoff"); init => Set("eta_cutoff", value); }

    /// <summary>Divides scores of tokens that occur already where they are positive, and multiplies them where they are negative.</summary>
    public double? RepetitionPenalty { get => Get<double?>("repetition_penalty"); init => Set("repetition_penalty", value); }

    /// <summary>The opposite for tokens of the prompt: above 1 favours them.</summary>
    public double? EncoderRepetitionPenalty { get => Get<double?>("encoder_repetition_penalty"); init => Set("encoder_repetition_penalty", value); }

    /// <summary>Exponent of the length that divides a beam's score.</summary>
    public double? LengthPenalty { get => Get<double?>("length_penalty"); init => Set("length_penalty", value); }

    /// <summary>Tokens in a row that may not occur twice; 0 for no limit.</summary>
    public int? NoRepeatNgramSize { get => Get<int?>("no_repeat_ngram_size"); init => Set("no_repeat_ngram_size", value); }

    /// <summary>Tokens in a row of the prompt that may not occur again; 0 for no limit.</summary>
    public int? EncoderNoRepeatNgramSize { get => Get<int?>("encoder_no_repeat_ngram_size"); init => Set("encoder_no_repeat_ngram_size", value); }

    /// <summary>Sequences of ids that may not occur.</summary>
    public ImmutableArray<ImmutableArray<int>>? BadWordsIds { get => Get<ImmutableArray<ImmutableArray<int>>?>("bad_words_ids"); init => Set("bad_words_ids", value); }

    /// <summary>What is added to the score of a sequence's last id where the rest stands before it.</summary>
    public ImmutableArray<BiasedSequence>? SequenceBias { get => Get<ImmutableArray<BiasedSequence>?>("sequence_bias"); init => Set("sequence_bias", value); }

    /// <summary>Whether scores are made log probabilities again when everything else has worked on them.</summary>
    public bool? RenormalizeLogits { get => Get<bool?>("renormalize_logits"); init => Set("renormalize_logits", value); }

    /// <summary>The token that follows a first token alone.</summary>
    public int? ForcedBosTokenId { get => Get<int?>("forced_bos_token_id"); init => Set("forced_bos_token_id", value); }

    /// <summary>The tokens of which one is the last when the length is reached.</summary>
    public ImmutableArray<int>? ForcedEosTokenId { get => Get<ImmutableArray<int>?>("forced_eos_token_id"); init => Set("forced_eos_token_id", value); }

    /// <summary>Whether scores that are not numbers or infinite are replaced.</summary>
    public bool? RemoveInvalidValues { get => Get<bool?>("remove_invalid_values"); init => Set("remove_invalid_values", value); }

    /// <summary>From how many new tokens on the end is favoured more with each token, and by which factor.</summary>
    public ExponentialDecay? ExponentialDecayLengthPenalty { get => Get<ExponentialDecay?>("exponential_decay_length_penalty"); init => Set("exponential_decay_length_penalty", value); }

    /// <summary>Tokens that never come.</summary>
    public ImmutableArray<int>? SuppressTokens { get => Get<ImmutableArray<int>?>("suppress_tokens"); init => Set("suppress_tokens", value); }

    /// <summary>Tokens that don't come first.</summary>
    public ImmutableArray<int>? BeginSuppressTokens { get => Get<ImmutableArray<int>?>("begin_suppress_tokens"); init => Set("begin_suppress_tokens", value); }

    /// <summary>Weight of classifier-free guidance; 1 or null is none. It costs a second run for each token.</summary>
    public double? GuidanceScale { get => Get<double?>("guidance_scale"); init => Set("guidance_scale", value); }

    /// <summary>A mark that a detector finds in the text: <see cref="GreenListWatermark"/> or <see cref="SynthIdWatermark"/>.</summary>
    public Watermark? Watermarking { get => Get<Watermark?>("watermarking_config"); init => Set("watermarking_config", value); }

    /// <summary>Sequences for each prompt.</summary>
    public int? NumReturnSequences { get => Get<int?>("num_return_sequences"); init => Set("num_return_sequences", value); }

    /// <summary>The token that fills rows which have ended; without one, the first that ends them.</summary>
    public int? PadTokenId { get => Get<int?>("pad_token_id"); init => Set("pad_token_id", value); }

    /// <summary>The token that begins a text.</summary>
    public int? BosTokenId { get => Get<int?>("bos_token_id"); init => Set("bos_token_id", value); }

    /// <summary>Tokens that end a sequence; an empty list for none.</summary>
    public ImmutableArray<int>? EosTokenId { get => Get<ImmutableArray<int>?>("eos_token_id"); init => Set("eos_token_id", value); }

    /// <summary>The first token of an encoder-decoder's answer.</summary>
    public ImmutableArray<int>? DecoderStartTokenId { get => Get<ImmutableArray<int>?>("decoder_start_token_id"); init => Set("decoder_start_token_id", value); }

    /// <summary>Tokens that an assistant guesses at a time.</summary>
    public int? NumAssistantTokens { get => Get<int?>("num_assistant_tokens"); init => Set("num_assistant_tokens", value); }

    /// <summary>Whether that number follows the guesses' success: constant, heuristic or heuristic_transient.</summary>
    public string? NumAssistantTokensSchedule { get => Get<string?>("num_assistant_tokens_schedule"); init => Set("num_assistant_tokens_schedule", value); }

    /// <summary>The least probability of a guess; a less certain one is the assistant's last.</summary>
    public double? AssistantConfidenceThreshold { get => Get<double?>("assistant_confidence_threshold"); init => Set("assistant_confidence_threshold", value); }

    /// <summary>The folder of a smaller package of the same vocabulary that guesses, from the package on.</summary>
    public string? AssistantModel { get => Get<string?>("assistant_model"); init => Set("assistant_model", value); }

    /// <summary>Tokens that are guessed by looking for the last ones earlier in the text; null for no guessing.</summary>
    public int? PromptLookupNumTokens { get => Get<int?>("prompt_lookup_num_tokens"); init => Set("prompt_lookup_num_tokens", value); }

    /// <summary>How many last tokens are looked for at most.</summary>
    public int? MaxMatchingNgramSize { get => Get<int?>("max_matching_ngram_size"); init => Set("max_matching_ngram_size", value); }

    /// <summary>Tokens of the prompt that are run at once; null for all.</summary>
    public int? PrefillChunkSize { get => Get<int?>("prefill_chunk_size"); init => Set("prefill_chunk_size", value); }

    /// <summary>True where the field is said, be it null.</summary>
    public bool Says(string key) => _said.ContainsKey(key);

    /// <summary>True for the name of a field of the reference's GenerationConfig, as "top_k".</summary>
    public static bool IsField(string key) => GenerationKeys.Knows(key);

    /// <summary>This, and what it leaves open from another.</summary>
    public GenerationConfig Over(GenerationConfig other) => new() { _said = other._said.SetItems(_said) };

    /// <summary>Reads the arguments of a call.</summary>
    /// <param name="arguments">An object of fields; null says "none" and counts as said.</param>
    /// <exception cref="InvalidInputException">A field is unknown, not supported or of the wrong kind; all of them are told.</exception>
    public static GenerationConfig FromArguments(JsonElement arguments)
    {
        if (arguments.ValueKind != JsonValueKind.Object) throw new InvalidInputException(Reading, new Problem("arguments", $"a JSON {arguments.ValueKind}", "an object of fields of GenerationConfig"));
        var problems = new List<Problem>();
        var config = GenerationKeys.Read(arguments, problems, refuseUnknown: true);
        if (problems.Count > 0) throw new InvalidInputException(Reading, problems);
        return config;
    }

    /// <summary>Reads generation_config.json. Keys that the reference's generate doesn't know either change nothing.</summary>
    /// <exception cref="UnsupportedCheckpointException">A field is not supported or of the wrong kind; all of them are told.</exception>
    public static GenerationConfig FromFile(ConfigReader json)
    {
        var problems = new List<Problem>();
        var config = GenerationKeys.Read(json.Element, problems, refuseUnknown: false);
        if (problems.Count > 0) throw new UnsupportedCheckpointException($"reading {json.File}", problems) { Key = problems[0].Where };
        return config;
    }

    /// <summary>What is said for all sequences of a package: generation_config.json, else the fields of it that config.json has.</summary>
    /// <param name="file">generation_config.json, or null.</param>
    /// <param name="model">config.json, or null.</param>
    /// <exception cref="UnsupportedCheckpointException">A field is not supported or of the wrong kind.</exception>
    public static GenerationConfig OfModel(ConfigReader? file, ConfigReader? model)
    {
        if (file is null) return model is null ? Default : FromFile(model).WithoutNulls();
        // A file that the reference derived from config.json gives way to it where config.json still has settings of its own.
        var derived = file.Element.TryGetProperty("_from_model_config", out var flag) && flag.ValueKind == JsonValueKind.True;
        if (derived && model is not null && FromFile(model) is var legacy && legacy.SaysLegacySettings) return legacy.WithoutNulls();
        return FromFile(file);
    }

    /// <summary>This as an argument object of a call: what it leaves at the reference's defaults is the model's, all of it or (files older than 4.50) the special tokens.</summary>
    internal GenerationConfig AsArgumentOver(GenerationConfig model, string? fileVersion)
    {
        var changed = new GenerationConfig { _said = _said.RemoveRange(_said.Where(p => GenerationKeys.IsDefault(p.Key, p.Value)).Select(p => p.Key)) };
        var inherits = fileVersion is null || !Version.TryParse(fileVersion.Split(['.', 'd', 'r']) is [var a, var b, ..] ? $"{a}.{b}" : fileVersion, out var version) || version >= new Version(4, 50);
        var below = inherits ? model : new GenerationConfig { _said = model._said.Where(p => GenerationKeys.SpecialTokens.Contains(p.Key)).ToImmutableDictionary(StringComparer.Ordinal) };
        var merged = changed.Over(below);
        // An argument of temperature 0 asks for the best token even where the model's file samples.
        return Get<double?>("temperature") == 0 ? merged with { DoSample = false } : merged;
    }

    internal static GenerationConfig Of(IEnumerable<KeyValuePair<string, object?>> said) => new() { _said = said.ToImmutableDictionary(StringComparer.Ordinal) };

    private const string Reading = "reading generation arguments";

    /// <summary>Fields that are said and are not the reference's defaults.</summary>
    internal IEnumerable<string> Changed => _said.Where(p => p.Value is not null && !GenerationKeys.IsDefault(p.Key, p.Value)).Select(p => p.Key).Order(StringComparer.Ordinal);

    /// <summary>Settings that config.json held before there was a generation_config.json.</summary>
    private bool SaysLegacySettings => _said.Any(p => GenerationKeys.Legacy.Contains(p.Key) && p.Value is not null && !GenerationKeys.IsDefault(p.Key, p.Value));

    private GenerationConfig WithoutNulls() => new() { _said = _said.RemoveRange(_said.Where(p => p.Value is null).Select(p => p.Key)) };

    /// <summary>The value said, else the reference's default.</summary>
    private T Get<T>(string key) => (_said.TryGetValue(key, out var value) ? value : GenerationKeys.Default(key)) is T typed ? typed : default!;

    private void Set(string key, object? value) => _said = _said.SetItem(key, value);
}

/// <summary>When beam search stops following a prompt's beams.</summary>
public enum EarlyStopping
{
    /// <summary>When it is unlikely that a better sequence comes.</summary>
    Heuristic,
    /// <summary>As soon as as many sequences as beams have ended.</summary>
    WhenFull,
    /// <summary>Only when no better sequence can come.</summary>
    Never,
}

/// <summary>A sequence of ids whose last one is favoured or not where the others stand before it.</summary>
/// <param name="Ids">The sequence.</param>
/// <param name="Bias">What is added to the score.</param>
public sealed record BiasedSequence(ImmutableArray<int> Ids, double Bias);

/// <summary>Words of which one must occur.</summary>
/// <param name="Alternatives">Sequences of ids.</param>
public sealed record ForcedWords(ImmutableArray<ImmutableArray<int>> Alternatives);

/// <summary>How the end of a sequence is favoured.</summary>
/// <param name="Start">New tokens after which it begins.</param>
/// <param name="Factor">Its growth with each token.</param>
public sealed record ExponentialDecay(int Start, double Factor);
