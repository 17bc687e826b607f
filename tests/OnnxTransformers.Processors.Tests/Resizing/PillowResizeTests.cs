using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Processors.Resizing;

/// <summary>Every case of image_processing/pil-resize, to the bit.</summary>
[TestFixture]
public class PillowResizeTests
{
    private static readonly Lazy<Golden?> Golden = new(() => Fixtures.TryFind("image_processing/pil-resize") is { } folder ? Testing.Golden.Load(folder) : null);

    private static IEnumerable<string> Names => Golden.Value?.Cases.Select(c => c.Name) ?? [];

    [Test]
    [TestCaseSource(nameof(Names))]
    public void Resizes_as_Pillow_to_the_bit(string name)
    {
        var test = Golden.Value!.Cases.Single(c => c.Name == name);
        var arguments = test.Json.GetProperty("arguments");
        var source = Source(arguments.GetProperty("source").GetString()!);
        var filter = Enum.Parse<ResampleFilter>(arguments.GetProperty("filter").GetString()!, ignoreCase: true);
        double? gap = arguments.TryGetProperty("reducing_gap", out var g) ? g.GetDouble() : null;
        var resized = source.Resize(arguments.GetProperty("width").GetInt32(), arguments.GetProperty("height").GetInt32(), filter, reducingGap: gap);
        var want = test.Output("pixels");
        Assert.That((resized.Height, resized.Width), Is.EqualTo(((int)want.Shape[0], (int)want.Shape[1])));
        Assert.That(resized.Pixels.Span.SequenceEqual(want.Bytes.Span), Is.True, () => $"{resized.Pixels.ToArray().Zip(want.Bytes.ToArray()).Count(p => p.First != p.Second)} of {want.Count} values differ");
    }

    private static Image Source(string name)
    {
        if (name.StartsWith("media/", StringComparison.Ordinal)) return Media.Loader.Load(Media.Find(name));
        var tensor = Golden.Value!.Tensors[$"source/{name}"];
        return new Image((int)tensor.Shape[1], (int)tensor.Shape[0], tensor.Shape.Count == 2 ? ImageMode.Gray : ImageMode.Rgb, tensor.Bytes);
    }
}
