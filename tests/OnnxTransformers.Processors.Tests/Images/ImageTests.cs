using NUnit.Framework;

namespace OnnxTransformers.Processors.Images;

[TestFixture]
public class ImageTests
{
    private static readonly Image Small = new(3, 2, ImageMode.Gray, new byte[] { 1, 2, 3, 4, 5, 6 });

    [TestCase(2, new byte[] { 3, 2, 1, 6, 5, 4 })]
    [TestCase(3, new byte[] { 6, 5, 4, 3, 2, 1 })]
    [TestCase(4, new byte[] { 4, 5, 6, 1, 2, 3 })]
    [TestCase(5, new byte[] { 1, 4, 2, 5, 3, 6 })]
    [TestCase(6, new byte[] { 4, 1, 5, 2, 6, 3 })]
    [TestCase(7, new byte[] { 6, 3, 5, 2, 4, 1 })]
    [TestCase(8, new byte[] { 3, 6, 2, 5, 1, 4 })]
    [TestCase(0, new byte[] { 1, 2, 3, 4, 5, 6 })]
    public void Upright_turns_and_mirrors(int orientation, byte[] want) => Assert.That(Small.Upright(orientation).Pixels.ToArray(), Is.EqualTo(want));

    [Test]
    public void Crop_fills_what_lies_outside() => Assert.That(Small.Crop(-1, 1, 3, 2, 9).Pixels.ToArray(), Is.EqualTo(new byte[] { 9, 4, 5, 9, 9, 9 }));

    [Test]
    public void Cmyk_is_multiplied_out() => Assert.That(new Image(1, 1, ImageMode.Cmyk, new byte[] { 255, 0, 128, 55 }).ToRgb().Pixels.ToArray(), Is.EqualTo(new byte[] { 0, 200, 100 }));

    [Test]
    public void Alpha_on_white() => Assert.That(new Image(3, 1, ImageMode.Rgba, new byte[] { 10, 20, 30, 0, 10, 20, 30, 255, 0, 100, 255, 128 }).OnWhite().Pixels.ToArray(), Is.EqualTo(new byte[] { 255, 255, 255, 10, 20, 30, 127, 177, 255 }));

    [Test]
    public void Pixels_that_are_too_few() =>
        Assert.That(() => new Image(2, 2, ImageMode.Rgb, new byte[11]),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("making an image: 11 bytes of pixels; supported: 12 bytes for 2 x 2 pixels of Rgb"));

    [Test]
    public void The_whole_picture_is_filtered_alike_on_one_core_and_on_all([Values(1, 2, 3, 4)] int channels, [Values] ResampleFilter filter)
    {
        var mode = channels switch { 1 => ImageMode.Gray, 2 => ImageMode.GrayAlpha, 3 => ImageMode.Rgb, _ => ImageMode.Cmyk };
        var pixels = new byte[517 * 389 * channels];
        new Random(channels).NextBytes(pixels);
        var image = new Image(517, 389, mode, pixels);
        var one = image.Resize(301, 77, filter, threads: 1);
        Assert.That(image.Resize(301, 77, filter).Pixels.Span.SequenceEqual(one.Pixels.Span), Is.True);
        if (channels is 2) return;
        // Each channel alone gives the same.
        for (var c = 0; c < channels; c++)
        {
            var plane = new Image(517, 389, ImageMode.Gray, pixels.Where((_, i) => i % channels == c).ToArray()).Resize(301, 77, filter);
            Assert.That(one.Pixels.ToArray().Where((_, i) => i % channels == c), Is.EqualTo(plane.Pixels.ToArray()));
        }
    }
}
