using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace OnnxTransformers.Graphs.Weights;

internal sealed class BlockQuantizerTests
{
    [Test]
    public void Without_zero_points_the_largest_magnitude_becomes_the_integer_0_and_others_the_nearest()
    {
        // 8 is the largest, so a step is -1: 8 - x, to the nearest even where two are as near; -8 has no integer and becomes -7.
        float[] block = [8, -8, -7, 0, 0.5f, 1.5f, 2.5f, -0.5f, 1, 2, 3, 4, 5, 6, 7, -1, -2, -3, -4, -5, -6, 0.4f, 0.6f, .. new float[9]];
        byte[] integers = [0, 15, 15, 8, 8, 6, 6, 8, 7, 6, 5, 4, 3, 2, 1, 9, 10, 11, 12, 13, 14, 8, 7, 8, 8, 8, 8, 8, 8, 8, 8, 8];
        var (values, scales) = (Part(block, 1, 32, new(4, false), QuantizedPart.Values), Scales(block, 1, 32, new(4, false)));
        Assert.Multiple(() =>
        {
            Assert.That(scales, Is.EqualTo(new[] { -1f }));
            Assert.That(values, Is.EqualTo(Nibbles(integers)));
            Assert.That(Part(block, 1, 32, new(4, false), QuantizedPart.Values, BlockLayout.Typed), Is.EqualTo(Nibbles([.. integers.Select(i => (byte)((i - 8) & 15))])), "signed");
        });
    }

    [Test]
    public void A_negative_largest_magnitude_has_a_positive_scale()
    {
        float[] block = [-128, 127, 5, .. new float[29]];
        Assert.Multiple(() =>
        {
            Assert.That(Scales(block, 1, 32, new(8, false)), Is.EqualTo(new[] { 1f }));
            Assert.That(Part(block, 1, 32, new(8, false), QuantizedPart.Values)[..4], Is.EqualTo(new byte[] { 0, 255, 133, 128 }));
            Assert.That(Part(block, 1, 32, new(8, false), QuantizedPart.Values, BlockLayout.Typed)[..4], Is.EqualTo(new byte[] { 0x80, 127, 5, 0 }));
            Assert.That(Scales(block, 1, 32, new(4, false)), Is.EqualTo(new[] { 16f }));
        });
    }

    [Test]
    public void With_zero_points_the_integers_reach_from_the_least_to_the_largest()
    {
        float[] four = [-5, 10, 0, 9.4f, 2.5f, 3.5f, .. new float[26]], eight = [-100, 155, 1, -1, .. new float[28]], above = [15, 1, .. Enumerable.Repeat(3f, 30)];
        Assert.Multiple(() =>
        {
            Assert.That(Scales(four, 1, 32, new(4, true)), Is.EqualTo(new[] { 1f }));
            Assert.That(Part(four, 1, 32, new(4, true), QuantizedPart.ZeroPoints), Is.EqualTo(new byte[] { 5 }));
            Assert.That(Part(four, 1, 32, new(4, true), QuantizedPart.Values)[..4], Is.EqualTo(Nibbles([0, 15, 5, 14, 7, 9, 5, 5])));
            Assert.That(Part(eight, 1, 32, new(8, true), QuantizedPart.ZeroPoints), Is.EqualTo(new byte[] { 100 }));
            Assert.That(Part(eight, 1, 32, new(8, true), QuantizedPart.Values)[..5], Is.EqualTo(new byte[] { 0, 255, 101, 99, 100 }));
            Assert.That(Scales(above, 1, 32, new(4, true)), Is.EqualTo(new[] { 1f }), "zero is always inside");
            Assert.That(Part(above, 1, 32, new(4, true), QuantizedPart.ZeroPoints), Is.EqualTo(new byte[] { 0 }));
        });
    }

    [Test]
    public void Zero_points_fill_whole_bytes_in_each_row_when_packed_and_follow_each_other_when_typed()
    {
        // Two rows of three blocks, whose zero points are 1 to 6: a block from -z to 15 - z.
        float[] numbers = [.. Enumerable.Range(1, 6).SelectMany(z => new float[] { -z, 15 - z }.Concat(new float[30]))];
        Assert.Multiple(() =>
        {
            Assert.That(Part(numbers, 2, 96, new(4, true), QuantizedPart.ZeroPoints), Is.EqualTo(new byte[] { 0x21, 0x03, 0x54, 0x06 }));
            Assert.That(Part(numbers, 2, 96, new(4, true), QuantizedPart.ZeroPoints, BlockLayout.Typed), Is.EqualTo(new byte[] { 0x21, 0x43, 0x65 }));
        });
    }

    [TestCase(4, false)]
    [TestCase(4, true)]
    [TestCase(8, false)]
    [TestCase(8, true)]
    public void Blocks_of_zeros_and_of_next_to_nothing_are_zeros(int bits, bool zeroPoints)
    {
        var numbers = new float[64];
        numbers[40] = float.Epsilon;
        Assert.That(Dequantized(numbers, 1, 64, new(bits, zeroPoints)), Is.All.Zero);
    }

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    [TestCase(float.NegativeInfinity)]
    public void Numbers_that_are_not_finite_are_refused_with_their_place(float number)
    {
        for (var at = 0; at < 32; at += 7)
            foreach (var zeroPoints in new[] { false, true })
                foreach (var part in Enum.GetValues<QuantizedPart>())
                {
                    var numbers = Enumerable.Repeat(1f, 3 * 64).ToArray();
                    numbers[64 + 32 + at] = number;
                    var e = Assert.Throws<UnsupportedCheckpointException>(() => Part(numbers, 3, 64, new(4, zeroPoints), part))!;
                    Assert.That(e.Message, Is.EqualTo($"quantizing weights to {(zeroPoints ? "uint4 with zero points" : "int4")}: w: row 1 has numbers from column 32 on that are not finite or too large; "
                        + "supported: finite numbers up to 1E+38. Next: mend the checkpoint: no network computes with such values"));
                }
    }

    [Test]
    public void Any_matrix_is_met_to_half_a_step_and_whole_integers_exactly() =>
        Prop.ForAll<int, byte>((seed, kind) =>
        {
            var random = new Random(seed);
            var format = new BlockFormat(kind % 2 == 0 ? 4 : 8, kind / 2 % 2 == 0);
            var (rows, columns) = (random.Next(1, 6), 32 * random.Next(1, 5));
            var numbers = Enumerable.Range(0, rows * columns).Select(_ => (float)((random.NextDouble() - 0.4) * Math.Pow(10, random.Next(-8, 8)))).ToArray();
            var scales = Scales(numbers, rows, columns, format);
            var got = Dequantized(numbers, rows, columns, format);
            for (var i = 0; i < numbers.Length; i++)
            {
                // Without zero points, the end opposite to the largest magnitude may be a whole step away.
                var steps = Math.Abs((double)numbers[i] - got[i]) / Math.Abs(scales[i / 32]);
                Assert.That(steps, Is.LessThanOrEqualTo(format.ZeroPoints ? 1.0001 : 1.0001 * 1), () => $"{numbers[i]} became {got[i]} in steps of {scales[i / 32]}");
            }
            Assert.That(Enumerable.Range(0, numbers.Length).Average(i => Math.Abs((double)numbers[i] - got[i]) / Math.Abs(scales[i / 32])), Is.LessThanOrEqualTo(0.5));
            // What came out goes through again unchanged where the scale stays, as it does without zero points.
            if (!format.ZeroPoints) Assert.That(Dequantized(got, rows, columns, format).Zip(got, (a, b) => Math.Abs(a - b) <= 1e-6 * Math.Abs(b)), Is.All.True);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Test]
    public void Pieces_of_any_size_give_the_same_bytes_as_the_whole() =>
        Prop.ForAll<int, byte, ushort>((seed, kind, budget) =>
        {
            var random = new Random(seed);
            var format = new BlockFormat(kind % 2 == 0 ? 4 : 8, kind / 2 % 2 == 0);
            var (rows, columns) = (random.Next(1, 9), 32 * random.Next(1, 4));
            var source = new MemorySource();
            Recipe stored = (kind / 4 % 3) switch
            {
                0 => source.AddRandom("w", ElementType.Float, rows, columns),
                1 => new Recipe.Transposed(source.AddRandom("w", ElementType.Float, columns, rows), [1, 0]),
                _ => new Recipe.Reshaped(new Recipe.Sliced(source.AddRandom("w", ElementType.Float, 3, rows, columns), 0, 1, 1), [rows, columns]),
            };
            var recipe = new Recipe.Quantized(stored, format, (BlockLayout)(kind / 16 % 2), (QuantizedPart)(kind / 32 % 3));
            var plan = RecipePlan.Of(recipe, "w");
            var (bytes, times) = (new byte[plan.Bytes], new int[plan.Bytes]);
            using var bytesOf = new StoredBytes(source);
            using var reader = new PlanReader(bytesOf);
            foreach (var piece in PlanReader.Pieces(plan, budget))
                reader.Make(piece, "w", (offset, part) =>
                {
                    part.CopyTo(bytes.AsSpan((int)offset));
                    foreach (ref var n in times.AsSpan((int)offset, part.Length)) n++;
                });
            using var whole = new RecipeReader(source);
            Assert.That(times.All(n => n == 1), Is.True);
            Assert.That(bytes, Is.EqualTo(whole.Read(new("w", recipe))));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Test]
    public void Rows_are_made_a_few_at_a_time()
    {
        var source = new MemorySource();
        var plan = RecipePlan.Of(new Recipe.Quantized(source.AddRandom("w", ElementType.Float, 1000, 64), new(4, false), BlockLayout.Packed, QuantizedPart.Values), "w");
        var pieces = PlanReader.Pieces(plan, 10_000).ToList();
        Assert.That(pieces.Max(p => p.Bytes), Is.EqualTo(34 * 32), "34 rows of 64 floats and 32 bytes");
    }

    [Test]
    public void Stacks_are_their_parts_one_after_the_other([Values] QuantizedPart part, [Values(4, 8)] int bits)
    {
        var source = new MemorySource();
        Recipe.Quantized[] parts = [.. Enumerable.Range(0, 3).Select(i => new Recipe.Quantized(source.AddRandom($"w{i}", ElementType.Float, 10, 96), new(bits, true), BlockLayout.Packed, part))];
        var plan = RecipePlan.Of(new Recipe.QuantizedStack([.. parts]), "w");
        var pieces = PlanReader.Pieces(plan, 1000).ToList();
        var bytes = new byte[plan.Bytes];
        using var stored = new StoredBytes(source);
        using var reader = new PlanReader(stored);
        foreach (var piece in pieces) reader.Make(piece, "w", (offset, some) => some.CopyTo(bytes.AsSpan((int)offset)));
        using var whole = new RecipeReader(source);
        Assert.Multiple(() =>
        {
            Assert.That(bytes, Is.EqualTo(parts.SelectMany(p => whole.Read(new("w", p)))));
            Assert.That(whole.Read(new("w", new Recipe.QuantizedStack([.. parts]))), Is.EqualTo(bytes));
            Assert.That(pieces, Has.Count.EqualTo(3 * 5), "two rows a piece");
        });
    }

    [Test]
    public void A_matrix_of_broken_blocks_has_no_recipe() =>
        Assert.That(() => new Recipe.Quantized(new MemorySource().AddRandom("w", ElementType.Float, 4, 48), new(4, false), BlockLayout.Packed, QuantizedPart.Values),
            Throws.ArgumentException.With.Message.StartsWith("Float [4, 48] is no float32 matrix of whole blocks of 32"));

    private static float[] Dequantized(float[] numbers, int rows, int columns, BlockFormat format) => NaiveBlocks.Packed(rows, columns, format.Bits, Part(numbers, rows, columns, format, QuantizedPart.Values),
        Scales(numbers, rows, columns, format), format.ZeroPoints ? Part(numbers, rows, columns, format, QuantizedPart.ZeroPoints) : null);

    private static float[] Scales(float[] numbers, int rows, int columns, BlockFormat format) => [.. MemoryMarshal.Cast<byte, float>(Part(numbers, rows, columns, format, QuantizedPart.Scales))];

    private static byte[] Part(float[] numbers, int rows, int columns, BlockFormat format, QuantizedPart part, BlockLayout layout = BlockLayout.Packed)
    {
        var source = new MemorySource();
        using var reader = new RecipeReader(source);
        return reader.Read(new("w", new Recipe.Quantized(source.Add("w", [rows, columns], numbers), format, layout, part)));
    }

    private static byte[] Nibbles(byte[] integers) => [.. Enumerable.Range(0, integers.Length / 2).Select(i => (byte)(integers[2 * i] | integers[2 * i + 1] << 4))];
}
