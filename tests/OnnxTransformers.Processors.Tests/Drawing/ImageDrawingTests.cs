using NUnit.Framework;

namespace OnnxTransformers.Processors.Drawing;

[TestFixture]
public class ImageDrawingTests
{
    private static readonly Image Black = new(40, 30, ImageMode.Rgb, new byte[3600]);

    [Test]
    public void A_box_is_a_frame_of_two_pixels_cut_at_the_border()
    {
        var drawing = new ImageDrawing(Black);
        drawing.Box(-5, 10, 20, 20, "", 0);
        var image = drawing.ToImage();
        Assert.That(At(image, 0, 10), Is.EqualTo((230, 159, 0)));
        Assert.That(At(image, 20, 15), Is.EqualTo((230, 159, 0)));
        Assert.That(At(image, 19, 20), Is.EqualTo((230, 159, 0)));
        Assert.That(At(image, 10, 15), Is.EqualTo((0, 0, 0)));
        Assert.That(At(image, 21, 15), Is.EqualTo((0, 0, 0)));
        Assert.That(Black.Pixels.ToArray(), Is.All.Zero, "the picture itself stays");
    }

    [Test]
    public void A_name_stands_above_its_box_in_letters_of_five_by_seven()
    {
        var drawing = new ImageDrawing(Black);
        drawing.Box(10, 15, 30, 25, "I", 1);
        var image = drawing.ToImage();
        string[] rows = [.. Enumerable.Range(7, 7).Select(y => string.Concat(Enumerable.Range(11, 5).Select(x => At(image, x, y) == (0, 0, 0) ? '#' : '.')))];
        Assert.That(rows, Is.EqualTo((string[])[".###.", "..#..", "..#..", "..#..", "..#..", "..#..", ".###."]));
        Assert.That(At(image, 10, 6), Is.EqualTo((86, 180, 233)));
    }

    [Test]
    public void A_mask_tints_what_it_covers()
    {
        var mask = new byte[1200];
        mask[41] = 255;
        var drawing = new ImageDrawing(Black);
        drawing.Mask(new Image(40, 30, ImageMode.Gray, mask), "", 0);
        var image = drawing.ToImage();
        Assert.That((At(image, 1, 1), At(image, 2, 1)), Is.EqualTo(((115, 79, 0), (0, 0, 0))));
    }

    [Test]
    public void Depth_goes_from_dark_to_bright()
    {
        var drawing = new ImageDrawing(Black);
        drawing.Depth(new Image(40, 30, ImageMode.Gray, (byte[])[.. Enumerable.Range(0, 1200).Select(i => (byte)(i % 40 * 255 / 39))]));
        var image = drawing.ToImage();
        int[] sums = [.. Enumerable.Range(0, 40).Select(x => At(image, x, 3) is var (r, g, b) ? r + g + b : 0)];
        Assert.That(sums, Is.Ordered);
        Assert.That(sums[^1], Is.GreaterThan(400));
    }

    [Test]
    public void Masks_and_depth_of_another_size_are_refused()
    {
        Assert.That(() => new ImageDrawing(Black).Mask(new Image(1, 1, ImageMode.Gray, new byte[1]), "", 0),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("drawing a mask: 1 x 1 pixels of mode Gray; supported: 40 x 30 pixels of mode Gray"));
        Assert.That(() => new ImageDrawing(Black).Depth(new Image(1, 1, ImageMode.Gray, new byte[1])),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("drawing depth: 1 x 1 pixels of mode Gray; supported: 40 x 30 pixels of mode Gray"));
    }

    private static (int, int, int) At(Image image, int x, int y) => (image.Pixels.Span[3 * (y * image.Width + x)], image.Pixels.Span[3 * (y * image.Width + x) + 1], image.Pixels.Span[3 * (y * image.Width + x) + 2]);
}
