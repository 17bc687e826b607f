using System.Collections.Immutable;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>Rows of different lengths without what pads them. In the cache the real tokens of each row stand at its beginning, one behind the other, whatever padding the mask has between them. New tokens are brought into that order
/// before attention, real ones first, and back after it; where padded ones stand behind them, the next tokens are written over these.</summary>
/// <remarks>Real tokens then see real tokens only by being later than they are, so attention needs no mask.</remarks>
internal sealed class PackedRows(CausalInputs x)
{
    private ImmutableArray<Value>? _order;

    private Graph Graph => x.Mask.Graph;

    /// <summary>Place of each row's last new token in the cache, int32 [B].</summary>
    internal Value LastPlaces => x.Shared("last places of rows", () => Op.Cast(Before + (x.Length - One), ElementType.Int32));

    /// <summary>Places of the new tokens in the cache, in the order of the inputs: int64 [B, S].</summary>
    internal Value Places => Order[2];

    private Value One => Graph.Scalar(1, ElementType.Int64);

    /// <summary>Real tokens of the past, int64 [B]: of all without those that are new, since CUDA adds up nothing to nothing.</summary>
    private Value Before => x.Shared("real tokens before", () => Op.ReduceSum(x.Mask, 1, keep: false) - Op.ReduceSum(New, 1, keep: false));

    /// <summary>The mask of the new tokens, [B, S].</summary>
    private Value New => x.Shared("new of the mask", () => Op.Slice(x.Mask, 1, x.Before, Graph.Constant(long.MaxValue), x.InputIds.Shape[1]));

    /// <summary>Among the rows of all B * S tokens, those that the packed order and those that the order of the inputs takes, one after the other; and the places in the cache. All int64 [B, S].</summary>
    private ImmutableArray<Value> Order => _order ??= MakeOrder();

    /// <summary>From the order of the inputs to the packed one. [B, S, D] -> [B, S, D].</summary>
    internal Value Pack(Value rows) => Take(rows, Order[0]);

    /// <summary>Back again. [B, S, D] -> [B, S, D].</summary>
    internal Value Unpack(Value rows) => Take(rows, Order[1]);

    private static Value Take(Value rows, Value order) => Op.Gather(Op.Reshape(rows, [-1, rows.Shape[-1].Size!.Value]), order);

    /// <summary>A single token needs no order, so a step does not compute one.</summary>
    private ImmutableArray<Value> MakeOrder()
    {
        using var outside = Graph.OutsideBranches();
        using var scope = Graph.Enter("packed_rows");
        var (several, ids, before) = (x.ReadsSeveral, x.InputIds, Before);
        return Graph.If(several, () =>
        {
            var shape = Op.ShapeOf(ids, 0, 2);
            var real = New;                                                                                     // [B, S]
            var count = Op.CumSum(real, 1);
            var spots = Counted(x.Length, ids.Shape[1]);                                                        // [S]
            var padding = Op.ReduceSum(real, 1, keep: true) + spots - count;
            var targets = Op.Where(Op.Cast(real, ElementType.Bool), count - One, padding);                      // [B, S]
            var sources = Op.ScatterElements(targets, targets, Op.Expand(spots, shape, ids.Shape), 1);
            var firsts = Op.Unsqueeze(Counted(Op.ShapeOf(ids, 0, 1), ids.Shape[0]), 1) * x.Length;              // [B, 1]
            return new[] { sources + firsts, targets + firsts, targets + Op.Unsqueeze(before, 1) };
        }, () => new[] { Op.Identity(ids), Op.Identity(ids), Op.Identity(ids) });
    }

    /// <summary>0, 1, 2 ... to a count, a vector of one.</summary>
    private Value Counted(Value count, Dim length) => Op.Range(Graph.Scalar(0, ElementType.Int64), Op.Squeeze(count, 0), length);
}
