using System.Collections.Immutable;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>What a layer keeps of each token.</summary>
/// <param name="Heads">K.</param>
/// <param name="KeySize">d of the keys.</param>
/// <param name="ValueSize">d of the values.</param>
internal sealed record KeyValueSizes(int Heads, int KeySize, int ValueSize);

/// <summary>Keys and values of the past, as inputs past_key_values.{i}.key and .value, and with the present appended as outputs present.{i}.key and .value.</summary>
internal sealed class KeyValueCache
{
    private readonly (Value Key, Value Value)?[] _past;
    private readonly (Value Key, Value Value)?[] _present;
    private readonly SortedSet<int> _packed = [];
    private int _shared;

    /// <param name="graph">The graph.</param>
    /// <param name="layers">What each layer keeps; null for layers that keep no keys and values.</param>
    internal KeyValueCache(Graph graph, ImmutableArray<KeyValueSizes?> layers)
    {
        _past = [.. layers.Select((l, i) => l is null ? ((Value, Value)?)null : (Past(graph, i, "key", l.Heads, l.KeySize), Past(graph, i, "value", l.Heads, l.ValueSize)))];
        _present = new (Value, Value)?[layers.Length];
    }

    /// <summary>Puts a layer's keys and values behind its past. [B, K, S, d] -> [B, K, T, d].</summary>
    internal (Value Key, Value Value) Append(int layer, Value key, Value value)
    {
        var (pastKey, pastValue) = Past(layer);
        var all = (Op.Concat(2, pastKey, key), Op.Concat(2, pastValue, value));
        _present[layer] = all;
        return all;
    }

    /// <summary>A layer's past. [B, K, past, d].</summary>
    internal (Value Key, Value Value) Past(int layer) => _past[layer] ?? throw new InvalidOperationException($"Layer {layer} keeps no keys and values.");

    /// <summary>Takes a layer's keys and values as an operator has put them behind, or into, its past. [B, K, T, d].</summary>
    /// <param name="layer">Its number.</param>
    /// <param name="key">Its keys.</param>
    /// <param name="value">Its values.</param>
    /// <param name="packed">Whether real tokens stand at the beginning of their row, see <see cref="PackedRows"/>.</param>
    internal void Keep(int layer, Value key, Value value, bool packed = false)
    {
        _present[layer] = (key, value);
        _shared++;
        if (packed) _packed.Add(layer);
    }

    /// <summary>Layers whose rows are packed.</summary>
    internal IReadOnlyCollection<int> Packed => _packed;

    /// <summary>Whether past and present of every layer may be one buffer, longer than the text.</summary>
    internal bool SharesBuffers => _shared > 0 && _shared == _past.Count(p => p is not null);

    /// <summary>The outputs of all layers.</summary>
    internal IEnumerable<(string Name, Value Value)> Outputs =>
        _present.SelectMany((p, i) => p is { } present ? new[] { ($"present.{i}.key", present.Key), ($"present.{i}.value", present.Value) } : []);

    private static Value Past(Graph graph, int layer, string part, int heads, int size) =>
        graph.Input($"past_key_values.{layer}.{part}", graph.Options.ComputeType, new Shape("batch_size", heads, "past_sequence_length", size));
}
