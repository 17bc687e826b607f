using System.Collections.Immutable;

namespace OnnxTransformers.Converters.Verification;

/// <summary>An input or output with its numbers. Dimensions keep their names, so that rows and positions can be told.</summary>
/// <param name="Spec">How the graph declares it.</param>
/// <param name="Shape">Its dimensions.</param>
/// <param name="Values">Its elements, row-major.</param>
internal sealed record Tensor(TensorSpec Spec, ImmutableArray<long> Shape, double[] Values)
{
    internal const string Batch = "batch_size";
    internal const string Texts = "text_batch_size";
    internal const string Images = "image_batch_size";
    internal const string Sequence = "sequence_length";
    internal const string Height = "height";
    internal const string Width = "width";
    internal const string Patches = "num_patches";
    internal const string Past = "past_sequence_length";
    internal const string Logits = "num_logits";
    internal const string Total = Past + " + " + Sequence;

    /// <summary>True for dimensions that positions lie along: those of the sequence, with an empty past those of the whole, and where none are left out those of the logits.</summary>
    internal static bool IsSequence(Dimension dimension) => dimension.Symbol is Sequence or Total or Logits;

    /// <summary>True for dimensions that rows lie along: where texts meet images, both.</summary>
    internal static bool IsRows(Dimension dimension) => dimension.Symbol is Batch or Texts or Images;

    /// <summary>One row.</summary>
    internal Tensor Row(int row) => Slice(IsRows, row, 1);

    /// <summary>The positions from <paramref name="start"/> on.</summary>
    internal Tensor Positions(int start, int length) => Slice(IsSequence, start, length);

    /// <summary>The part from <paramref name="start"/> on along every axis of a kind.</summary>
    internal Tensor Slice(Func<Dimension, bool> kind, int start, int length)
    {
        var sliced = this;
        for (var axis = 0; axis < Shape.Length; axis++)
            if (kind(Spec.Shape[axis])) sliced = sliced.Slice(axis, start, length);
        return sliced;
    }

    /// <summary>For each element, whether it belongs to real positions only.</summary>
    internal bool IsReal(int index, ImmutableArray<Range> real)
    {
        if (real.IsDefaultOrEmpty) return true;
        var (row, rest) = (0, (long)index);
        Span<long> at = stackalloc long[Shape.Length];
        for (var axis = Shape.Length - 1; axis >= 0; axis--)
        {
            (rest, at[axis]) = Math.DivRem(rest, Shape[axis]);
            if (IsRows(Spec.Shape[axis])) row = (int)at[axis];
        }
        for (var axis = 0; axis < Shape.Length; axis++)
            if (IsSequence(Spec.Shape[axis]) && (at[axis] < real[row].Start.Value || at[axis] >= real[row].End.Value)) return false;
        return true;
    }

    private Tensor Slice(int axis, int start, int length)
    {
        var inner = Product(Shape, axis + 1, Shape.Length);
        var outer = Product(Shape, 0, axis);
        var values = new double[outer * length * inner];
        for (var o = 0; o < outer; o++)
            Array.Copy(Values, (o * Shape[axis] + start) * inner, values, (long)o * length * inner, length * inner);
        return this with { Shape = Shape.SetItem(axis, length), Values = values };
    }

    private static long Product(ImmutableArray<long> shape, int from, int to)
    {
        long product = 1;
        for (var i = from; i < to; i++) product *= shape[i];
        return product;
    }
}
