using NUnit.Framework;

namespace OnnxTransformers.Processors.Postprocessing;

internal sealed class KeypointDecoderTests
{
    [Test]
    public void Partners_that_are_padding_count_for_nothing()
    {
        // Two points in the first picture, one in the second: the second point's partner isn't there.
        var found = KeypointDecoder.Match([0.5f, 0.5f, 0.25f, 0.5f, 0.5f, 0.25f, 0, 0], [1, 1, 1, 0], [0, 1, 0, 1], [0.9f, 0.8f, 0.9f, 0.8f], (8, 4), (8, 4));
        Assert.That(found, Is.EqualTo((KeypointMatch[])[new(4, 2, 4, 1, 0.9f)]));
    }
}
