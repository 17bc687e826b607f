using System.Runtime.InteropServices;
using NUnit.Framework;

namespace OnnxTransformers.Graphs.Weights;

internal sealed class FloatConversionTests
{
    private static readonly ElementType[] Targets = [ElementType.Float16, ElementType.BFloat16];

    [TestCaseSource(nameof(Targets))]
    public void Float32_is_rounded_to_the_nearest_even(ElementType to)
    {
        var random = new Random(1);
        var values = Enumerable.Range(0, 60_000).Select(_ => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue))).Concat(Halfway(to)).Concat([0f, -0f, float.NaN, float.Epsilon, 1e-8f, 6e-8f, 5.96e-8f]).ToArray();
        foreach (var value in values)
        {
            var expected = NaiveFloat.Write(to, value);
            var overflows = float.IsFinite(value) && double.IsInfinity(NaiveFloat.Read(to, expected));
            // Once in the vectors and once after them.
            foreach (var count in new[] { 1, 16 })
            {
                var (bytes, index) = Convert<float>(ElementType.Float, to, [.. Enumerable.Repeat(value, count)]);
                Assert.That(index, Is.EqualTo(overflows ? 0 : -1), $"{value:R}");
                if (!overflows) Same(bytes[^2..], expected, to, value);
            }
        }
    }

    [TestCaseSource(nameof(Targets))]
    public void Float64_is_rounded_once(ElementType to)
    {
        var random = new Random(2);
        foreach (var middle in Halfway(to).Where(float.IsFinite))
            foreach (var value in new[] { (double)middle, Math.BitIncrement((double)middle), Math.BitDecrement((double)middle), middle * (1 + random.NextDouble() * 1e-9) })
            {
                var expected = NaiveFloat.Write(to, value);
                if (double.IsInfinity(NaiveFloat.Read(to, expected))) continue;
                Same(Convert<double>(ElementType.Double, to, [value]).Bytes, expected, to, value);
            }
    }

    [TestCaseSource(nameof(Targets))]
    public void All_16_bit_values_widen_exactly_and_come_back(ElementType type)
    {
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];
        var floats = MemoryMarshal.Cast<byte, float>(Convert<ushort>(type, ElementType.Float, all).Bytes).ToArray();
        var doubles = MemoryMarshal.Cast<byte, double>(Convert<ushort>(type, ElementType.Double, all).Bytes).ToArray();
        var back = MemoryMarshal.Cast<byte, ushort>(Convert<float>(ElementType.Float, type, floats).Bytes).ToArray();
        for (var i = 0; i < all.Length; i++)
        {
            var expected = NaiveFloat.Read(type, BitConverter.GetBytes(all[i]));
            Assert.That((double)floats[i], Is.EqualTo(expected), $"{i:X4}");
            Assert.That(doubles[i], Is.EqualTo(expected), $"{i:X4}");
            if (!double.IsNaN(expected)) Assert.That(back[i], Is.EqualTo(all[i]), $"{i:X4}");
        }
    }

    /// <summary>Facts of the specifications: largest, smallest normal, smallest subnormal, one, and what is special.</summary>
    [TestCase(ElementType.Float8E4M3FN, 0x7E, 448)]
    [TestCase(ElementType.Float8E4M3FN, 0x08, 0.015625)]
    [TestCase(ElementType.Float8E4M3FN, 0x01, 0.001953125)]
    [TestCase(ElementType.Float8E4M3FN, 0xB8, -1)]
    [TestCase(ElementType.Float8E4M3FN, 0xFF, double.NaN)]
    [TestCase(ElementType.Float8E4M3FNUZ, 0x7F, 240)]
    [TestCase(ElementType.Float8E4M3FNUZ, 0x01, 0.0009765625)]
    [TestCase(ElementType.Float8E4M3FNUZ, 0x40, 1)]
    [TestCase(ElementType.Float8E4M3FNUZ, 0x80, double.NaN)]
    [TestCase(ElementType.Float8E5M2, 0x7B, 57344)]
    [TestCase(ElementType.Float8E5M2, 0x01, 0.0000152587890625)]
    [TestCase(ElementType.Float8E5M2, 0x3C, 1)]
    [TestCase(ElementType.Float8E5M2, 0xFC, double.NegativeInfinity)]
    [TestCase(ElementType.Float8E5M2, 0x7E, double.NaN)]
    [TestCase(ElementType.Float8E5M2FNUZ, 0x7F, 57344)]
    [TestCase(ElementType.Float8E5M2FNUZ, 0x40, 1)]
    [TestCase(ElementType.Float8E5M2FNUZ, 0x80, double.NaN)]
    [TestCase(ElementType.Float8E8M0, 0x7F, 1)]
    [TestCase(ElementType.Float8E8M0, 0x80, 2)]
    [TestCase(ElementType.Float8E8M0, 0xFF, double.NaN)]
    public void Eight_bit_values_are_those_of_the_specification(ElementType type, byte bits, double value) =>
        Assert.That(MemoryMarshal.Read<double>(Convert<byte>(type, ElementType.Double, [bits]).Bytes), Is.EqualTo(value));

    [TestCase(ElementType.Float16, 70000f, "converting weights to Float16: w: the value 70000; supported: magnitudes up to 65504 in float16. Next: use bf16 or fp32")]
    [TestCase(ElementType.Float16, -65520f, "converting weights to Float16: w: the value -65520; supported: magnitudes up to 65504 in float16. Next: use bf16 or fp32")]
    [TestCase(ElementType.BFloat16, 3.4e38f, "converting weights to BFloat16: w: the value 3.3999999521443642E+38; supported: magnitudes up to 3.39E+38 in bfloat16. Next: use fp32")]
    public void A_value_that_becomes_infinite_is_refused(ElementType to, float value, string message)
    {
        var source = new MemorySource();
        var values = new float[3000];
        values[2500] = value;
        using var reader = new RecipeReader(source);
        var recipe = new Recipe.Converted(source.Add("w", [3000], values), to);
        Assert.That(() => reader.Read(new("w", recipe)), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(message));
    }

    [Test]
    public void Infinities_and_what_no_one_asked_for_are_no_overflow()
    {
        var source = new MemorySource();
        var stored = source.Add("w", [2, 2], float.PositiveInfinity, 1e30f, float.NegativeInfinity, 2e30f);
        using var reader = new RecipeReader(source);
        var bytes = reader.Read(new("w", new Recipe.Converted(new Recipe.Sliced(stored, 1, 0, 1), ElementType.Float16)));
        Assert.That(MemoryMarshal.Cast<byte, Half>(bytes).ToArray(), Is.EqualTo(new[] { Half.PositiveInfinity, Half.NegativeInfinity }));
    }

    [Test]
    public void A_product_that_becomes_infinite_is_refused()
    {
        var source = new MemorySource();
        using var reader = new RecipeReader(source);
        var recipe = new Recipe.Scaled(source.Add("w", [2], 1, 1e38f), 10);
        Assert.That(() => reader.Read(new("query.weight", recipe)), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(
            "converting weights to Float: query.weight (from w): the value 9.999999680285692E+37 times 10; supported: finite values of Float. Next: mend the checkpoint: no network computes with such values"));
    }

    /// <summary>The middles between neighbours, where rounding has to decide.</summary>
    private static IEnumerable<float> Halfway(ElementType to)
    {
        for (var i = 0; i < 0x7F80; i += 7)
        {
            var low = NaiveFloat.Read(to, BitConverter.GetBytes((ushort)i));
            var high = NaiveFloat.Read(to, BitConverter.GetBytes((ushort)(i + 1)));
            if (double.IsFinite(high) && (float)((low + high) / 2) is var middle && middle == (low + high) / 2)
            {
                yield return middle;
                yield return -middle;
                yield return MathF.BitIncrement(middle);
                yield return MathF.BitDecrement(middle);
            }
        }
    }

    private static void Same(byte[] bytes, byte[] expected, ElementType type, double value)
    {
        if (double.IsNaN(value)) Assert.That(NaiveFloat.Read(type, bytes), Is.NaN);
        else Assert.That(bytes, Is.EqualTo(expected), $"{value:R}");
    }

    private static (byte[] Bytes, long Overflow) Convert<T>(ElementType from, ElementType to, T[] values) where T : unmanaged
    {
        var bytes = new byte[values.Length * to.Bits() / 8];
        var index = FloatConversion.Apply(new Step(from, to, 1), MemoryMarshal.AsBytes(values.AsSpan()), bytes);
        return (bytes, index);
    }
}
