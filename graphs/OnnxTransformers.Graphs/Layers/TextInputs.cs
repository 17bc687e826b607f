using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>The inputs of a text encoder and what is derived from them once for the whole graph.</summary>
internal sealed class TextInputs
{
    private readonly Graph _graph;
    private Value? _lengthVector;
    private Value? _distances;
    private Value? _causal;

    private TextInputs(Graph graph, Value declared, Value ids, Value mask, Value? types) =>
        (_graph, Declared, InputIds, Mask, TokenTypeIds) = (graph, declared, ids, new AttentionMask(mask), types);

    /// <summary>input_ids as the graph declares it, before choices became rows.</summary>
    internal Value Declared { get; }

    /// <summary>int64 [B, S].</summary>
    internal Value InputIds { get; }

    /// <summary>int64 [B, S]; null for networks that have one type only.</summary>
    internal Value? TokenTypeIds { get; }

    /// <summary>Which positions are real.</summary>
    internal AttentionMask Mask { get; }

    /// <summary>Name of the dimension S.</summary>
    internal Dim Length => InputIds.Shape[1];

    /// <summary>S as a vector of one int64.</summary>
    internal Value LengthVector
    {
        get
        {
            if (_lengthVector is not null) return _lengthVector;
            using var scope = _graph.Enter("sequence_length");
            return _lengthVector = Op.ShapeOf(InputIds, 1, 2);
        }
    }

    /// <summary>Position of the query less that of the key, int64 [S, S].</summary>
    internal Value Distances
    {
        get
        {
            if (_distances is not null) return _distances;
            using var scope = _graph.Enter("distances");
            var positions = Op.Range(_graph.Scalar(0, ElementType.Int64), Op.Squeeze(LengthVector, 0), Length);
            return _distances = Op.Unsqueeze(positions, 1) - Op.Unsqueeze(positions, 0);
        }
    }

    /// <summary>[1, 1, S, S]: 0 where a key is not later than the query, a very low number elsewhere. For texts that are padded on the right.</summary>
    internal Value Causal
    {
        get
        {
            if (_causal is not null) return _causal;
            var (g, type, distances) = (_graph, _graph.Options.ComputeType, Distances);
            using var scope = g.Enter("causal_mask");
            var seen = Op.GreaterOrEqual(distances, g.Scalar(0, ElementType.Int64));
            // Half of the lowest number, so that the mask of keys may be added to it.
            return _causal = Op.Unsqueeze(Op.Where(seen, g.Scalar(0, type), g.Scalar(Scalars.Lowest(type) / 2, type)), 0, 1);
        }
    }

    /// <summary>Declares input_ids, attention_mask and, where asked for, token_type_ids: int64 [batch_size, sequence_length].</summary>
    internal static TextInputs Declare(Graph graph, bool tokenTypes) => Declare(graph, tokenTypes, new Shape(graph.TextRows, "sequence_length"), x => x);

    /// <summary>The same with a dimension of choices, [batch_size, num_choices, sequence_length]: each choice is a row of its own for the network.</summary>
    internal static TextInputs DeclareChoices(Graph graph, bool tokenTypes) =>
        Declare(graph, tokenTypes, new Shape("batch_size", "num_choices", "sequence_length"), Rows);

    /// <summary>[B, C, S] -> [B * C, S].</summary>
    private static Value Rows(Value x)
    {
        var length = Op.ShapeOf(x, 2, 3);
        return Op.Reshape(x, Op.Concat(0, x.Graph.Constant(-1), length), new Shape(x.Shape[0] * x.Shape[1], x.Shape[2]));
    }

    private static TextInputs Declare(Graph graph, bool tokenTypes, Shape shape, Func<Value, Value> rows)
    {
        var ids = graph.Input("input_ids", ElementType.Int64, shape);
        var mask = graph.Input("attention_mask", ElementType.Int64, shape);
        var types = tokenTypes ? graph.Input("token_type_ids", ElementType.Int64, shape) : null;
        return new TextInputs(graph, ids, rows(ids), rows(mask), types is null ? null : rows(types));
    }
}

/// <summary>Which keys are real, in the forms that attention wants, each made once.</summary>
/// <param name="mask">int64 [B, T], 1 where real.</param>
internal sealed class AttentionMask(Value mask)
{
    private Value? _additive;
    private Value? _keyPadding;

    /// <summary>[B, 1, 1, T]: 0 where real, the lowest finite number elsewhere.</summary>
    internal Value Additive
    {
        get
        {
            if (_additive is not null) return _additive;
            var g = mask.Graph;
            var type = g.Options.ComputeType;
            using var scope = g.Enter("attention_mask");
            var real = Op.Cast(Op.Unsqueeze(mask, 1, 2), ElementType.Bool);
            return _additive = Op.Where(real, g.Scalar(0, type), g.Scalar(Scalars.Lowest(type), type));
        }
    }

    /// <summary>int32 [B, T], as MultiHeadAttention takes it.</summary>
    internal Value KeyPadding
    {
        get
        {
            if (_keyPadding is not null) return _keyPadding;
            using var scope = mask.Graph.Enter("attention_mask");
            return _keyPadding = Op.Cast(mask, ElementType.Int32);
        }
    }
}
