using NUnit.Framework;
using OnnxTransformers.Processors;

namespace OnnxTransformers.Pipelines;

/// <summary>Nothing reads pictures in these tests where libvips can't be restored.</summary>
internal static class Decoder
{
    internal static IImageDecoder Require()
    {
        Assert.Ignore("NetVips can't be restored here, and these tests read pictures");
        return null!;
    }
}
