using System.Collections.Immutable;

namespace OnnxTransformers.Graphs.Heads;

/// <summary>One module of a sentence-transformers package after the network itself: an entry of modules.json.</summary>
public abstract record SentenceModule
{
    /// <summary>Pools token vectors; several modes are put side by side in the order of <see cref="PoolingMode"/>.</summary>
    public sealed record Pooling(ImmutableArray<PoolingMode> Modes, bool IncludePrompt) : SentenceModule;

    /// <summary>A linear layer with an activation over the pooled vector. Weights: <paramref name="Prefix"/>.linear.weight and .bias.</summary>
    public sealed record Dense(string Prefix, int Out, bool Bias, string Activation) : SentenceModule;

    /// <summary>Layer normalization of the pooled vector. Weights: <paramref name="Prefix"/>.norm.weight and .bias.</summary>
    public sealed record LayerNorm(string Prefix) : SentenceModule;

    /// <summary>Division by the Euclidean length.</summary>
    public sealed record Normalize : SentenceModule;

    /// <summary>SPLADE: log(1 + activation) of the vocabulary's logits, largest or sum over real tokens.</summary>
    public sealed record Splade(bool Sum, bool Log1pOfRelu) : SentenceModule;

    /// <summary>A module that does nothing when a network is used.</summary>
    internal sealed record Identity : SentenceModule;

    /// <summary>Where its tensors are found in the checkpoint's, as "2_Dense"; null where it has none.</summary>
    internal string? Place => this switch { Dense m => m.Prefix, LayerNorm m => m.Prefix, _ => null };
}
