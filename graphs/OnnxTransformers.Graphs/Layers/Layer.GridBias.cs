using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

internal static partial class Layer
{
    /// <summary>A learned number for each head and distance of two cells of the whole map, and for the class token, as a bias of attention: another grid's come by interpolation. -> [1, H, 1 + N, 1 + N].</summary>
    /// <param name="m">The module of relative_position_bias_table: distances in reading order, then class to cell, cell to class, class to class.</param>
    /// <param name="heads">H.</param>
    /// <param name="rows">Rows of the trained grid.</param>
    /// <param name="columns">Columns of the trained grid.</param>
    /// <param name="size">The grid of the image.</param>
    internal static Value GridBias(Module m, int heads, int rows, int columns, GridSize size)
    {
        using var scope = m.Enter();
        var g = m.Graph;
        int high = 2 * rows - 1, wide = 2 * columns - 1;
        var table = m.Weight("relative_position_bias_table", high * wide + 3, heads);
        // The reference takes the table for one of `wide` rows and `high` columns; with square images both are one.
        var old = Op.Transpose(Op.Reshape(Op.Cast(table.Slice(0, 0, high * wide), ElementType.Float), [1, wide, high, heads]), [0, 3, 1, 2]);
        var spans = size.Vector * 2 - 1;
        Dim distances = $"distances of {size.Cells}";
        var resized = Op.Resize(old, spans, $"2 * {size.Height} - 1", $"2 * {size.Width} - 1", Interpolation.Linear);
        var numbers = Op.Concat(0, Op.Cast(Op.Reshape(Op.Transpose(resized, [0, 2, 3, 1]), [-1, heads], distances), g.Options.ComputeType), table.Slice(0, high * wide, 3));
        Value one = g.Scalar(1, ElementType.Int64), height = Op.Squeeze(Op.Slice(size.Vector, 0, 0, 1), 0), width = Op.Squeeze(Op.Slice(size.Vector, 0, 1, 2), 0), zero = g.Scalar(0, ElementType.Int64);
        Value Apart(Value a) => Op.Unsqueeze(a, 1) - Op.Unsqueeze(a, 0);                                 // [N, N]
        Value Cells(Value row, Value column) => Op.Reshape(row * width + column, [-1], size.Cells);
        Value row = Op.Unsqueeze(Op.Range(zero, height, size.Height), 1), column = Op.Unsqueeze(Op.Range(zero, width, size.Width), 0);
        var cells = Cells(row, column);
        Value rowOf = cells / width, columnOf = cells - rowOf * width;
        var index = (Apart(rowOf) + height - one) * (width * 2 - 1) + Apart(columnOf) + width - one;     // [N, N]
        var count = (height * 2 - 1) * (width * 2 - 1);
        var (toCell, toClass, within) = (cells * 0 + count, cells * 0 + count + 1, Op.Unsqueeze(count + 2, 0));
        var below = Op.Concat(1, Op.Unsqueeze(toClass, 1), index);                                       // [N, 1 + N]
        var above = Op.Unsqueeze(Op.Concat(0, within, toCell), 0);                                       // [1, 1 + N]
        var bias = Op.Gather(numbers, Op.Concat(0, above, below));                                       // [1 + N, 1 + N, H]
        return m.Result(Op.Unsqueeze(Op.Transpose(bias, [2, 0, 1]), 0));
    }
}
