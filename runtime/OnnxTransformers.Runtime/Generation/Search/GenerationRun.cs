using System.Collections.Immutable;

namespace OnnxTransformers.Generation;

/// <summary>A request made ready: resolved, checked, with its processors and criteria.</summary>
internal sealed class GenerationRun
{
    private readonly ImmutableArray<(StopReason Reason, IStoppingCriterion Criterion)> _criteria;

    internal GenerationRun(ICausalModel model, GenerationRequest request, GenerationConfig defaults, TokenTexts? texts)
    {
        (Model, Request) = (model, request);
        var config = request.Config.Over(defaults);
        Prompts = Prompts.Of(request.InputIds, request.AttentionMask, config, model.Vocabulary);
        Plan = GenerationPlan.Resolve(request.Config, defaults, new(Prompts.Length, model.MaxPositions, HasAssistant: request.Assistant is not null));
        CheckIds(config, model.Vocabulary);
        var guidance = config.GuidanceScale is { } scale && scale != 1 ? new ModelGuidance(this, scale) : null;
        Diversity = Plan.Mode == SearchMode.GroupBeam ? new HammingDiversity(config.DiversityPenalty!.Value, RowsOfPrompt) : null;
        var context = new ProcessorContext(Plan, Prompts.Ids, RowsOfPrompt, model.Vocabulary, guidance, Diversity);
        Processors = ProcessorTable.Create(context, request.Processors);
        Disposables = guidance is null ? [] : [guidance];
        _criteria = StoppingTable.Create(Plan, texts, request.StoppingCriteria);
        if (request.Cache is { } cache) Check(cache);
    }

    internal ICausalModel Model { get; }

    internal GenerationRequest Request { get; }

    internal Prompts Prompts { get; }

    internal GenerationPlan Plan { get; }

    internal ImmutableArray<ILogitsProcessor> Processors { get; }

    /// <summary>What groups of beams have chosen in a step.</summary>
    internal HammingDiversity? Diversity { get; }

    /// <summary>What ends with the request.</summary>
    internal ImmutableArray<IDisposable> Disposables { get; }

    /// <summary>Sequences that are followed for each prompt.</summary>
    internal int RowsOfPrompt => Plan.Beams > 1 ? Plan.Beams : Plan.Returned;

    /// <summary>Applies all processors.</summary>
    internal void Process(ScoreBatch batch)
    {
        foreach (var processor in Processors) processor.Process(batch);
    }

    /// <summary>Why a sequence has ended with its last token; null where it goes on.</summary>
    internal StopReason? Ended(ReadOnlySpan<int> ids, int number)
    {
        StopReason? ended = null;
        foreach (var (reason, criterion) in _criteria)
            if (criterion.IsDone(ids, number)) ended = reason;
        return ended;
    }

    /// <summary>The sequences' beginnings, so many for each prompt.</summary>
    internal Sequence[] Begin(int each) => [.. Enumerable.Range(0, Prompts.Count * each).Select(i => new Sequence(i, Prompts.Ids[i / each], Prompts.Masks[i / each]))];

    /// <summary>Refuses ids whose scores would be set and that have none. Ids that only take something out, or end, may be beyond the vocabulary.</summary>
    private void CheckIds(GenerationConfig config, int vocabulary)
    {
        IEnumerable<(string Key, IEnumerable<int> Ids)> forced =
        [
            ("forced_bos_token_id", config.ForcedBosTokenId is { } first ? [first] : []),
            ("forced_eos_token_id", config.ForcedEosTokenId ?? []),
            ("eos_token_id", config.ExponentialDecayLengthPenalty is null ? [] : Plan.Eos),
        ];
        var problems = forced.SelectMany(f => f.Ids.Where(id => id < 0 || id >= vocabulary).Select(id => new Problem(f.Key, $"id {id}", $"ids from 0 to {vocabulary - 1}"))).ToList();
        if (problems.Count > 0) throw new InvalidInputException("resolving the generation configuration", problems);
    }

    private void Check(PromptCache cache)
    {
        var problem = Prompts.Count > 1 || Prompts.Masks[0].Contains(0) ? new Problem("cache", "several prompts, or a padded one", "one prompt without padding")
            : Plan.Mode is not (SearchMode.Greedy or SearchMode.Sample) || Plan.Returned > 1 ? new Problem("cache", $"a search that follows several sequences or guesses ({Plan.Mode})", "the best token, or one drawn sequence")
            : !ReferenceEquals(cache.Model, Model) ? new Problem("cache", "another model's", "a cache of the model that continues")
            : null;
        if (problem is not null) throw new InvalidInputException("continuing on a cache", problem);
    }
}
