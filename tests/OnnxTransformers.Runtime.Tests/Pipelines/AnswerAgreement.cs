using System.Text.Json;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Pipelines;

/// <summary>Compares an answer with the reference's: numbers to 1e-4 of the larger of 1 and their size, everything else exactly.</summary>
internal static class AnswerAgreement
{
    private const double Tolerance = 1e-4;

    /// <summary>Null where they agree, else where and how they differ.</summary>
    internal static string? Difference(JsonElement got, JsonElement want, GoldenCase tensors, string path = "answer")
    {
        switch (want.ValueKind)
        {
            case JsonValueKind.Object when want.TryGetProperty("tensor", out var name):
                return Difference(got, tensors.Golden.Tensors[name.GetString()!], path);
            case JsonValueKind.Object:
                var names = want.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal).ToList();
                if (got.ValueKind != JsonValueKind.Object || !got.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal).SequenceEqual(names)) return $"{path}: {Short(got)}, not keys {string.Join(", ", names)}";
                return want.EnumerateObject().Select(p => Difference(got.GetProperty(p.Name), p.Value, tensors, $"{path}.{p.Name}")).FirstOrDefault(d => d is not null);
            case JsonValueKind.Array:
                if (got.ValueKind != JsonValueKind.Array || got.GetArrayLength() != want.GetArrayLength()) return $"{path}: {Short(got)}, not {want.GetArrayLength()} entries";
                return want.EnumerateArray().Select((w, i) => Difference(got[i], w, tensors, $"{path}[{i}]")).FirstOrDefault(d => d is not null);
            case JsonValueKind.Number:
                return got.ValueKind == JsonValueKind.Number && Near(got.GetDouble(), want.GetDouble(), 1) ? null : $"{path}: {Short(got)}, not {want}";
            default:
                return got.ValueKind == want.ValueKind && got.ToString() == want.ToString() ? null : $"{path}: {Short(got)}, not {Short(want)}";
        }
    }

    /// <summary>Compares nested lists with a tensor.</summary>
    internal static string? Difference(JsonElement got, GoldenTensor want, string path)
    {
        var (values, shape) = (new List<double>(), new List<long>());
        for (var level = got; ; level = level[0])
        {
            if (level.ValueKind != JsonValueKind.Array) break;
            shape.Add(level.GetArrayLength());
            if (level.GetArrayLength() == 0) break;
        }
        Flatten(got, values);
        if (!shape.SequenceEqual(want.Shape) || values.Count != want.Count) return $"{path}: shape [{string.Join(", ", shape)}], not [{string.Join(", ", want.Shape)}]";
        var largest = Enumerable.Range(0, want.Count).Select(i => Math.Abs(want[i])).DefaultIfEmpty(1).Max();
        for (var i = 0; i < values.Count; i++)
            if (!Near(values[i], want[i], largest)) return $"{path}: {values[i]} at element {i}, not {want[i]}";
        return null;
    }

    private static void Flatten(JsonElement element, List<double> values)
    {
        if (element.ValueKind == JsonValueKind.Array)
            foreach (var item in element.EnumerateArray()) Flatten(item, values);
        else values.Add(element.GetDouble());
    }

    private static bool Near(double got, double want, double scale) => Math.Abs(got - want) <= Tolerance * Math.Max(1, Math.Max(scale, Math.Abs(want)));

    private static string Short(JsonElement element)
    {
        var text = element.ToString();
        return text.Length > 80 ? text[..80] + "..." : text;
    }
}
