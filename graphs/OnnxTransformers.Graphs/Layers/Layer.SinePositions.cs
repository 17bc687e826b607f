using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>Positions of cells as sines and cosines of their place among the real cells (Parmar et al., 2018; Carion et al., 2020).</summary>
/// <param name="Width">Numbers for each axis.</param>
/// <param name="RowTemperature">The longest wave of rows, as a multiple of the shortest.</param>
/// <param name="ColumnTemperature">That of columns.</param>
internal sealed record SinePositions(int Width, double RowTemperature = 10000, double ColumnTemperature = 10000)
{
    /// <summary>Whether a cell is where its middle is, not its end.</summary>
    internal bool Centred { get; init; }

    /// <summary>Whether places are parts of the real size, times two pi; otherwise numbers of cells.</summary>
    internal bool Normalized { get; init; } = true;
}

internal static partial class Layer
{
    /// <summary>Positions of a map's cells, rows before columns. Real cells bool [B, h, w] -> [B, h*w, 2 * width].</summary>
    internal static Value Positions(Value real, SinePositions p)
    {
        var g = real.Graph;
        using var scope = g.Enter("positions");
        var counted = Op.Cast(real, ElementType.Float);
        Value Axis(int axis, double temperature)
        {
            var at = Op.CumSum(counted, axis);
            if (p.Normalized) at = (p.Centred ? at - 0.5 : at) / (Op.Slice(at, axis, g.Constant(-1), g.Constant(int.MaxValue), 1) + 1e-6) * (2 * Math.PI);
            return Waves(Op.Unsqueeze(at, 3), p.Width, temperature);
        }
        var both = Op.Concat(3, Axis(1, p.RowTemperature), Axis(2, p.ColumnTemperature));
        return Op.Cast(Op.Reshape(both, [0, -1, 2 * p.Width], real.Shape[1] * real.Shape[2]), g.Options.ComputeType);
    }

    /// <summary>Sine and cosine in turn, of waves from short to long. Places float32 [..., 1] -> [..., width].</summary>
    internal static Value Waves(Value places, int width, double temperature)
    {
        var half = width / 2;
        var rank = places.Shape.Rank;
        var angles = places / Numbers(places.Graph, ElementType.Float, [half], Enumerable.Range(0, half).Select(i => Math.Pow(temperature, 2.0 * i / width)));
        var pairs = Op.Concat(rank, Op.Unsqueeze(Op.Sin(angles), rank), Op.Unsqueeze(Op.Cos(angles), rank));                // [..., width / 2, 2]
        return Op.Reshape(pairs, [.. Enumerable.Repeat(0L, rank - 1), width]);
    }

    /// <summary>Learned positions of rows and columns side by side: column_embeddings, row_embeddings. -> [h*w, 2 * width].</summary>
    internal static Value LearnedPositions(Module m, GridSize size, int rows, int columns, int width)
    {
        var (row, column) = Cells(size);
        var (across, down) = (Embedding(m["column_embeddings"], column, columns, width), Embedding(m["row_embeddings"], row, rows, width));
        using var scope = m.Enter();
        return Op.Concat(1, across, down);
    }
}
