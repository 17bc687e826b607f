using System.Collections.Immutable;

namespace OnnxTransformers.Checkpoints;

/// <summary>Tensors of a checkpoint under the names of the reference: each a stored one, a piece of its first axis, or its two axes exchanged.</summary>
internal sealed class RenamedTensors
{
    private const int BufferLength = 1 << 20;
    private readonly List<SkippedEntry> _skipped = [];
    private readonly Dictionary<string, Piece> _pieces = new(StringComparer.Ordinal);

    /// <param name="layout">The rules.</param>
    /// <param name="stored">The tensors as stored.</param>
    /// <exception cref="CorruptCheckpointException">A tensor doesn't divide as its rule says, or two get one name.</exception>
    internal RenamedTensors(OriginalLayout layout, IReadOnlyDictionary<string, TensorInfo> stored)
    {
        var problems = new List<Problem>();
        foreach (var info in stored.Values)
        {
            var rule = layout.Rules.FirstOrDefault(r => r.Apply(info.Name) is not null);
            ImmutableArray<string> names = rule?.Apply(info.Name) ?? [info.Name];
            if (names.IsEmpty) _skipped.Add(new SkippedEntry("", info.Name, $"a buffer of {layout.Program}"));
            else if (names.Length > 1 && (info.Shape.IsEmpty || info.Shape[0] % names.Length != 0)) problems.Add(new Problem(info.Name, $"found {info.ShapeText}", $"a first dimension that divides into {names.Length}"));
            else if (rule?.Transposed == true && info.Shape.Length != 2) problems.Add(new Problem(info.Name, $"found {info.ShapeText}", "a matrix"));
            else
            {
                for (var i = 0; i < names.Length; i++)
                    if (!Add(info, rule, names, i)) problems.Add(new Problem(info.Name, $"it becomes {names[i]}, which is there already"));
            }
        }
        if (problems.Count > 0) throw new CorruptCheckpointException($"reading tensors under the names of {layout.Program}", problems);
    }

    private sealed record Piece(TensorInfo Info, TensorInfo Stored, long Offset, bool Transposed);

    /// <summary>The tensors under their new names.</summary>
    internal Dictionary<string, TensorInfo> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>Stored tensors that the reference has no use for.</summary>
    internal IReadOnlyList<SkippedEntry> Skipped => _skipped;

    /// <summary>The stored tensor that one is as a whole; null where it is a piece, or has its axes exchanged.</summary>
    internal string? WholeOf(string name) => PieceOf(name) is { Transposed: false } piece && piece.Info.Bytes == piece.Stored.Bytes ? piece.Stored.Name : null;

    /// <summary>Where the bytes lie as they are, or null.</summary>
    internal TensorLocation? Locate(string name, ITensorSource source) =>
        PieceOf(name) is { Transposed: false } piece && source.Locate(piece.Stored.Name) is { } whole ? new(whole.Path, whole.Offset + piece.Offset, piece.Info.Bytes) : null;

    /// <summary>Fills <paramref name="destination"/> from <paramref name="offset"/> on.</summary>
    internal void Read(string name, long offset, Span<byte> destination, ITensorSource source)
    {
        var piece = PieceOf(name);
        TensorArguments.Check(piece.Info, offset, destination.Length);
        if (!piece.Transposed) source.Read(piece.Stored.Name, piece.Offset + offset, destination);
        else ReadTransposed(piece, offset, destination, source);
    }

    private Piece PieceOf(string name) => _pieces.TryGetValue(name, out var piece) ? piece : throw TensorArguments.Unknown("the checkpoint", name);

    private bool Add(TensorInfo info, NameRule? rule, ImmutableArray<string> names, int i)
    {
        var transposed = rule?.Transposed ?? false;
        var shape = names.Length > 1 ? info.Shape.SetItem(0, info.Shape[0] / names.Length) : info.Shape;
        var renamed = new TensorInfo(names[i], info.Type, transposed ? [shape[1], shape[0]] : shape);
        if (!Tensors.TryAdd(names[i], renamed)) return false;
        _pieces.Add(names[i], new Piece(renamed, info, info.Bytes / names.Length * i, transposed));
        return true;
    }

    /// <summary>Matrices that are stored the other way round are small: a band of rows at a time is read for each band of columns.</summary>
    private static void ReadTransposed(Piece piece, long offset, Span<byte> destination, ITensorSource source)
    {
        var size = (int)piece.Info.Type.Bytes(1);
        long columns = piece.Info.Shape[0], rows = piece.Info.Shape[1];                                   // as stored: [rows, columns]
        var band = (int)Math.Clamp(BufferLength / (columns * size), 1, rows);
        var buffer = new byte[band * columns * size];
        for (long row = 0; row < rows; row += band)
        {
            var count = Math.Min(band, rows - row);
            source.Read(piece.Stored.Name, piece.Offset + row * columns * size, buffer.AsSpan(0, (int)(count * columns * size)));
            for (long r = 0; r < count; r++)
                for (long column = 0; column < columns; column++)
                {
                    var to = (column * rows + row + r) * size - offset;
                    if (to < 0 || to + size > destination.Length) continue;
                    buffer.AsSpan((int)((r * columns + column) * size), size).CopyTo(destination[(int)to..]);
                }
        }
    }
}
