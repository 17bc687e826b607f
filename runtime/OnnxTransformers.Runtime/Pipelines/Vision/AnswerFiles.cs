using System.Globalization;
using System.Text.Json;
using OnnxTransformers.Processors;
using OnnxTransformers.Processors.Drawing;

namespace OnnxTransformers;

/// <summary>The files that belong to answers: pictures that are part of them, and copies of the pictures asked about with the answers drawn onto them. Thread-safe.</summary>
internal sealed class AnswerFiles(PipelineOptions options)
{
    private int _lines;

    /// <summary>Files of the next line. Lines that are refused count, too: ask before anything can go wrong.</summary>
    internal LineFiles NextLine() => new(options, Interlocked.Increment(ref _lines).ToString("D6", CultureInfo.InvariantCulture));
}

/// <summary>The files of one line; its number, counted from one, begins their names.</summary>
internal sealed class LineFiles(PipelineOptions options, string number)
{
    private int _files, _drawings;

    /// <summary>Writes a picture of an answer, and {"png": name} in its place.</summary>
    /// <param name="output">Takes the name.</param>
    /// <param name="image">The picture.</param>
    /// <param name="kind">What it is, as "mask".</param>
    internal void Write(Utf8JsonWriter output, Image image, string kind)
    {
        if (options.FilesFolder is not { } folder)
            throw new InvalidInputException("writing an answer", new Problem(kind, "a picture, and no folder for it", "a folder", "name one: --files, or PipelineOptions.FilesFolder"));
        Directory.CreateDirectory(folder);
        var name = $"{number}.{_files++}.{kind}.png";
        PngFile.Write(image, Path.Combine(folder, name));
        output.WriteStartObject();
        output.WriteString("png", name);
        output.WriteEndObject();
    }

    /// <summary>Draws an answer onto a copy of its picture, where that is asked for.</summary>
    internal void Draw(PictureInput input, Image image, Action<ImageDrawing> draw)
    {
        if (options.DrawFolder is not { } folder) return;
        Directory.CreateDirectory(folder);
        var drawing = new ImageDrawing(image);
        draw(drawing);
        var stem = input.Path is { } path ? $"-{Path.GetFileNameWithoutExtension(path)}" : "";
        PngFile.Write(drawing.ToImage(), Path.Combine(folder, $"{number}.{_drawings++}{stem}.png"));
    }
}
