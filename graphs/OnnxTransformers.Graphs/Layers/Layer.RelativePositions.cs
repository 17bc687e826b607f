using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

internal static partial class Layer
{
    /// <summary>The number of a distance in T5's scheme: exact ones for short distances, logarithmic ones up to a largest (Raffel et al., 2020). -> int64 [S, S], row query, column key.</summary>
    internal static Value RelativeBuckets(TextInputs x, int buckets, int largestDistance)
    {
        var g = x.InputIds.Graph;
        Value Whole(long n) => g.Scalar(n, ElementType.Int64);
        var distance = x.Distances;
        var half = buckets / 2;
        var exact = half / 2;
        var after = Op.Where(Op.Less(distance, Whole(0)), Whole(half), Whole(0));
        var size = Op.Abs(distance);
        // A logarithm of 0 would be infinite; distances below `exact` don't take this branch.
        var wide = Op.Cast(Op.Max(size, Whole(1)), ElementType.Float);
        var logarithmic = Op.Log(wide / exact) / (float)Math.Log((double)largestDistance / exact) * (half - exact);
        var far = Op.Min(Op.Cast(logarithmic, ElementType.Int64) + Whole(exact), Whole(half - 1));
        return after + Op.Where(Op.Less(size, Whole(exact)), size, far);
    }

    /// <summary>A learned number for each head and bucket, as a bias of attention. -> [1, H, S, S].</summary>
    internal static Value RelativeBias(Module m, TextInputs x, int heads, int rows, int buckets, int largestDistance)
    {
        using var scope = m.Enter();
        var bias = Embedding(m, RelativeBuckets(x, buckets, largestDistance), rows, heads);    // [S, S, H]
        return Op.Unsqueeze(Op.Transpose(bias, [2, 0, 1]), 0);
    }

    /// <summary>Scores of queries (and keys) with learned vectors of distances (Shaw et al., 2018; Huang et al., 2020), scaled as scores are. q, k: [B, S, H*d] -> [B, H, S, S].</summary>
    internal static Value RelativeKeyBias(Module m, TextInputs x, Value q, Value k, int heads, int maxPositions, bool withKeys)
    {
        using var scope = m.Enter();
        var g = q.Graph;
        var d = HeadSize(q, heads);
        g.LimitTokens(maxPositions);
        var vectors = Embedding(m, x.Distances + g.Scalar(maxPositions - 1, ElementType.Int64), 2L * maxPositions - 1, d);  // [S, T, d]
        var query = Op.Unsqueeze(SplitHeads(q, heads), 3);                                                                  // [B, H, S, 1, d]
        var scores = Op.Squeeze(Op.MatMul(query, Op.Transpose(vectors, [0, 2, 1])), 3);                                     // [B, H, S, T]
        if (withKeys)
        {
            var key = Op.Unsqueeze(SplitHeads(k, heads), 4);                                                                // [B, H, T, d, 1]
            scores += Op.Transpose(Op.Squeeze(Op.MatMul(Op.Transpose(vectors, [1, 0, 2]), key), 4), [0, 1, 3, 2]);
        }
        return scores * (1 / Math.Sqrt(d));
    }

    /// <summary>Rows of a table of positions that count real tokens: the first that a token uses comes after the padding's own. -> [B, S, width].</summary>
    internal static Value CountedPositionEmbedding(Module m, TextInputs x, int padding, int rows, long width)
    {
        m.Graph.LimitTokens(rows - padding - 1);
        return Embedding(m, PositionsFromIds(x, padding), rows, width);
    }

    /// <summary>Positions that count real tokens, as fairseq does: the running number of ids that are not padding, after the padding's own index; padding gets that index. -> int64 [B, S].</summary>
    internal static Value PositionsFromIds(TextInputs x, int padding)
    {
        var g = x.InputIds.Graph;
        using var scope = g.Enter("position_ids");
        var real = Op.Cast(Op.Not(Op.Equal(x.InputIds, g.Scalar(padding, ElementType.Int64))), ElementType.Int64);
        return Op.CumSum(real, 1) * real + g.Scalar(padding, ElementType.Int64);
    }
}
