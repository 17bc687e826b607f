using System.Collections.Immutable;

namespace OnnxTransformers.Graphs.Weights;

public abstract partial record Recipe
{
    /// <summary>A part of a float32 matrix [N, K] in blocks along its rows, K a multiple of 32: its integers, scales or zero points. The three are made independently of each other, each from a few rows at once.</summary>
    public sealed record Quantized(Recipe Of, BlockFormat Format, BlockLayout Layout, QuantizedPart Part) : Recipe(TypeOf(Format, Layout, Part), ShapeOf(Of, Format, Layout, Part))
    {
        /// <inheritdoc/>
        public override IEnumerable<TensorInfo> Sources => Of.Sources;

        /// <inheritdoc/>
        public override string Description => $"{Part} ({Layout}, {Format}) of {Of.Description}";

        /// <summary>Bits that a row takes.</summary>
        internal long RowBits => Part switch
        {
            QuantizedPart.Scales => Of.Shape[1] / BlockFormat.Size * 8 * sizeof(float),
            QuantizedPart.Values => Of.Shape[1] * Format.Bits,
            _ when Layout == BlockLayout.Packed => Shape[1] * 8,
            _ => Of.Shape[1] / BlockFormat.Size * Format.Bits,
        };

        /// <summary>Bytes of this part for the first rows of the matrix.</summary>
        public long RowBytes(long rows) => (RowBits * rows + 7) / 8;

        private static ElementType TypeOf(BlockFormat format, BlockLayout layout, QuantizedPart part) => (part, layout, format.Bits, format.ZeroPoints) switch
        {
            (QuantizedPart.Scales, _, _, _) => ElementType.Float,
            (_, BlockLayout.Packed, _, _) or (_, _, 8, true) => ElementType.UInt8,
            (_, _, 8, _) => ElementType.Int8,
            (_, _, _, true) => ElementType.UInt4,
            _ => ElementType.Int4,
        };

        private static ImmutableArray<long> ShapeOf(Recipe of, BlockFormat format, BlockLayout layout, QuantizedPart part)
        {
            if (of.Type != ElementType.Float || of.Shape.Length != 2 || of.Shape[1] % BlockFormat.Size != 0)
                throw new ArgumentException($"{of.Type} [{string.Join(", ", of.Shape)}] is no float32 matrix of whole blocks of {BlockFormat.Size}", nameof(of));
            var (rows, blocks) = (of.Shape[0], of.Shape[1] / BlockFormat.Size);
            return (part, layout) switch
            {
                (QuantizedPart.Values, BlockLayout.Packed) => [rows, blocks, format.BlockBytes],
                (QuantizedPart.Values, _) => of.Shape,
                (QuantizedPart.ZeroPoints, BlockLayout.Packed) => [rows, (blocks * format.Bits + 7) / 8],
                _ => [rows, blocks],
            };
        }
    }

    /// <summary>Parts of several matrices of one size, packed, one after the other: [n, rows, bytes of a row], or scales [n, rows, blocks].</summary>
    public sealed record QuantizedStack(ImmutableArray<Quantized> Parts) : Recipe(Parts[0].Type, ShapeOf(Parts))
    {
        /// <inheritdoc/>
        public override IEnumerable<TensorInfo> Sources => Parts.SelectMany(p => p.Sources);

        /// <inheritdoc/>
        public override string Description => $"stack of ({string.Join(", ", Parts.Select(p => p.Description))})";

        private static ImmutableArray<long> ShapeOf(ImmutableArray<Quantized> parts)
        {
            var shape = parts[0].Shape;
            if (parts.Any(p => p.Layout != BlockLayout.Packed || p.Part != parts[0].Part || p.Format != parts[0].Format || !p.Shape.AsSpan().SequenceEqual(shape.AsSpan())))
                throw new ArgumentException("these are no packed parts of matrices of one size", nameof(parts));
            return [parts.Length, shape[0], shape[1..].Aggregate(1L, (n, d) => n * d)];
        }
    }
}
