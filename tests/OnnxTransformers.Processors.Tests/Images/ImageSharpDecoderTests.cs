using NUnit.Framework;

namespace OnnxTransformers.Processors.Images;

/// <summary>The second decoder gives what the first does, as far as its codecs allow.</summary>
[TestFixture]
public class ImageSharpDecoderTests
{
    private static readonly ImageLoader Loader = new(new ImageSharpDecoder());

    [TestCase("cat.png", 0)]
    [TestCase("coins.png", 0)]
    [TestCase("bilevel.png", 0)]
    [TestCase("gray16.png", 0)]
    [TestCase("gray_alpha.png", 0)]
    [TestCase("palette.png", 0)]
    [TestCase("palette_transparent.png", 0)]
    [TestCase("rgba.png", 0)]
    [TestCase("animated.gif", 0)]
    [TestCase("photo.bmp", 0)]
    [TestCase("photo.tiff", 0)]
    [TestCase("china.jpg", 4)]
    [TestCase("progressive.jpg", 20)]
    [TestCase("exif_orientation_6.jpg", 20)]
    [TestCase("gray.jpg", 2)]
    [TestCase("cmyk.jpg", 2)]
    [TestCase("photo.webp", 0)]
    public void Decodes_as_libvips(string name, int levels)
    {
        var path = Media.Find($"media/{name}");
        var (got, want) = (Loader.Load(path), Media.Loader.Load(path));
        Assert.That((got.Width, got.Height), Is.EqualTo((want.Width, want.Height)));
        var apart = got.Pixels.ToArray().Zip(want.Pixels.ToArray(), (a, b) => Math.Abs(a - b)).ToArray();
        TestContext.Out.WriteLine($"{name}: most apart {apart.Max()}, {apart.Count(a => a == 0) / (double)apart.Length:P2} equal");
        Assert.That(apart.Max(), Is.LessThanOrEqualTo(levels));
    }

    [Test]
    public void Damaged_files_are_refused([Values("cat.png", "china.jpg", "photo.webp")] string name)
    {
        var file = File.ReadAllBytes(Media.Find($"media/{name}"));
        Assert.That(() => Loader.Load(file.AsMemory(0, 40)), Throws.TypeOf<InvalidInputException>().With.Message.StartsWith("decoding an image: "));
    }

    [Test]
    public void Large_pictures_are_refused_before_decoding()
    {
        var file = Media.Find("media/cat.png");
        Assert.That(() => new ImageLoader(new ImageSharpDecoder(), new ImageLimits(MaxPixels: 1000)).Load(file),
            Throws.TypeOf<InvalidInputException>().With.Message.Contains("451 x 300 pixels; supported: at most 1000 pixels"));
    }
}
