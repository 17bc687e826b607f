using OnnxTransformers.Processors;

namespace OnnxTransformers.Tool.Lines;

/// <summary>libvips, loaded when the first picture comes: commands that are asked about texts do without it.</summary>
internal sealed class LateDecoder : IImageDecoder
{
    private readonly Lazy<VipsDecoder> _decoder = new(() => new VipsDecoder());

    public string Name => _decoder.Value.Name;

    public DecodedImage Decode(ReadOnlyMemory<byte> file, ImageFormat format, ImageLimits limits) => _decoder.Value.Decode(file, format, limits);
}
