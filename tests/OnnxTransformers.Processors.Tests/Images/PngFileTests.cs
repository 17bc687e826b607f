using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Processors.Images;

[TestFixture]
public class PngFileTests
{
    [TestCase(ImageMode.Gray)]
    [TestCase(ImageMode.Gray16)]
    [TestCase(ImageMode.GrayAlpha)]
    [TestCase(ImageMode.Rgb)]
    [TestCase(ImageMode.Rgba)]
    public void What_is_written_reads_back(ImageMode mode)
    {
        foreach (var (width, height) in ((int, int)[])[(1, 1), (7, 5), (300, 200)])
        {
            var pixels = new byte[width * height * mode.PixelBytes()];
            new Random(1).NextBytes(pixels);
            using var file = new MemoryStream();
            PngFile.Write(new Image(width, height, mode, pixels), file);
            var read = new VipsDecoder().Decode(file.ToArray(), ImageFormat.Png, ImageLimits.Default).Image;
            Assert.That((read.Width, read.Height, read.Mode), Is.EqualTo((width, height, mode)));
            Assert.That(read.Pixels.ToArray(), Is.EqualTo(pixels));
        }
    }

    [Test]
    public void Inks_are_refused() => Assert.That(() => PngFile.Write(new Image(1, 1, ImageMode.Cmyk, new byte[4]), Stream.Null),
        Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("writing a PNG: pixels of mode Cmyk; supported: Gray, Gray16, GrayAlpha, Rgb, Rgba. Next: convert it with ToRgb before"));

    [Test]
    public void What_is_refused_leaves_no_file()
    {
        using var scratch = new ScratchFolder();
        Assert.That(() => PngFile.Write(new Image(1, 1, ImageMode.Cmyk, new byte[4]), scratch["inks.png"]), Throws.TypeOf<InvalidInputException>());
        Assert.That(Directory.EnumerateFileSystemEntries(scratch.FullName), Is.Empty);
        PngFile.Write(new Image(1, 1, ImageMode.Gray, new byte[1]), scratch["gray.png"]);
        Assert.That(Directory.EnumerateFiles(scratch.FullName).Select(Path.GetFileName), Is.EqualTo((string[])["gray.png"]));
    }
}
