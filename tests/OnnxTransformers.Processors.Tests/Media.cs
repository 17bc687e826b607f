using OnnxTransformers.Testing;

namespace OnnxTransformers.Processors;

/// <summary>The pictures that fixtures name as "media/cat.png", and what reads them.</summary>
internal static class Media
{
    internal static ImageLoader Loader { get; } = new(new VipsDecoder());

    internal static string Find(string name)
    {
        var path = Fixtures.Shared is null ? null : Path.Combine(Fixtures.Shared, name.Replace('/', Path.DirectorySeparatorChar));
        if (path is null || !File.Exists(path)) NUnit.Framework.Assert.Ignore($"{name} is not here: {Fixtures.Description}");
        return path!;
    }
}
