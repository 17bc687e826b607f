using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

internal static partial class Layer
{
    /// <summary>The tokens of patches, which come behind special ones. [B, special + h*w, D] -> [B, h*w, D].</summary>
    internal static Value TokensAfter(Value h, int special, GridSize size)
    {
        if (special == 0) return h;
        var rest = Op.Slice(h, 1, special, int.MaxValue);
        return Op.Known(rest, h.Shape.With(1, size.Cells));
    }

    /// <summary>The mean of a map. [B, C, h, w] -> [B, C].</summary>
    internal static Value PooledMap(Value map) => Op.Reshape(Op.GlobalAveragePool(map), [0, map.Shape[1].Size!.Value]);

    /// <summary>The means of as many cells, even where they don't divide the map evenly: each is of the rows and columns that it touches. [B, C, h, w] -> [B, C, rows, columns].</summary>
    internal static Value AdaptivePool(Value x, int rows, int columns)
    {
        var g = x.Graph;
        using var scope = g.Enter($"{g.Scope}.adaptive_pool");
        Value Shares(int axis, int cells)                                                                // [cells, size]
        {
            var size = Op.ShapeOf(x, axis, axis + 1);
            var at = g.Integers([cells, 1], [.. Enumerable.Range(0, cells).Select(i => (long)i)]);
            Value from = at * size / cells, to = ((at + 1) * size + (cells - 1)) / cells;
            var place = Op.Unsqueeze(Op.Range(g.Scalar(0, ElementType.Int64), Op.Squeeze(size, 0), x.Shape[axis]), 0);
            var inside = Op.Cast(Op.And(Op.GreaterOrEqual(place, from), Op.Less(place, to)), ElementType.Float);
            return Op.Cast(inside / Op.Cast(to - from, ElementType.Float), x.Type);
        }
        return Op.MatMul(Op.MatMul(Shares(2, rows), x), Op.Transpose(Shares(3, columns), [1, 0]));
    }
}
