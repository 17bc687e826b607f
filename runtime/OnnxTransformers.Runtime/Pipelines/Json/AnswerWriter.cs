using System.Text.Json;

namespace OnnxTransformers;

/// <summary>Writes numbers as JSON so that they read back as the same float32.</summary>
internal static class AnswerWriter
{
    internal static void WriteFinite(this Utf8JsonWriter output, float value) => output.WriteNumberValue(Finite(value));

    internal static void WriteFinite(this Utf8JsonWriter output, string name, float value) => output.WriteNumber(name, Finite(value));

    /// <summary>Writes a list of numbers.</summary>
    internal static void WriteVector(this Utf8JsonWriter output, ReadOnlySpan<float> values)
    {
        output.WriteStartArray();
        foreach (var value in values) output.WriteFinite(value);
        output.WriteEndArray();
    }

    /// <summary>Writes <paramref name="values"/>, row-major, as a list of lists of <paramref name="width"/> numbers.</summary>
    internal static void WriteMatrix(this Utf8JsonWriter output, ReadOnlySpan<float> values, int width)
    {
        output.WriteStartArray();
        for (var at = 0; at < values.Length; at += width) output.WriteVector(values.Slice(at, width));
        output.WriteEndArray();
    }

    /// <summary>Writes <paramref name="values"/>, row-major, as lists nested as deep as the shape.</summary>
    internal static void WriteTensor(this Utf8JsonWriter output, ReadOnlySpan<float> values, ReadOnlySpan<long> shape)
    {
        if (shape.Length <= 1)
        {
            output.WriteVector(values);
            return;
        }
        output.WriteStartArray();
        var share = shape[0] == 0 ? 0 : values.Length / (int)shape[0];
        for (var i = 0; i < shape[0]; i++) output.WriteTensor(values.Slice(i * share, share), shape[1..]);
        output.WriteEndArray();
    }

    /// <summary>JSON has no infinity, and a score that is none helps nobody.</summary>
    private static float Finite(float value) => float.IsFinite(value)
        ? value
        : throw new InvalidInputException("writing an answer", new Problem("score", $"{value}", "finite numbers", "the graph overflows on this input; use a package of a wider precision"));
}
