using System.Text.Json;
using OnnxTransformers.Processors;
using OnnxTransformers.Processors.Drawing;

namespace OnnxTransformers;

/// <summary>What pipelines share that find objects.</summary>
internal static class PictureBoxes
{
    /// <summary>Edges cut to whole pixels, towards zero.</summary>
    internal static DetectedObject Cut(Detection found, string label) => new(label, found.Score, (int)found.Left, (int)found.Top, (int)found.Right, (int)found.Bottom);

    internal static void Write(Utf8JsonWriter output, IReadOnlyList<DetectedObject> found)
    {
        output.WriteStartArray();
        foreach (var item in found)
        {
            output.WriteStartObject();
            output.WriteFinite("score", item.Score);
            output.WriteString("label", item.Label);
            output.WriteStartObject("box");
            output.WriteNumber("xmin", item.Left);
            output.WriteNumber("ymin", item.Top);
            output.WriteNumber("xmax", item.Right);
            output.WriteNumber("ymax", item.Bottom);
            output.WriteEndObject();
            output.WriteEndObject();
        }
        output.WriteEndArray();
    }

    /// <summary>Draws the worst first, so that the best lie on top; each label has a colour.</summary>
    internal static void Draw(ImageDrawing drawing, IReadOnlyList<DetectedObject> found)
    {
        string[] labels = [.. found.Select(f => f.Label).Distinct().Order(StringComparer.Ordinal)];
        foreach (var item in found.OrderBy(f => f.Score)) drawing.Box(item.Left, item.Top, item.Right, item.Bottom, PictureLabels.Line(item.Label, item.Score), Array.IndexOf(labels, item.Label));
    }
}
