using OnnxTransformers.Processors;

namespace OnnxTransformers;

/// <summary>How a pipeline opens its graphs and how much it gives them at once.</summary>
public sealed record PipelineOptions : RuntimeOptions
{
    /// <summary>The defaults.</summary>
    public static new PipelineOptions Default { get; } = new();

    /// <summary>Tokens that one run may hold, padding included; a longer row runs alone. Rows are sorted by length first, and answers come back in the caller's order.</summary>
    public int BatchTokens { get; init; } = 4096;

    /// <summary>Rows that one run may hold.</summary>
    public int BatchRows { get; init; } = 128;

    /// <summary>The library that decodes pictures, as <c>new VipsDecoder()</c>; without one, pictures come as <see cref="Image"/> or in Windows bitmaps.</summary>
    public IImageDecoder? ImageDecoder { get; init; }

    /// <summary>How large a picture may be.</summary>
    public ImageLimits ImageLimits { get; init; } = ImageLimits.Default;

    /// <summary>Elements of pixels that one run may hold; a larger picture runs alone. The default is room for seven pictures of 224 x 224.</summary>
    public int BatchPixels { get; init; } = 1 << 20;

    /// <summary>The folder that names of files in lines are relative to; the current one without it.</summary>
    public string? SourceFolder { get; init; }

    /// <summary>The folder that takes the files of answers to lines. Without it, an answer with a picture is refused.</summary>
    public string? FilesFolder { get; init; }

    /// <summary>The folder that takes a copy of each line's picture with the answer drawn onto it; nothing is drawn without it.</summary>
    public string? DrawFolder { get; init; }
}
