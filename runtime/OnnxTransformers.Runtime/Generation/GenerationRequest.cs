namespace OnnxTransformers.Generation;

/// <summary>Prompts to continue, and how.</summary>
public sealed record GenerationRequest
{
    /// <summary>The tokens of each prompt, all of one length: shorter ones are padded on the left.</summary>
    public required IReadOnlyList<IReadOnlyList<int>> InputIds { get; init; }

    /// <summary>1 for each token of the prompts, 0 for padding; null where padding is told by its id, unless that also ends sequences.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? AttentionMask { get; init; }

    /// <summary>What guidance moves away from: a prompt for each; null for the prompts' last tokens alone.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? NegativePromptIds { get; init; }

    /// <summary>1 for each token of the negative prompts, 0 for padding; null for all of them.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? NegativePromptAttentionMask { get; init; }

    /// <summary>What this call says; the rest is the package's.</summary>
    public GenerationConfig Config { get; init; } = GenerationConfig.Default;

    /// <summary>The caller's processors; they work before those of sampling.</summary>
    public IReadOnlyList<ILogitsProcessor> Processors { get; init; } = [];

    /// <summary>What else ends sequences.</summary>
    public IReadOnlyList<IStoppingCriterion> StoppingCriteria { get; init; } = [];

    /// <summary>How tokens are drawn, or taken; null for what the configuration says.</summary>
    public ISampler? Sampler { get; init; }

    /// <summary>A smaller model of the same vocabulary that guesses.</summary>
    public ICausalModel? Assistant { get; init; }

    /// <summary>What an earlier call has read: tokens at the beginning that are the same are not read again. For one prompt, not for beams.</summary>
    public PromptCache? Cache { get; init; }
}

/// <summary>Chooses a token.</summary>
public interface ISampler
{
    /// <summary>Chooses by the processed scores of one sequence.</summary>
    /// <param name="scores">The scores; minus infinity for tokens that are out.</param>
    /// <param name="number">The sequence's number in the request.</param>
    int Choose(ReadOnlySpan<float> scores, int number);
}

/// <summary>The continued sequences.</summary>
/// <param name="Sequences">The tokens of each, prompt included, filled to one length; those of a prompt stand together.</param>
/// <param name="PromptLength">Tokens of each that are the prompt's.</param>
/// <param name="Reasons">Why each ended.</param>
public sealed record GenerationResult(IReadOnlyList<int[]> Sequences, int PromptLength, IReadOnlyList<StopReason> Reasons)
{
    /// <summary>The penalised scores of beam search; null for other searches.</summary>
    public IReadOnlyList<float>? SequencesScores { get; init; }

    /// <summary>New tokens of each sequence, the one that ended it included, filling not.</summary>
    public required IReadOnlyList<int> NewTokens { get; init; }

    /// <summary>Bytes that went between the host and the place where the model computes.</summary>
    public long HostBytes { get; init; }

    /// <summary>Time that was spent in the model's graph.</summary>
    public TimeSpan RunTime { get; init; }

    /// <summary>Runs of the model.</summary>
    public int Steps { get; init; }
}
