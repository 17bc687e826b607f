using System.Collections.Frozen;
using System.Collections.Immutable;

namespace OnnxTransformers.Converters.Verification;

/// <summary>Makes inputs from what a graph itself declares: always the same ones.</summary>
/// <param name="inputs">The graph's inputs.</param>
/// <param name="limits">What the configuration allows.</param>
internal sealed class InputGenerator(ImmutableArray<TensorSpec> inputs, NetworkLimits limits)
{
    private const int Rows = 3;
    private const int OtherDimension = 2;
    private const int Patches = 12;
    private const string MaskName = "attention_mask";

    // A text begins with nothing, and states of fixed size then are zeros.
    private const string Past = "past_";

    /// <summary>Inputs by name. A row gets the shape of one row, its real positions, the fill of the others, and a random number from 0 to 1 for each element.</summary>
    private static readonly FrozenDictionary<string, Func<Place, double>> Generators = new Dictionary<string, Func<Place, double>>
    {
        ["input_ids"] = p => p.IsReal ? RealId(p) : p.FillUnderMask ? RealId(p) : p.Limits.Padding,
        [MaskName] = p => p.IsReal ? 1 : 0,
        ["token_type_ids"] = p => p.IsReal ? (int)(p.Draw * p.Limits.TokenTypes) : 0,
        ["bool_masked_pos"] = p => p.Draw < 0.5 ? 1 : 0,
        ["position_ids"] = p => p.IsReal ? p.Position - p.Start : 1,
        ["spatial_shapes"] = p => p.Column == 0 ? GridOf(p.Row).Height : GridOf(p.Row).Width,
        ["pixel_mask"] = p => p.Row % 2 == 0 || p.Column < p.Limits.Image.Width * 3 / 4 ? 1 : 0,                  // every other image is padded
        ["pixel_attention_mask"] = p => p.Column < GridOf(p.Row).Height * GridOf(p.Row).Width ? 1 : 0,
    }.ToFrozenDictionary();

    /// <summary>True where the graph is told which positions are real.</summary>
    internal bool HasMask => inputs.Any(i => i.Name == MaskName);

    /// <summary>True where the graph is told the positions of tokens.</summary>
    internal bool HasPositions => inputs.Any(i => i.Name == "position_ids");

    /// <summary>True where the length of rows is open.</summary>
    private bool HasLength => inputs.Any(i => i.Shape.Any(Tensor.IsSequence));

    /// <summary>Rows of one length, of different lengths padded on either side, and a single short one; of images a batch and one.</summary>
    /// <param name="left">Whether rows may be padded on the left.</param>
    internal ImmutableArray<TestInput> All(bool left = true) => !HasLength ? [Make("a batch", Padding.None), Make("one row", Padding.None, rows: 1)]
        : HasMask ? [Make("rows of one length", Padding.None), Make("rows padded on the right", Padding.Right), .. left ? [Make("rows padded on the left", Padding.Left)] : Array.Empty<TestInput>(), Make("one token", Padding.None, rows: 1, length: 1)]
        : [Make("rows of one length", Padding.None), Make("one token", Padding.None, rows: 1, length: 1)];

    /// <summary>A batch.</summary>
    /// <param name="name">What is special about it.</param>
    /// <param name="padding">Where the padding stands.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="length">Length of the longest; null for as long as makes sense.</param>
    /// <param name="fill">Whether other ids than the padding's stand where the mask is zero.</param>
    internal TestInput Make(string name, Padding padding, int rows = Rows, int? length = null, bool fill = false)
    {
        var longest = length ?? limits.Length;
        ImmutableArray<Range> real = [.. Enumerable.Range(0, rows).Select(row =>
        {
            var own = padding == Padding.None ? longest : Math.Max(1, longest - row * (longest / rows));
            return padding == Padding.Left ? (longest - own)..longest : 0..own;
        })];
        return new TestInput(name, real, [.. inputs.Select((spec, i) => Make(spec, i, real, longest, fill))]);
    }

    private Tensor Make(TensorSpec spec, int seed, ImmutableArray<Range> real, int longest, bool fill)
    {
        ImmutableArray<long> shape = [.. spec.Shape.Select(d => d.Size ?? SizeOf(d, real.Length, longest))];
        var values = new double[shape.Aggregate(1L, (a, b) => a * b)];
        var generate = Generators.GetValueOrDefault(spec.Name) ?? (spec.Name.StartsWith(Past, StringComparison.Ordinal) ? _ => 0 : spec.Type.IsFloatingPoint() ? p => p.Draw * 2 - 1 : spec.Type == ElementType.Bool ? _ => 1 : _ => 0);
        var at = new long[shape.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var rest = (long)i;
            for (var axis = shape.Length - 1; axis >= 0; axis--) (rest, at[axis]) = Math.DivRem(rest, shape[axis]);
            int row = At(spec, at, Tensor.IsRows), position = At(spec, at, Tensor.IsSequence);
            var range = real[row];
            values[i] = generate(new Place(limits, Draw(seed, i), row, at.Length == 0 ? 0 : (int)at[^1], position, range.Start.Value, position >= range.Start.Value && position < range.End.Value, position == range.End.Value - 1, fill));
        }
        return new Tensor(spec, shape, values);
    }

    private int SizeOf(Dimension dimension, int rows, int longest) => dimension switch
    {
        _ when Tensor.IsRows(dimension) => rows,
        _ when Tensor.IsSequence(dimension) => longest,
        { Symbol: Tensor.Past } => 0,
        { Symbol: Tensor.Patches } => Patches,
        // Of other images as well: query_height.
        _ when dimension.Symbol.EndsWith(Tensor.Height, StringComparison.Ordinal) => limits.Image.Height,
        _ when dimension.Symbol.EndsWith(Tensor.Width, StringComparison.Ordinal) => limits.Image.Width,
        _ => OtherDimension,
    };

    private static int At(TensorSpec spec, long[] at, Func<Dimension, bool> kind)
    {
        for (var axis = 0; axis < at.Length; axis++)
            if (kind(spec.Shape[axis])) return (int)at[axis];
        return 0;
    }

    /// <summary>The same number for the same element of the same input, whatever stands in the others (splitmix64).</summary>
    private static double Draw(int seed, int element)
    {
        var z = unchecked((ulong)(seed + 1) * 0xD1B54A32D192ED03 + (ulong)(element + 1) * 0x9E3779B97F4A7C15);
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>Rows and columns of patches of an image that is given as patches: at most as many as there is room for.</summary>
    private static (int Height, int Width) GridOf(int row) => (row % 3) switch { 0 => (3, 4), 1 => (2, 5), _ => (4, 2) };

    /// <summary>An id that is neither the padding's nor, except at the end, the one that ends a text.</summary>
    private static int RealId(Place p)
    {
        if (p.IsLast && p.Limits.End is { } end) return end;
        var id = (int)(p.Draw * p.Limits.Vocabulary);
        while (id == p.Limits.Padding || id == p.Limits.End) id = (id + 1) % p.Limits.Vocabulary;
        return id;
    }

    private sealed record Place(NetworkLimits Limits, double Draw, int Row, int Column, int Position, int Start, bool IsReal, bool IsLast, bool FillUnderMask);
}
