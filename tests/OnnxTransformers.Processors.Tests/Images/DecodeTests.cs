using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Processors.Images;

/// <summary>Every media file as stored and as load_image gives it, against Pillow.</summary>
[TestFixture]
public class DecodeTests
{
    private static readonly Lazy<Golden?> Golden = new(() => Fixtures.TryFind("image_processing/decode") is { } folder ? Testing.Golden.Load(folder) : null);

    // Palette images come expanded, so their indices can't be compared; bilevel ones come as 0 and 255.
    private static IEnumerable<string> Names => Golden.Value?.Cases.Where(c => Mode(c) != "P").Select(c => c.Name) ?? [];

    [Test]
    [TestCaseSource(nameof(Names))]
    public void Libvips_decodes_as_Pillow(string name) => Check(name, Media.Loader, atMost: name == "photo_webp_raw" ? 0 : 0);

    private static void Check(string name, ImageLoader loader, int atMost)
    {
        var test = Golden.Value!.Cases.Single(c => c.Name == name);
        var arguments = test.Json.GetProperty("arguments");
        var path = Media.Find(arguments.GetProperty("images")[0].GetString()!);
        var image = arguments.GetProperty("load").GetString() == "load_image" ? loader.Load(path) : loader.LoadStored(path);
        var shape = test.Json.GetProperty("outputs").GetProperty("pixels.shape").GetProperty("value").EnumerateArray().Select(v => v.GetInt32()).ToArray();
        Assert.That((image.Height, image.Width), Is.EqualTo((shape[0], shape[1])));
        var values = image.Mode == ImageMode.Gray16
            ? [.. Enumerable.Range(0, image.Width * image.Height).Select(i => (int)BitConverter.ToUInt16(image.Pixels.Span[(2 * i)..]))]
            : image.Pixels.ToArray().Select(b => (int)b).ToArray();
        if (Mode(test) == "1") values = [.. values.Select(v => v / 255)];
        var step = arguments.GetProperty("step").GetProperty("pixels").GetInt32();
        var want = test.Output("pixels.sample").Longs();
        var got = values.Where((_, i) => i % step == 0).ToArray();
        Assert.That(got, Has.Length.EqualTo(want.Length));
        var worst = got.Zip(want, (a, b) => Math.Abs(a - b)).Max();
        Assert.That(worst, Is.LessThanOrEqualTo(atMost), () => $"{got.Zip(want).Count(p => p.First != p.Second)} of {want.Length} values differ");
    }

    private static string Mode(GoldenCase c) => c.Json.GetProperty("arguments").GetProperty("mode").GetString()!;
}
