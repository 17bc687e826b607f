using OnnxTransformers.Processors;

namespace OnnxTransformers.Pipelines;

/// <summary>What reads pictures in these tests.</summary>
internal static class Decoder
{
    internal static IImageDecoder Require() => new VipsDecoder();
}
