using System.Collections.Immutable;

namespace OnnxTransformers.Generation;

/// <summary>What a processor is made from.</summary>
/// <param name="Plan">The resolved configuration.</param>
/// <param name="Prompts">The prompts, or what an encoder was given; padding included.</param>
/// <param name="RowsOfPrompt">Sequences of each prompt: beams, or returned ones.</param>
/// <param name="Vocabulary">Number of tokens.</param>
/// <param name="Guidance">The processor that runs the model without its condition.</param>
/// <param name="Diversity">The processor that groups of beams share.</param>
internal sealed record ProcessorContext(GenerationPlan Plan, int[][] Prompts, int RowsOfPrompt, int Vocabulary, ILogitsProcessor? Guidance, HammingDiversity? Diversity = null)
{
    internal GenerationConfig Config => Plan.Config;
}

/// <summary>The table of processors in the order in which they work. Reference: generation/utils.py, _get_logits_processor.</summary>
internal static class ProcessorTable
{
    private static readonly ImmutableArray<Row> Before =
    [
        new("UnbatchedClassifierFreeGuidanceLogitsProcessor", c => c.Config.GuidanceScale is { } s && s != 1, c => c.Guidance!),
        new("SequenceBiasLogitsProcessor", c => c.Config.SequenceBias is not null, c => new SequenceBias(c.Config.SequenceBias!.Value)),
        new("HammingDiversityLogitsProcessor", c => c.Plan.Mode == SearchMode.GroupBeam, c => c.Diversity!),
        new("EncoderRepetitionPenaltyLogitsProcessor", c => c.Config.EncoderRepetitionPenalty is { } p && p != 1, c => new EncoderRepetitionPenalty(c.Config.EncoderRepetitionPenalty!.Value, c.Prompts, c.RowsOfPrompt)),
        new("RepetitionPenaltyLogitsProcessor", c => c.Config.RepetitionPenalty is { } p && p != 1, c => new RepetitionPenalty(c.Config.RepetitionPenalty!.Value)),
        new("NoRepeatNGramLogitsProcessor", c => c.Config.NoRepeatNgramSize is > 0, c => new NoRepeatNGram(c.Config.NoRepeatNgramSize!.Value)),
        new("EncoderNoRepeatNGramLogitsProcessor", c => c.Config.EncoderNoRepeatNgramSize is > 0, c => new EncoderNoRepeatNGram(c.Config.EncoderNoRepeatNgramSize!.Value, c.Prompts, c.RowsOfPrompt)),
        new("NoBadWordsLogitsProcessor", c => c.Config.BadWordsIds is not null, c => SequenceBias.Ban(c.Config.BadWordsIds!.Value, c.Plan.Eos)),
        new("MinLengthLogitsProcessor", c => c.Plan.MinLength > 0 && !c.Plan.Eos.IsEmpty, c => new MinLength(c.Plan.MinLength, c.Plan.Eos)),
        new("MinNewTokensLengthLogitsProcessor", c => c.Config.MinNewTokens is > 0 && !c.Plan.Eos.IsEmpty, c => new MinLength(c.Plan.PromptLength + c.Config.MinNewTokens!.Value, c.Plan.Eos)),
        new("ForcedBOSTokenLogitsProcessor", c => c.Config.ForcedBosTokenId is not null, c => new ForcedBos(c.Config.ForcedBosTokenId!.Value)),
        new("ForcedEOSTokenLogitsProcessor", c => c.Config.ForcedEosTokenId is not null, c => new ForcedEos(c.Plan.MaxLength, c.Config.ForcedEosTokenId!.Value)),
        new("InfNanRemoveLogitsProcessor", c => c.Config.RemoveInvalidValues == true, _ => new RemoveInvalid()),
        new("ExponentialDecayLengthPenalty", c => c.Config.ExponentialDecayLengthPenalty is not null, c => new ExponentialDecayPenalty(c.Config.ExponentialDecayLengthPenalty!, c.Plan.Eos, c.Plan.PromptLength)),
        new("SuppressTokensLogitsProcessor", c => c.Config.SuppressTokens is not null, c => new Suppress(c.Config.SuppressTokens!.Value)),
        new("SuppressTokensAtBeginLogitsProcessor", c => c.Config.BeginSuppressTokens is not null, c => new SuppressAtBegin(c.Config.BeginSuppressTokens!.Value, FirstChoice(c))),
    ];

    private static readonly ImmutableArray<Row> Warpers =
    [
        new("TemperatureLogitsWarper", c => c.Config.Temperature is { } t && t != 1, c => new Temperature(c.Config.Temperature!.Value)),
        new("TopKLogitsWarper", c => c.Config.TopK is > 0, c => new TopK(c.Config.TopK!.Value, c.Plan.LeastKept)),
        new("TopPLogitsWarper", c => c.Config.TopP is < 1, c => new TopP(c.Config.TopP!.Value, c.Plan.LeastKept)),
        new("MinPLogitsWarper", c => c.Config.MinP is not null, c => new MinP(c.Config.MinP!.Value, c.Plan.LeastKept)),
        new("TypicalLogitsWarper", c => c.Config.TypicalP is < 1, c => new TypicalP(c.Config.TypicalP!.Value, c.Plan.LeastKept)),
        new("EpsilonLogitsWarper", c => c.Config.EpsilonCutoff is > 0 and < 1, c => new EpsilonCutoff(c.Config.EpsilonCutoff!.Value, c.Plan.LeastKept)),
        new("EtaLogitsWarper", c => c.Config.EtaCutoff is > 0 and < 1, c => new EtaCutoff(c.Config.EtaCutoff!.Value, c.Plan.LeastKept)),
    ];

    private static readonly ImmutableArray<Row> After =
    [
        new("WatermarkLogitsProcessor", c => c.Config.Watermarking is GreenListWatermark, c => new GreenListProcessor((GreenListWatermark)c.Config.Watermarking!, c.Vocabulary)),
        new("SynthIDTextWatermarkLogitsProcessor", c => c.Config.Watermarking is SynthIdWatermark, c => new SynthIdProcessor((SynthIdWatermark)c.Config.Watermarking!)),
        new("LogitNormalization", c => c.Config.RenormalizeLogits == true, _ => new Renormalize()),
    ];

    /// <summary>The processors of a request, in order.</summary>
    /// <param name="context">What they are made from.</param>
    /// <param name="own">The caller's, which work before those of sampling.</param>
    internal static ImmutableArray<ILogitsProcessor> Create(ProcessorContext context, IEnumerable<ILogitsProcessor> own) =>
        [.. Wanted(Before, context).Select(r => r.Create(context)), .. own, .. Wanted(Sampling(context), context).Select(r => r.Create(context)), .. Wanted(After, context).Select(r => r.Create(context))];

    /// <summary>The reference's names of the processors of a request, in order.</summary>
    internal static ImmutableArray<string> Names(ProcessorContext context) => [.. Wanted([.. Before, .. Sampling(context), .. After], context).Select(r => r.Name)];

    private static ImmutableArray<Row> Sampling(ProcessorContext context) => context.Plan.Samples ? Warpers : [];

    private static IEnumerable<Row> Wanted(ImmutableArray<Row> rows, ProcessorContext context) => rows.Where(r => r.IsWanted(context));

    /// <summary>The length at which the first token is chosen freely: one later where the first is forced.</summary>
    private static int FirstChoice(ProcessorContext context) => context.Plan.PromptLength + (context.Plan.PromptLength == 1 && context.Config.ForcedBosTokenId is not null ? 1 : 0);

    /// <param name="Name">The reference's class.</param>
    /// <param name="IsWanted">Whether the configuration asks for it.</param>
    /// <param name="Create">Makes it.</param>
    private sealed record Row(string Name, Func<ProcessorContext, bool> IsWanted, Func<ProcessorContext, ILogitsProcessor> Create);
}
