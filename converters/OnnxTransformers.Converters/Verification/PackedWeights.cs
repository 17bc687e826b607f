using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using OnnxTransformers.Graphs;
using OnnxTransformers.Graphs.Onnx;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Converters.Verification;

/// <summary>Unpacks integers of a written graph again, the first rows of each matrix, and compares what they stand for with the checkpoint's numbers: each is a step away at most.</summary>
internal static class PackedWeights
{
    private const long Numbers = 1 << 18;
    // Scales and products are rounded themselves. A scale in float16 is off by up to 1 / 2048 of it, and the integer farthest from the middle takes that many times over.
    private const float OneStep = 1.001f, HalfRounding = 1f / 2048;

    /// <summary>Checks all matrices of a graph.</summary>
    /// <exception cref="VerificationFailedException">Integers stand for other numbers.</exception>
    internal static void Check(Graph graph, string path, string file, ITensorSource source, CancellationToken cancellation)
    {
        using var written = OnnxReader.Open(path);
        using var checkpoint = new RecipeReader(source);
        foreach (var matrix in graph.ToModel().Weights.SelectMany(Parts).ToLookup(p => Key(p.Recipe)))
        {
            cancellation.ThrowIfCancellationRequested();
            Check(matrix.First().Recipe, matrix.ToDictionary(p => p.Recipe.Part), matrix.Any(p => p.Half), written, checkpoint, file);
        }
    }

    /// <summary>A part of a quantized matrix in a written tensor.</summary>
    /// <param name="Recipe">How it is made.</param>
    /// <param name="Name">Of the tensor.</param>
    /// <param name="Start">The byte where it begins there.</param>
    /// <param name="Half">Whether it is stored in float16.</param>
    private sealed record WrittenPart(Recipe.Quantized Recipe, string Name, long Start, bool Half);

    /// <summary>The parts that a weight holds: one, or those of a stack; none where it holds no integers.</summary>
    private static IEnumerable<WrittenPart> Parts(WeightInitializer weight)
    {
        var half = weight.Recipe.Type == ElementType.Float16;
        return ((weight.Recipe as Recipe.Converted)?.Of ?? weight.Recipe) switch
        {
            Recipe.Quantized one => [new(one, weight.Name, 0, half)],
            Recipe.QuantizedStack stack => stack.Parts.Select((part, i) => new WrittenPart(part, weight.Name, i * part.Bytes / (half ? 2 : 1), half)),
            _ => [],
        };
    }

    private static string Key(Recipe.Quantized recipe) => $"{recipe.Layout} {recipe.Of.Description}";

    private static void Check(Recipe.Quantized recipe, Dictionary<QuantizedPart, WrittenPart> parts, bool halfScales, OnnxReader written, RecipeReader checkpoint, string file)
    {
        var (format, columns) = (recipe.Format, recipe.Of.Shape[1]);
        var rows = Math.Clamp(Numbers / columns, 1, recipe.Of.Shape[0]);
        var first = new Recipe.Sliced(recipe.Of, 0, 0, rows);
        var numbers = MemoryMarshal.Cast<byte, float>(checkpoint.Read(new(parts[QuantizedPart.Values].Name, first)));
        byte[] Read(QuantizedPart part)
        {
            var bytes = new byte[new Recipe.Quantized(recipe.Of, format, recipe.Layout, part).RowBytes(rows) / (halfScales && part == QuantizedPart.Scales ? 2 : 1)];
            written.Read(parts[part].Name, parts[part].Start, bytes);
            return bytes;
        }
        var values = Read(QuantizedPart.Values);
        var stored = Read(QuantizedPart.Scales);
        var scales = halfScales ? Widened(MemoryMarshal.Cast<byte, Half>(stored)) : MemoryMarshal.Cast<byte, float>(stored);
        var zeros = format.ZeroPoints ? Read(QuantizedPart.ZeroPoints) : null;
        var (blocks, middle) = (columns / BlockFormat.Size, 1 << (format.Bits - 1));
        var step = halfScales ? OneStep + HalfRounding * (format.ZeroPoints ? 2 * middle : middle) : OneStep;
        var signed = recipe.Layout == BlockLayout.Typed && !format.ZeroPoints;
        // Zero points of a row fill whole bytes where they are packed.
        var zerosOfRow = recipe.Layout == BlockLayout.Packed && format.Bits == 4 ? (blocks + 1) / 2 * 2 : blocks;
        for (var i = 0L; i < numbers.Length; i++)
        {
            var (row, block) = (i / columns, i % columns / BlockFormat.Size);
            var scale = scales[(int)(row * blocks + block)];
            var value = At(values, i, format.Bits) ^ (signed ? middle : 0);
            var meant = (value - (zeros is null ? middle : At(zeros, row * zerosOfRow + block, format.Bits))) * scale;
            if (!(Math.Abs(meant - numbers[(int)i]) <= Math.Abs(scale) * step))
                throw new VerificationFailedException($"verifying {file}", [new Problem(parts[QuantizedPart.Values].Name, FormattableString.Invariant($"the integer in row {row}, column {i % columns} stands for {meant:R}"),
                    FormattableString.Invariant($"numbers up to {Math.Abs(scale) * step:G3} from the checkpoint's {numbers[(int)i]:R}"), "export the checkpoint again; if it stays, report it with config.json")]);
        }
    }

    private static float[] Widened(ReadOnlySpan<Half> halves)
    {
        var wide = new float[halves.Length];
        TensorPrimitives.ConvertToSingle(halves, wide);
        return wide;
    }

    private static int At(byte[] packed, long index, int bits) => bits == 8 ? packed[index] : (packed[index / 2] >> (int)(index % 2 * 4)) & 15;
}
