using System.Collections.Immutable;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>Whether a causal network is told the positions of its tokens.</summary>
internal enum PositionInput
{
    /// <summary>Never: it has none, or counts them from the mask.</summary>
    None,
    /// <summary>Where there is a past. Without one, only distances count, and places in the sequence serve as well.</summary>
    Relative,
    /// <summary>Always: each position has a vector of its own.</summary>
    Absolute,
}

/// <summary>The inputs of a causal language model and what is derived from them once for the whole graph. One graph serves prompt and step: the past may be empty.</summary>
internal sealed class CausalInputs
{
    private readonly Graph _graph;
    private readonly Dictionary<(int, bool), Value> _masks = [];
    private readonly Dictionary<Rotary, (Value Cos, Value Sin)> _angles = [];
    private readonly Dictionary<Rotary, (Value Places, Value Cos, Value Sin)> _tables = [];
    private readonly Dictionary<string, Value> _shapes = new(StringComparer.Ordinal);
    private readonly List<(string Name, Value Value)> _states = [];
    private readonly Value? _declaredPositions;
    private Value? _keys;
    private PackedRows? _packed;
    private Value? _queries;

    private CausalInputs(Graph graph, Value ids, Value mask, Value? positions, KeyValueCache? cache) => (_graph, InputIds, Mask, _declaredPositions, Cache) = (graph, ids, mask, positions, cache);

    /// <summary>int64 [B, S].</summary>
    internal Value InputIds { get; }

    /// <summary>int64 [B, T], 1 where real: the past and the present.</summary>
    internal Value Mask { get; }

    /// <summary>Keys and values of the past; null for tasks that read a text once.</summary>
    internal KeyValueCache? Cache { get; }

    /// <summary>int64 [B, S], or the places [1, S] where no positions are given.</summary>
    internal Value PositionIds => _declaredPositions ?? Op.Unsqueeze(Queries, 0);

    /// <summary>S as a vector of one int64.</summary>
    internal Value Length => Shared("length", () => Op.ShapeOf(InputIds, 1, 2));

    /// <summary>T as a vector of one int64.</summary>
    internal Value Total => Shared("total", () => Op.ShapeOf(Mask, 1, 2));

    /// <summary>Declares input_ids, attention_mask, position_ids where they count, and past_key_values where there is a cache.</summary>
    internal static CausalInputs Declare(Graph graph, PositionInput positions, ImmutableArray<KeyValueSizes?>? cache)
    {
        var ids = graph.Input("input_ids", ElementType.Int64, new Shape("batch_size", "sequence_length"));
        Dim total = cache is null ? "sequence_length" : (Dim)"past_sequence_length" + "sequence_length";
        var mask = graph.Input("attention_mask", ElementType.Int64, new Shape("batch_size", total));
        var declared = positions == PositionInput.Absolute || (positions == PositionInput.Relative && cache is not null);
        var at = declared ? graph.Input("position_ids", ElementType.Int64, new Shape("batch_size", "sequence_length")) : null;
        return new CausalInputs(graph, ids, mask, at, cache is { } sizes ? new KeyValueCache(graph, sizes) : null);
    }

    /// <summary>Which of the new tokens are real: [B, S, 1], 1 where real and 0 elsewhere.</summary>
    internal Value Present => Shared("present", () =>
    {
        var mask = Cache is null ? Mask : Op.Slice(Mask, 1, Before, _graph.Constant(long.MaxValue), InputIds.Shape[1]);
        return Op.Unsqueeze(Op.Cast(mask, _graph.Options.ComputeType), 2);
    });

    /// <summary>What a layer keeps beside keys and values, of one size whatever the length: what the step before left, zeros at the beginning. [B, ...].</summary>
    /// <param name="kind">What it is, as "conv": past_conv.{i} and present_conv.{i} are its input and output.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="part">Which of several that the layer keeps; null for the only one.</param>
    /// <param name="type">Its type: float32 for sums over a whole text.</param>
    /// <param name="sizes">Dimensions behind the first.</param>
    internal Value State(string kind, int layer, string? part, ElementType type, params ReadOnlySpan<long> sizes)
    {
        var rows = InputIds.Shape[0];
        Dim[] dims = [rows, .. sizes.ToArray().Select(s => (Dim)s)];
        if (Cache is not null) return _graph.Input($"past_{StateName(kind, layer, part)}", type, new Shape(dims));
        return Op.Zeros(Op.Concat(0, Op.ShapeOf(InputIds, 0, 1), _graph.Constant(sizes)), type, new Shape(dims));
    }

    /// <summary>Keeps a state for the next step.</summary>
    internal void Keep(string kind, int layer, string? part, Value state)
    {
        if (Cache is not null) _states.Add(($"present_{StateName(kind, layer, part)}", state));
    }

    private static string StateName(string kind, int layer, string? part) => part is null ? $"{kind}.{layer}" : $"{kind}.{layer}.{part}";

    /// <summary>What the next step gets back: keys and values, and other states.</summary>
    internal IEnumerable<(string Name, Value Value)> Outputs => [.. Cache?.Outputs ?? [], .. _states];

    /// <summary>Whether past and present may be one buffer: not where there are other states, which are read while they are written.</summary>
    internal bool SharesBuffers => Cache is { SharesBuffers: true } && _states.Count == 0;

    /// <summary>[B, 1, S, T]: 0 where a query sees a key, a very low number elsewhere. A key is seen when it is real, not later than the query and, with a window, less than so many places before it.</summary>
    /// <param name="window">How many keys are seen at most, the query's own among them; 0 for all.</param>
    /// <param name="bothWays">Whether later keys are seen as well; a window then goes both ways.</param>
    internal Value AdditiveMask(int window, bool bothWays = false)
    {
        if (_masks.TryGetValue((window, bothWays), out var known)) return known;
        using var outside = _graph.OutsideBranches();
        using var scope = _graph.Enter("attention_mask");
        var seen = Op.Cast(Op.Unsqueeze(Mask, 1, 2), ElementType.Bool);                                         // [B, 1, 1, T]
        if (!bothWays) seen = Op.And(seen, Places(Op.LessOrEqual(Keys, Queries2)));
        if (window > 0) seen = Op.And(seen, Places(Op.Greater(Keys, Queries2 - _graph.Scalar(window, ElementType.Int64))));
        if (window > 0 && bothWays) seen = Op.And(seen, Places(Op.Less(Keys, Queries2 + _graph.Scalar(window, ElementType.Int64))));
        return _masks[(window, bothWays)] = Added(seen);
    }

    /// <summary>What is added to scores: 0 where a key is seen, a very low number elsewhere. Half of the lowest number, so that scores may be added to it without becoming infinite.</summary>
    internal Value Added(Value seen) => Op.Where(seen, _graph.Scalar(0, _graph.Options.ComputeType), _graph.Scalar(Scalars.Lowest(_graph.Options.ComputeType) / 2, _graph.Options.ComputeType));

    /// <summary>Cosines and sines of a rotary scheme at the positions: [B, 1, S, d/2].</summary>
    internal (Value Cos, Value Sin) Angles(Rotary rotary)
    {
        if (_angles.TryGetValue(rotary, out var known)) return known;
        using var scope = _graph.Enter("rotary_emb");
        return _angles[rotary] = rotary.Angles(PositionIds);
    }

    /// <summary>The same as tables [rows, d/2], and the row of each token [B, S].</summary>
    internal (Value Places, Value Cos, Value Sin) AngleTables(Rotary rotary)
    {
        if (_tables.TryGetValue(rotary, out var known)) return known;
        var (cos, sin) = Angles(rotary);
        using var scope = _graph.Enter("rotary_emb");
        Value Table(Value v) => Op.Reshape(v, [-1, v.Shape[3].Size!.Value]);
        return _tables[rotary] = (Rows, Table(cos), Table(sin));
    }

    /// <summary>Rows of the tables of angles, int64 [B, S]: one for each token where positions are given, else one for each place.</summary>
    private Value Rows => Shared("rows of angles", () =>
    {
        var shape = Op.ShapeOf(InputIds, 0, 2);
        if (_declaredPositions is null) return Op.Expand(PositionIds, shape, InputIds.Shape);
        var count = Op.Squeeze(Op.ReduceProd(shape, 0, keep: true), 0);
        return Op.Reshape(Op.Range(_graph.Scalar(0, ElementType.Int64), count, InputIds.Shape[0] * InputIds.Shape[1]), shape, InputIds.Shape);
    });

    /// <summary>Something that several layers need, computed by the first one that asks.</summary>
    internal Value Shared(string name, Func<Value> make)
    {
        if (_shapes.TryGetValue(name, out var known)) return known;
        using var outside = _graph.OutsideBranches();
        using var scope = _graph.Enter("shared");
        return _shapes[name] = make();
    }

    /// <summary>T as one int32.</summary>
    internal Value TotalNumber => Shared("total number", () => Op.Cast(Total, ElementType.Int32));

    /// <summary>Place of each row's last token, int32 [B].</summary>
    internal Value LastPlaces => Shared("last places", () => Op.Expand(Op.Cast(Total - _graph.Scalar(1, ElementType.Int64), ElementType.Int32), Op.ShapeOf(InputIds, 0, 1), new Shape(InputIds.Shape[0])));

    /// <summary>T - S as a vector of one int64.</summary>
    internal Value Before => Shared("before", () => Total - Length);

    /// <summary>Whether there are several new tokens of several rows behind a past.</summary>
    internal Value ContinuesSeveral => Shared("continues several", () =>
    {
        var one = _graph.Scalar(1, ElementType.Int64);
        var several = Op.And(Op.Greater(Op.ShapeOf(InputIds, 0, 1), one), Op.Greater(Length, one));
        return Op.Squeeze(Op.And(several, Op.Greater(Before, _graph.Scalar(0, ElementType.Int64))), 0);
    });

    /// <summary>Whether there are several new tokens.</summary>
    internal Value ReadsSeveral => Shared("reads several", () => Op.Squeeze(Op.Greater(Length, _graph.Scalar(1, ElementType.Int64)), 0));

    /// <summary>The rows without the padding between their tokens.</summary>
    internal PackedRows Packed => _packed ??= new PackedRows(this);

    /// <summary>Places of the keys, int64 [1, T].</summary>
    private Value Keys => _keys ??= Op.Unsqueeze(Op.Range(_graph.Scalar(0, ElementType.Int64), Op.Squeeze(Total, 0), Mask.Shape[1]), 0);

    /// <summary>Places of the queries, int64 [S]: the last S of T.</summary>
    private Value Queries => _queries ??= MakeQueries();

    private Value Queries2 => Shared("queries", () => Op.Unsqueeze(Queries, 1));

    private Value MakeQueries()
    {
        var total = Op.Squeeze(Total, 0);
        return Op.Range(Cache is null ? _graph.Scalar(0, ElementType.Int64) : total - Op.Squeeze(Length, 0), total, InputIds.Shape[1]);
    }

    /// <summary>[S, T] -> [1, 1, S, T].</summary>
    private static Value Places(Value x) => Op.Unsqueeze(x, 0, 1);
}
