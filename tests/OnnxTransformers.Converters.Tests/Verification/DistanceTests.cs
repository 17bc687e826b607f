using System.Collections.Immutable;
using NUnit.Framework;

namespace OnnxTransformers.Converters.Verification;

internal sealed class DistanceTests
{
    private static readonly Bounds Narrow = new(1e-4, 0.999999);
    private static readonly ImmutableArray<Range> All = [0..3, 0..3];

    [Test]
    public void Equal_results_are_not_apart() => Assert.That(Distance.Between(Rows(1, 2, 3, 4, 5, 6), Rows(1, 2, 3, 4, 5, 6), All), Is.EqualTo(Distance.Zero));

    [Test]
    public void The_largest_difference_is_a_share_of_the_largest_value()
    {
        var d = Distance.Between(Rows(1, 2, 3, 4, 5, 10), Rows(1, 2, 3, 4, 5, 10.5), All);
        Assert.That((d.MaxAbs, d.Relative), Is.EqualTo((0.5, 0.05)));
        Assert.That(d.Within(Narrow), Is.False);
    }

    [Test]
    public void The_scale_may_come_from_more_results()
    {
        var results = Distance.Scales([([Rows(1, 2, 3, 4, 5, 6)], All), ([Rows(1, 2, -20, 4, 5, 99)], [0..3, 0..2])]);
        Assert.That(results["logits"], Is.EqualTo(20));
        Assert.That(Distance.Between([Rows(1, 2, 3, 4, 5, 6)], [Rows(1, 2, 3, 4, 5, 7)], All, results).Relative, Is.EqualTo(0.05));
    }

    [Test]
    public void Positions_of_padding_do_not_count()
    {
        ImmutableArray<Range> real = [0..2, 1..3];
        Assert.Multiple(() =>
        {
            Assert.That(Distance.Between(Rows(1, 2, 3, 4, 5, 6), Rows(1, 2, 99, 99, 5, 6), real), Is.EqualTo(Distance.Zero));
            Assert.That(Distance.Between(Rows(1, 2, 3, 4, 5, 6), Rows(1, 2, 3, 4, 5, 99), real).Within(Narrow), Is.False);
        });
    }

    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void A_number_that_is_none_is_infinitely_far(double value) => Assert.That(Distance.Between(Rows(1, 2, 3, 4, 5, 6), Rows(1, 2, 3, 4, 5, value), All), Is.EqualTo(Distance.Infinite));

    [Test]
    public void Equal_infinities_are_not_apart() =>
        Assert.That(Distance.Between(Rows(1, 2, 3, 4, 5, double.NegativeInfinity), Rows(1, 2, 3, 4, 5, double.NegativeInfinity), All), Is.EqualTo(Distance.Zero));

    [Test]
    public void Another_shape_is_infinitely_far() => Assert.That(Distance.Between(Rows(1, 2, 3, 4, 5, 6), Rows(1, 2, 3, 4, 5, 6).Positions(0, 2), All), Is.EqualTo(Distance.Infinite));

    [Test]
    public void Opposite_results_have_a_cosine_of_minus_one() => Assert.That(Distance.Between(Rows(1, 1, 1, 1, 1, 1), Rows(-1, -1, -1, -1, -1, -1), All).Cosine, Is.EqualTo(-1).Within(1e-12));

    [Test]
    public void A_few_numbers_have_no_cosine_where_that_is_asked_for()
    {
        Assert.That(Distance.Between(Rows(1, 1, 1, 1, 1, 1), Rows(-1, -1, -1, -1, -1, -1), All, fewest: 7), Is.EqualTo(new Distance(2, 2, 1)));
        Assert.That(Distance.Between(Rows(1, 1, 1, 1, 1, 1), Rows(-1, -1, -1, -1, -1, -1), All, fewest: 6).Cosine, Is.EqualTo(-1).Within(1e-12));
    }

    private static Tensor Rows(params double[] values) => new(new TensorSpec("logits", ElementType.Float, [new(null, Tensor.Batch), new(null, Tensor.Sequence)]), [2, 3], values);
}
