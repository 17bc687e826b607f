using NUnit.Framework;

namespace OnnxTransformers.Processors.Postprocessing;

[TestFixture]
public class UnsortedTopTests
{
    [Test]
    public void Few_of_many_come_sorted() => Assert.That(UnsortedTop.Of([.. Enumerable.Range(0, 128).Select(i => (float)(i * 37 % 128))], 2), Is.EqualTo((int[])[83, 38]));

    [Test]
    public void Many_are_the_largest_in_whatever_order()
    {
        var random = new Random(1);
        for (var n = 1; n < 80; n++)
        {
            float[] values = [.. Enumerable.Range(0, n).Select(_ => random.NextSingle())];
            for (var k = 0; k <= n + 1; k++)
                Assert.That(UnsortedTop.Of(values, k), Is.EquivalentTo(Enumerable.Range(0, n).OrderByDescending(i => values[i]).Take(k)), $"{k} of {n}");
        }
    }

    [Test]
    public void Falling_values_end_too() => Assert.That(UnsortedTop.Of([.. Enumerable.Range(0, 5000).Select(i => i % 7 == 0 ? 0f : -i)], 2500), Is.Unique.And.Length.EqualTo(2500));
}
