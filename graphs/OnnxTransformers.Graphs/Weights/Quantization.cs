using System.Collections.Immutable;

namespace OnnxTransformers.Graphs.Weights;

/// <summary>What the integer precisions do with the weights. Matrices of linear layers and of experts are quantized wherever their rows are whole blocks of 32 numbers; norms, biases, positions and the routers of experts never are.</summary>
public sealed record Quantization
{
    /// <summary>True where each block has a zero point of its own: closer to the weights where their signs are uneven, for half a byte (int4) or a byte (int8) a block.</summary>
    public bool ZeroPoints { get; init; }

    /// <summary>True where the matrix in front of the outputs is quantized as well: the table of the vocabulary, a classifier's labels.</summary>
    public bool Head { get; init; }

    /// <summary>True where the table of word embeddings is. A table that is both, embeddings and head, is quantized for each use that is asked for, and stored once for those (twice in portable graphs).</summary>
    public bool Embeddings { get; init; }
}

/// <summary>A matrix that stays as it is in a quantized graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Reason">Why.</param>
public sealed record KeptWeight(string Name, string Reason);

/// <summary>What a graph's quantization came to.</summary>
public sealed class QuantizationLog
{
    private readonly SortedSet<string> _quantized = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> _kept = new(StringComparer.Ordinal);

    /// <summary>Names of the matrices that are stored as integers.</summary>
    public ImmutableArray<string> Quantized => [.. _quantized];

    /// <summary>Matrices that could be, and stay floats for some use or all.</summary>
    public ImmutableArray<KeptWeight> Kept => [.. _kept.Select(k => new KeptWeight(k.Key, k.Value))];

    /// <summary>True where tokens are sent to experts: a little rounding then may send one elsewhere.</summary>
    public bool HasRouters { get; internal set; }

    internal void Quantize(string name) => _quantized.Add(name);

    internal void Keep(string name, string reason) => _kept[name] = _kept.TryGetValue(name, out var known) && known != reason ? $"{known}; {reason}" : reason;
}
