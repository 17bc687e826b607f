namespace OnnxTransformers.Processors;

/// <summary>Takes the decoder's place in a tool that was built where NetVips can't be restored: everything but pictures works.</summary>
internal sealed class VipsDecoder : IImageDecoder
{
    /// <exception cref="ProviderUnavailableException">Always.</exception>
    internal VipsDecoder() => throw new ProviderUnavailableException("loading libvips", "libvips",
        [new Problem("libvips", "this onnx-transformers was built without it", "a build with the packages NetVips and NetVips.Native", "build it where a NuGet source serves them: eng/setup names what is missing")]);

    /// <inheritdoc/>
    public string Name => "none";

    /// <inheritdoc/>
    public DecodedImage Decode(ReadOnlyMemory<byte> file, ImageFormat format, ImageLimits limits) => throw new NotSupportedException();
}
