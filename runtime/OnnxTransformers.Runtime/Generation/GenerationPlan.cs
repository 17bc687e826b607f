using System.Collections.Immutable;
using System.Globalization;

namespace OnnxTransformers.Generation;

/// <summary>How the next token is found.</summary>
internal enum SearchMode
{
    /// <summary>The best token.</summary>
    Greedy,
    /// <summary>A drawn token.</summary>
    Sample,
    /// <summary>Several sequences at once.</summary>
    Beam,
    /// <summary>Several sequences at once, their continuations drawn.</summary>
    BeamSample,
    /// <summary>Groups of beams that avoid each other's tokens.</summary>
    GroupBeam,
    /// <summary>Beams that must bring in words.</summary>
    ConstrainedBeam,
    /// <summary>A likely token whose state differs from those before it.</summary>
    Contrastive,
    /// <summary>Tokens are guessed, and checked several at a time.</summary>
    Assisted,
}

/// <summary>What is known of a model and a prompt when a configuration is resolved.</summary>
/// <param name="PromptLength">Tokens of the prompt, padding included.</param>
/// <param name="MaxPositions">Positions that the model has; null where nothing limits them.</param>
/// <param name="IsEncoderDecoder">Whether the prompt goes to an encoder, so that the answer begins with its start token.</param>
/// <param name="HasAssistant">Whether a model that guesses was given.</param>
internal sealed record GenerationFacts(int PromptLength, int? MaxPositions, bool IsEncoderDecoder = false, bool HasAssistant = false);

/// <summary>A configuration with everything derived: the lengths as totals, the special tokens, the mode. Reference: generation/utils.py, _prepare_generated_length, _prepare_special_tokens, get_generation_mode.</summary>
internal sealed record GenerationPlan
{
    private GenerationPlan(GenerationConfig config, GenerationFacts facts) => (Config, PromptLength) = (config, facts.IsEncoderDecoder ? 1 : facts.PromptLength);

    internal GenerationConfig Config { get; }

    /// <summary>Tokens before the first new one: the prompt, or a decoder's start token.</summary>
    internal int PromptLength { get; }

    /// <summary>Most tokens of a sequence, the prompt included.</summary>
    internal int MaxLength { get; private init; }

    /// <summary>Fewest tokens of a sequence, the prompt included.</summary>
    internal int MinLength { get; private init; }

    /// <summary>Tokens that end a sequence.</summary>
    internal ImmutableArray<int> Eos { get; private init; }

    /// <summary>The token that fills rows which have ended.</summary>
    internal int? Pad { get; private init; }

    /// <summary>The first token of an encoder-decoder's answer, one for all rows or one a row; empty where the model is none.</summary>
    internal ImmutableArray<int> DecoderStart { get; private init; } = [];

    internal SearchMode Mode { get; private init; }

    internal int Beams => Config.NumBeams ?? 1;

    /// <summary>Sequences for each prompt.</summary>
    internal int Returned => Config.NumReturnSequences ?? 1;

    internal bool Samples => Config.DoSample == true;

    /// <summary>Tokens that each warper must leave: in beam search one that does not end the sequence.</summary>
    internal int LeastKept => Beams > 1 ? Eos.Length + 1 : 1;

    /// <summary>Resolves and checks a configuration.</summary>
    /// <param name="call">What the call says.</param>
    /// <param name="model">What the package says.</param>
    /// <param name="facts">The prompt and the model.</param>
    /// <exception cref="InvalidInputException">Values contradict each other or are out of range; all of them are told.</exception>
    internal static GenerationPlan Resolve(GenerationConfig call, GenerationConfig model, GenerationFacts facts)
    {
        var config = call.Over(model);
        var problems = new List<Problem>();
        var plan = new GenerationPlan(config, facts);
        var eos = config.EosTokenId ?? [];
        plan = plan with
        {
            Eos = eos,
            Pad = config.PadTokenId ?? (eos.IsEmpty ? null : eos[0]),
            MaxLength = TotalLength(config, plan.PromptLength, facts.MaxPositions, call.Says("max_length") && call.MaxLength is not null),
            MinLength = config.MinNewTokens is { } least ? plan.PromptLength + least : config.MinLength ?? 0,
            DecoderStart = facts.IsEncoderDecoder ? StartTokens(config, problems) : [],
            Mode = ModeOf(config, facts.HasAssistant),
        };
        Check(plan, facts.HasAssistant, problems);
        if (problems.Count > 0) throw new InvalidInputException("resolving the generation configuration", problems);
        return plan;
    }

    /// <summary>The default of 20, which can't be told from a 20 in a file, counts new tokens and ends at the last position.</summary>
    private static int TotalLength(GenerationConfig config, int prompt, int? positions, bool inCall)
    {
        if (config.MaxNewTokens is { } more) return (int)Math.Min(int.MaxValue, (long)prompt + more);
        var length = config.MaxLength ?? 20;
        return inCall || length != 20 ? length : Math.Min(prompt + length, positions ?? int.MaxValue);
    }

    private static ImmutableArray<int> StartTokens(GenerationConfig config, List<Problem> problems)
    {
        if (config.DecoderStartTokenId is { IsDefaultOrEmpty: false } start) return start;
        if (config.BosTokenId is { } bos) return [bos];
        problems.Add(new Problem("decoder_start_token_id", "neither it nor bos_token_id is there", "an id", "give decoder_start_token_id"));
        return [];
    }

    private static SearchMode ModeOf(GenerationConfig config, bool assisted)
    {
        if (config.ForceWordsIds is not null) return SearchMode.ConstrainedBeam;
        if (config.NumBeamGroups is > 1) return SearchMode.GroupBeam;
        if (config.NumBeams is > 1) return config.DoSample == true ? SearchMode.BeamSample : SearchMode.Beam;
        if (assisted || config.PromptLookupNumTokens is not null) return SearchMode.Assisted;
        if (config.DoSample == true) return SearchMode.Sample;
        return IsContrastive(config) ? SearchMode.Contrastive : SearchMode.Greedy;
    }

    private static bool IsContrastive(GenerationConfig config) => config.DoSample != true && config.PenaltyAlpha is > 0 && config.TopK is > 1;

    private static void Check(GenerationPlan plan, bool assisted, List<Problem> problems)
    {
        var config = plan.Config;
        void Range(string key, double? value, bool inside, string supported)
        {
            if (value is { } v && !inside) problems.Add(new Problem(key, v.ToString(CultureInfo.InvariantCulture), supported));
        }
        if (plan.MaxLength <= plan.PromptLength) problems.Add(new Problem("max_length", $"{plan.MaxLength}, and the prompt has {plan.PromptLength} tokens", "more than the prompt has", "raise max_length or give max_new_tokens"));
        if (plan.Returned > 1 && plan.Beams == 1 && !plan.Samples) problems.Add(new Problem("num_return_sequences", $"{plan.Returned} without beams or sampling, which would all be the same", "1", "set do_sample or num_beams"));
        if (plan.Beams > 1 && plan.Returned > plan.Beams) problems.Add(new Problem("num_return_sequences", $"{plan.Returned} with {plan.Beams} beams", "at most num_beams"));
        Range("repetition_penalty", config.RepetitionPenalty, config.RepetitionPenalty > 0, "a number above 0");
        Range("encoder_repetition_penalty", config.EncoderRepetitionPenalty, config.EncoderRepetitionPenalty > 0, "a number above 0");
        Range("max_time", config.MaxTime, config.MaxTime >= 0, "seconds of at least 0");
        if (plan.Samples)
        {
            Range("temperature", config.Temperature, config.Temperature > 0, "a number above 0; for the best token do_sample false");
            Range("top_p", config.TopP, config.TopP is >= 0 and <= 1, "a number from 0 to 1");
            Range("min_p", config.MinP, config.MinP is >= 0 and <= 1, "a number from 0 to 1");
            Range("typical_p", config.TypicalP, config.TypicalP > 0, "a number above 0");
        }
        if (plan.Mode == SearchMode.GroupBeam)
        {
            if (plan.Beams % config.NumBeamGroups!.Value != 0) problems.Add(new Problem("num_beam_groups", $"{config.NumBeamGroups} groups of {plan.Beams} beams", "a divisor of num_beams"));
            if (config.DiversityPenalty is not > 0) problems.Add(new Problem("diversity_penalty", (config.DiversityPenalty ?? 0).ToString(CultureInfo.InvariantCulture), "a number above 0 where there are groups"));
            if (plan.Samples) problems.Add(new Problem("do_sample", "true with groups of beams", "false"));
        }
        if (plan.Mode == SearchMode.ConstrainedBeam)
        {
            if (plan.Beams == 1) problems.Add(new Problem("num_beams", "1 with force_words_ids", "more than 1"));
            if (plan.Samples) problems.Add(new Problem("do_sample", "true with force_words_ids", "false"));
            if (config.NumBeamGroups is > 1) problems.Add(new Problem("num_beam_groups", $"{config.NumBeamGroups} with force_words_ids", "1"));
        }
        if (!assisted && config.PromptLookupNumTokens is null) return;
        if (plan.Returned > 1) problems.Add(new Problem("num_return_sequences", $"{plan.Returned} where tokens are guessed", "1"));
        if (plan.Beams > 1) problems.Add(new Problem(assisted ? "assistant_model" : "prompt_lookup_num_tokens", $"with {plan.Beams} beams", "num_beams of 1"));
        if (IsContrastive(config)) problems.Add(new Problem("penalty_alpha", string.Create(CultureInfo.InvariantCulture, $"{config.PenaltyAlpha} where tokens are guessed"), "null"));
    }
}
