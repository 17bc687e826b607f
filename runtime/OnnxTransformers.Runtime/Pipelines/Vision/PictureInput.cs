using OnnxTransformers.Processors;

namespace OnnxTransformers;

/// <summary>A picture that a pipeline is asked about: the name of a file, or pixels.</summary>
public readonly record struct PictureInput
{
    /// <summary>A file, which the pipeline's decoder reads.</summary>
    public PictureInput(string path) => Path = path;

    /// <summary>A decoded picture, upright; modes other than RGB are converted.</summary>
    public PictureInput(Image image) => Image = image;

    /// <summary>The file; null where the pixels were given.</summary>
    public string? Path { get; }

    /// <summary>The pixels; null where a file was given.</summary>
    public Image? Image { get; }

    /// <summary>A file.</summary>
    public static implicit operator PictureInput(string path) => new(path);

    /// <summary>A decoded picture.</summary>
    public static implicit operator PictureInput(Image image) => new(image);

    internal Image Load(ImageLoader loader) => Image is { } image ? image.ToRgb() : loader.Load(Path ?? throw new InvalidInputException("reading an image", new Problem("", "no picture", "the name of a file, or an Image")));
}
