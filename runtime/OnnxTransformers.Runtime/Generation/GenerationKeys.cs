using System.Collections.Frozen;
using System.Text.Json;
using static OnnxTransformers.Generation.GenerationValues;

namespace OnnxTransformers.Generation;

/// <summary>The table of the fields of a generation configuration: what each is and, for those without effect, why.</summary>
internal static class GenerationKeys
{
    private static readonly FrozenDictionary<string, Row> Table = new Row[]
    {
        new("max_length", Whole(0), 20), new("max_new_tokens", Whole(1)), new("min_length", Whole(0), 0), new("min_new_tokens", Whole(0)),
        new("early_stopping", Early, EarlyStopping.Heuristic), new("max_time", Number), new("stop_strings", Texts),
        new("do_sample", Flag, false), new("seed", Whole(int.MinValue)), new("num_beams", Whole(1), 1), new("num_beam_groups", Whole(1), 1), new("diversity_penalty", Number, 0.0),
        new("force_words_ids", Forced), new("penalty_alpha", Number),
        new("temperature", Number, 1.0), new("top_k", Whole(0), 50), new("top_p", Number, 1.0), new("min_p", Number), new("typical_p", Number, 1.0), new("epsilon_cutoff", Number, 0.0), new("eta_cutoff", Number, 0.0),
        new("repetition_penalty", Number, 1.0), new("encoder_repetition_penalty", Number, 1.0), new("length_penalty", Number, 1.0), new("no_repeat_ngram_size", Whole(0), 0), new("encoder_no_repeat_ngram_size", Whole(0), 0),
        new("bad_words_ids", Sequences), new("sequence_bias", Biases), new("renormalize_logits", Flag, false), new("forced_bos_token_id", Whole(0)), new("forced_eos_token_id", Ids), new("remove_invalid_values", Flag, false),
        new("exponential_decay_length_penalty", Decay), new("suppress_tokens", Ids), new("begin_suppress_tokens", Ids), new("guidance_scale", Number), new("watermarking_config", Watermark.Read),
        new("num_return_sequences", Whole(1), 1), new("pad_token_id", Whole(int.MinValue)), new("bos_token_id", First), new("eos_token_id", Ids), new("decoder_start_token_id", Ids),
        new("num_assistant_tokens", Whole(1), 20), new("num_assistant_tokens_schedule", OneOf("constant", "heuristic", "heuristic_transient"), "constant"), new("assistant_confidence_threshold", Number, 0.4),
        new("assistant_model", Text), new("prompt_lookup_num_tokens", Whole(1)), new("max_matching_ngram_size", Whole(1)), new("prefill_chunk_size", Whole(1)),

        Row.Ignored("use_cache", "the cache changes the speed, not the tokens"), Row.Ignored("cache_implementation", "the graph decides how its cache is kept"), Row.Ignored("cache_config", "the graph decides how its cache is kept"),
        Row.Ignored("return_legacy_cache", "there is no such cache"), Row.Ignored("low_memory", "the reference's own saving of memory"), Row.Ignored("compile_config", "graphs are compiled when they are opened"), Row.Ignored("disable_compile", "graphs are compiled when they are opened"),
        Row.Ignored("output_attentions", "results have their own properties"), Row.Ignored("output_hidden_states", "results have their own properties"), Row.Ignored("output_scores", "results have their own properties"),
        Row.Ignored("output_logits", "results have their own properties"), Row.Ignored("return_dict_in_generate", "results have their own properties"),
        Row.Ignored("is_assistant", "said by how a package is used"), Row.Ignored("assistant_lookbehind", "for assistants of another vocabulary"), Row.Ignored("target_lookbehind", "for assistants of another vocabulary"),
        Row.Ignored("transformers_version", "about the file"), Row.Ignored("_from_model_config", "about the file"), Row.Ignored("_commit_hash", "about the file"), Row.Ignored("_original_object_hash", "about the file"), Row.Ignored("generation_kwargs", "the reference never reads it"),

        Row.Refused("token_healing", JsonValueKind.False, "false (the last token of the prompt is never replaced)"), Row.Refused("constraints", JsonValueKind.Null, "force_words_ids, which says the same in JSON"),
        Row.Refused("dola_layers", JsonValueKind.Null, "no contrasting of layers: graphs don't give the states of theirs"), Row.Refused("assistant_early_exit", JsonValueKind.Null, "an assistant_model or prompt_lookup_num_tokens"),
    }.ToFrozenDictionary(r => r.Key, StringComparer.Ordinal);

    /// <summary>The fields that a configuration of any age gives to an argument object.</summary>
    internal static FrozenSet<string> SpecialTokens { get; } = FrozenSet.Create(StringComparer.Ordinal, "bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id");

    /// <summary>Settings that config.json held before there was a generation_config.json.</summary>
    internal static FrozenSet<string> Legacy { get; } = FrozenSet.Create(StringComparer.Ordinal, "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty",
        "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences",
        "remove_invalid_values", "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens");

    /// <summary>The reference's default of a field.</summary>
    internal static object? Default(string key) => Table[key].Default;

    internal static bool IsDefault(string key, object? value) => Equals(value, Table[key].Default);

    /// <summary>True for the name of a field, whether it has an effect or not.</summary>
    internal static bool Knows(string key) => Table.ContainsKey(key);

    internal static GenerationConfig Read(JsonElement fields, List<Problem> problems, bool refuseUnknown)
    {
        var said = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var field in fields.EnumerateObject())
        {
            if (!Table.TryGetValue(field.Name, out var row))
            {
                if (refuseUnknown) problems.Add(new Problem(field.Name, "no such argument", null, Nearest(field.Name) is { } near ? $"did you mean {near}?" : "see the fields of GenerationConfig"));
            }
            else if (row.OnlyKind is { } only)
            {
                if (field.Value.ValueKind != only && field.Value.ValueKind != JsonValueKind.Null) problems.Add(new Problem(field.Name, Shown(field.Value), row.Note));
            }
            else if (row.Read is { } read)
            {
                if (field.Value.ValueKind == JsonValueKind.Null) said[field.Name] = null;
                else if (read(field.Value, out var expected) is { } value) said[field.Name] = value;
                else problems.Add(new Problem(field.Name, Shown(field.Value), expected));
            }
        }
        return GenerationConfig.Of(said);
    }

    private static string? Nearest(string name) => Table.Keys.Where(k => Table[k].Read is not null).OrderBy(k => EditDistance.Of(k, name)).ThenBy(k => k, StringComparer.Ordinal).FirstOrDefault(k => EditDistance.Of(k, name) <= 3);

    private static string Shown(JsonElement value)
    {
        var text = value.GetRawText();
        return text.Length > 80 ? text[..80] + "..." : text;
    }

    /// <param name="Key">The field's name.</param>
    /// <param name="Read">Reads its value; null for a field without effect.</param>
    /// <param name="Default">The reference's default.</param>
    private sealed record Row(string Key, Reader? Read, object? Default = null)
    {
        /// <summary>Why it has no effect, or what is supported instead.</summary>
        internal string Note { get; private init; } = "";

        /// <summary>The only kind of value that is not refused.</summary>
        internal JsonValueKind? OnlyKind { get; private init; }

        internal static Row Ignored(string key, string why) => new(key, null) { Note = why };

        internal static Row Refused(string key, JsonValueKind only, string supported) => new(key, null) { Note = supported, OnlyKind = only };
    }
}
