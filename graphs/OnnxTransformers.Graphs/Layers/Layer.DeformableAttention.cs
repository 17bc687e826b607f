using System.Collections.Immutable;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>The sizes of deformable attention (Zhu et al., 2021): every query looks at a few points of each map.</summary>
/// <param name="Heads">H.</param>
/// <param name="Points">Points that a head looks at in each map.</param>
internal sealed record DeformableAttention(int Heads, ImmutableArray<int> Points)
{
    /// <summary>Points in all maps together.</summary>
    internal int AllPoints => Points.Sum();

    /// <summary>What offsets are multiplied by where a reference is a box: the box's size reaches so far.</summary>
    internal double OffsetScale { get; init; } = 0.5;

    /// <summary>True where the cell that a point is in is taken as it is, false where values between cells are interpolated.</summary>
    internal bool Discrete { get; init; }

    /// <summary>Whether values and results have projections, value_proj and output_proj.</summary>
    internal bool HasProjections { get; init; } = true;
}

internal static partial class Layer
{
    /// <summary>Deformable attention: sampling_offsets, attention_weights, value_proj, output_proj. -> [B, Q, D].</summary>
    /// <param name="m">The module.</param>
    /// <param name="queries">Queries with their positions [B, Q, D].</param>
    /// <param name="memory">The cells of all maps, one map after the other [B, N, D].</param>
    /// <param name="real">Which cells are no padding: bool [B, N, 1]; null where all are.</param>
    /// <param name="sizes">The maps' sizes.</param>
    /// <param name="references">For each map the points [B, Q, 2] or boxes [B, Q, 4] that queries look around, as parts of the whole map: x, y, width, height. Places are float32 whatever the graph computes in.</param>
    /// <param name="a">Its sizes.</param>
    internal static Value AttendDeformable(Module m, Value queries, Value memory, Value? real, IReadOnlyList<GridSize> sizes, IReadOnlyList<Value> references, DeformableAttention a)
    {
        var width = LastSize(memory);
        var values = a.HasProjections ? Linear(m["value_proj"], memory, width) : memory;
        var offsets = Linear(m["sampling_offsets"], queries, a.Heads * a.AllPoints * 2);
        var weights = Linear(m["attention_weights"], queries, a.Heads * a.AllPoints);
        Value result;
        using (m.Enter())
        {
            var g = queries.Graph;
            if (real is not null) values = Op.Where(real, values, g.Scalar(0, values.Type));
            var count = Op.ShapeOf(queries, 1, 2);
            offsets = Op.Cast(Op.Reshape(offsets, [0, 0, a.Heads, a.AllPoints, 2]), ElementType.Float);                                                  // [B, Q, H, P, 2]
            weights = Op.Softmax(Op.Reshape(weights, [0, 0, a.Heads, a.AllPoints]), -1);                                     // [B, Q, H, P]
            var levels = SplitLevels(values, 1, sizes);
            var sampled = new Value[sizes.Count];
            for (int i = 0, first = 0; i < sampled.Length; first += a.Points[i++])
            {
                var places = Places(Op.Slice(offsets, 3, first, first + a.Points[i]), references[i], sizes[i], a.Points[i], a);
                sampled[i] = Sample(levels[i], places, sizes[i], count, a);                                                  // [B*H, d, Q, P]
            }
            var rows = sampled[0].Shape[0];
            var shares = Op.Reshape(Op.Transpose(weights, [0, 2, 1, 3]), Op.Concat(0, g.Constant(-1, 1), count, g.Constant(a.AllPoints)), new Shape(rows, 1, queries.Shape[1], a.AllPoints));
            var sums = Op.ReduceSum(Op.Concat(-1, sampled) * shares, -1, keep: false);                                       // [B*H, d, Q]
            result = Op.Transpose(Op.Reshape(sums, [-1, width, 0], remaining: queries.Shape[0]), [0, 2, 1]);
        }
        return a.HasProjections ? Linear(m["output_proj"], result, width) : result;
    }

    /// <summary>Where a map is looked at, as parts of it. Offsets [B, Q, H, P, 2] -> [B, Q, H, P, 2].</summary>
    private static Value Places(Value offsets, Value reference, GridSize size, int points, DeformableAttention a)
    {
        var around = Op.Unsqueeze(reference, 2, 3);                                                                          // [B, Q, 1, 1, 2 or 4]
        if (reference.Shape[-1] == 4) return Op.Slice(around, -1, 0, 2) + offsets * (a.OffsetScale / points) * Op.Slice(around, -1, 2, 4);
        var extent = Op.Cast(Op.Gather(size.Vector, offsets.Graph.Constant(1, 0)), offsets.Type);                            // width, height
        return around + offsets / extent;
    }

    /// <summary>Values of a map at places. [B, n, D] and [B, Q, H, P, 2] -> [B*H, d, Q, P].</summary>
    private static Value Sample(Value level, Value places, GridSize size, Value count, DeformableAttention a)
    {
        var g = level.Graph;
        var (width, points, queries) = (LastSize(level) / a.Heads, places.Shape[3], places.Shape[1]);
        Dim rows = level.Shape[0] * a.Heads;
        var grid = Op.Reshape(Op.Transpose(places, [0, 2, 1, 3, 4]), Op.Concat(0, g.Constant(-1), count, g.Constant(points.Size!.Value, 2)), new Shape(rows, queries, points, 2));
        var turned = Op.Transpose(level, [0, 2, 1]);                                                                         // [B, D, n]
        if (a.Discrete)
        {
            var extent = Op.Gather(size.Vector, g.Constant(1, 0));
            var cells = Op.Min(Op.Max(Op.Cast(grid * Op.Cast(extent, grid.Type) + 0.5, ElementType.Int64), g.Scalar(0, ElementType.Int64)), extent - g.Constant(1, 1));
            var number = Op.Select(cells, 3, 1) * Op.Slice(extent, 0, 0, 1) + Op.Select(cells, 3, 0);                        // [B*H, Q, P]
            Dim all = queries * points;
            var at = Op.Reshape(number, Op.Concat(0, g.Constant(-1, 1), count * g.Scalar(points.Size.Value, ElementType.Int64)), new Shape(rows, 1, all));
            at = Op.Expand(at, g.Constant(1, width, 1), new Shape(rows, width, all));
            var found = Op.GatherElements(Op.Reshape(turned, [-1, width, 0], remaining: rows), at, 2);
            return Op.Reshape(found, Op.Concat(0, g.Constant(0, 0), count, g.Constant(points.Size.Value)), new Shape(rows, width, queries, points));
        }
        var map = Op.Reshape(turned, Op.Concat(0, g.Constant(-1, width), size.Vector), new Shape(rows, width, size.Height, size.Width));
        return Op.Cast(Op.GridSample(Op.Cast(map, ElementType.Float), grid * 2 - 1, Interpolation.Linear, Outside.Zeros), level.Type);  // ONNX Runtime has it in float32 only
    }
}
