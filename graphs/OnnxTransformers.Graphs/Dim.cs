using System.Collections.Immutable;
using System.Globalization;

namespace OnnxTransformers.Graphs;

/// <summary>One dimension of a shape: a number, or a name for a size that is known when the graph runs. Two symbolic dimensions are the same when their names are.</summary>
public sealed record Dim
{
    private readonly string? _symbol;
    private readonly long _size;

    private Dim(long size, string? symbol) => (_size, _symbol) = (size, symbol);

    /// <summary>The size where it is fixed, otherwise null.</summary>
    public long? Size => _symbol is null ? _size : null;

    /// <summary>The name where the size is not fixed, otherwise null.</summary>
    public string? Symbol => _symbol;

    /// <summary>A fixed size.</summary>
    public static implicit operator Dim(long size) => new(size, null);

    /// <summary>A named size.</summary>
    public static implicit operator Dim(string symbol) => new(0, symbol);

    /// <summary>The sum; symbolic when either side is.</summary>
    public static Dim operator +(Dim a, Dim b) => (a.Size, b.Size) switch
    {
        (long x, long y) => x + y,
        (0, null) => b,
        (null, 0) => a,
        _ => $"{a} + {b}",
    };

    /// <summary>The product; symbolic when either side is.</summary>
    public static Dim operator *(Dim a, Dim b) => (a.Size, b.Size) switch
    {
        (long x, long y) => x * y,
        (1, null) => b,
        (null, 1) => a,
        _ => $"({a}) * ({b})",
    };

    /// <summary>The number or the name.</summary>
    public override string ToString() => _symbol ?? _size.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The dimensions of a value.</summary>
public readonly struct Shape : IEquatable<Shape>
{
    private readonly ImmutableArray<Dim> _dims;

    /// <summary>Creates a shape from its dimensions, outermost first.</summary>
    public Shape(params ReadOnlySpan<Dim> dims) => _dims = [.. dims];

    /// <summary>A shape whose dimensions are all fixed.</summary>
    public static Shape Of(IEnumerable<long> sizes) => new([.. sizes.Select(s => (Dim)s)]);

    /// <summary>The dimensions, outermost first.</summary>
    public ImmutableArray<Dim> Dims => _dims.IsDefault ? [] : _dims;

    /// <summary>Number of dimensions.</summary>
    public int Rank => Dims.Length;

    /// <summary>A dimension; negative indices count from the last.</summary>
    public Dim this[int axis] => Dims[axis < 0 ? axis + Rank : axis];

    /// <summary>The shape with one dimension replaced.</summary>
    public Shape With(int axis, Dim dim) => new(Dims.SetItem(axis < 0 ? axis + Rank : axis, dim).AsSpan());

    /// <inheritdoc/>
    public bool Equals(Shape other) => Dims.AsSpan().SequenceEqual(other.Dims.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Dims.Aggregate(17, HashCode.Combine);

    /// <summary>The dimensions are the same.</summary>
    public static bool operator ==(Shape a, Shape b) => a.Equals(b);

    /// <summary>A dimension differs.</summary>
    public static bool operator !=(Shape a, Shape b) => !a.Equals(b);

    /// <summary>The shape that two operands broadcast to as NumPy has it, or null where they don't fit together. Two different symbols don't.</summary>
    public static Shape? Broadcast(Shape a, Shape b)
    {
        var rank = Math.Max(a.Rank, b.Rank);
        var dims = new Dim[rank];
        for (var i = 0; i < rank; i++)
        {
            Dim x = i < rank - a.Rank ? 1 : a.Dims[i - (rank - a.Rank)], y = i < rank - b.Rank ? 1 : b.Dims[i - (rank - b.Rank)];
            if (x == y || y.Size == 1) dims[i] = x;
            else if (x.Size == 1) dims[i] = y;
            else return null;
        }
        return new Shape(dims);
    }

    /// <summary>The shape as "[batch_size, 768]".</summary>
    public override string ToString() => $"[{string.Join(", ", Dims)}]";
}
