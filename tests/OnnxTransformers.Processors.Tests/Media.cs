using OnnxTransformers.Testing;

namespace OnnxTransformers.Processors;

/// <summary>The pictures that fixtures name as "media/cat.png", and what reads them.</summary>
internal static class Media
{
    internal static ImageLoader Loader { get; } = new(new VipsDecoder());

    internal static string Find(string name) => Fixtures.Media(name);
}
