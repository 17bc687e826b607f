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
}
