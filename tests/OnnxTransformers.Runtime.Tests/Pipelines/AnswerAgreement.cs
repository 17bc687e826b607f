using System.Text.Json;
using OnnxTransformers.Processors;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Pipelines;

/// <summary>Compares an answer with the reference's: numbers to 1e-4 of the larger of 1 and their size, boxes to a pixel, pictures to 1 % of their values, everything else exactly.</summary>
/// <param name="c">The case, which holds tensors and pictures.</param>
/// <param name="files">The folder that pictures of the answer were written into.</param>
internal sealed class AnswerAgreement(GoldenCase c, string files)
{
    private const double Tolerance = 1e-4, PictureShare = 0.01;
    private const int GreyLevels = 2;
    private static readonly Lazy<ImageLoader> Loader = new(() => new(Decoder.Require()));

    /// <summary>Null where they agree, else where and how they differ.</summary>
    internal string? Difference(JsonElement got, JsonElement want, string path = "answer", double tolerance = Tolerance)
    {
        switch (want.ValueKind)
        {
            case JsonValueKind.Object when want.TryGetProperty("tensor", out var name):
                return Difference(got, c.Golden.Tensors[name.GetString()!], path, want);
            case JsonValueKind.Object when want.TryGetProperty("png", out var file):
                return got.ValueKind == JsonValueKind.Object && got.TryGetProperty("png", out var written) ? Pictures(Path.Combine(files, written.GetString()!), Path.Combine(c.Golden.Folder, file.GetString()!), path) : $"{path}: {Short(got)}, not a picture";
            case JsonValueKind.Object:
                var names = want.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal).ToList();
                if (got.ValueKind != JsonValueKind.Object || !got.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal).SequenceEqual(names)) return $"{path}: {Short(got)}, not keys {string.Join(", ", names)}";
                return want.EnumerateObject().Select(p => Difference(got.GetProperty(p.Name), p.Value, $"{path}.{p.Name}", p.Name == "box" ? 1 : tolerance)).FirstOrDefault(d => d is not null);
            case JsonValueKind.Array:
                if (got.ValueKind != JsonValueKind.Array || got.GetArrayLength() != want.GetArrayLength()) return $"{path}: {Short(got)}, not {want.GetArrayLength()} entries";
                return want.EnumerateArray().Select((w, i) => Difference(got[i], w, $"{path}[{i}]", tolerance)).FirstOrDefault(d => d is not null);
            case JsonValueKind.Number:
                return got.ValueKind == JsonValueKind.Number && Near(got.GetDouble(), want.GetDouble(), 1, tolerance) ? null : $"{path}: {Short(got)}, not {want}";
            default:
                return got.ValueKind == want.ValueKind && got.ToString() == want.ToString() ? null : $"{path}: {Short(got)}, not {Short(want)}";
        }
    }

    /// <summary>Compares nested lists with a tensor.</summary>
    /// <param name="got">The lists.</param>
    /// <param name="want">The tensor.</param>
    /// <param name="path">Where they stand.</param>
    /// <param name="facts">May tell the whole shape, and that of the last two axes only every so many entries are kept.</param>
    internal static string? Difference(JsonElement got, GoldenTensor want, string path, JsonElement facts = default)
    {
        if (facts.ValueKind == JsonValueKind.Object && facts.TryGetProperty("stride", out var stride) && stride.GetInt32() > 1)
        {
            long[] whole = [.. facts.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())];
            if (got.GetArrayLength() != whole[0] || got[0].GetArrayLength() != whole[1]) return $"{path}: {got.GetArrayLength()} x {got[0].GetArrayLength()}, not [{string.Join(", ", whole)}]";
            got = JsonSerializer.SerializeToElement(Kept(got, stride.GetInt32()).Select(row => Kept(row, stride.GetInt32())));
        }
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

    private static IEnumerable<JsonElement> Kept(JsonElement list, int stride) => list.EnumerateArray().Where((_, i) => i % stride == 0);

    private static string? Pictures(string got, string want, string path)
    {
        var (a, b) = (Loader.Value.LoadStored(got), Loader.Value.LoadStored(want));
        if ((a.Width, a.Height, a.Mode) != (b.Width, b.Height, b.Mode)) return $"{path}: {a.Width} x {a.Height} {a.Mode}, not {b.Width} x {b.Height} {b.Mode}";
        var (x, y, off) = (a.Pixels.ToArray(), b.Pixels.ToArray(), 0);
        for (var i = 0; i < x.Length; i++) off += Math.Abs(x[i] - y[i]) > GreyLevels ? 1 : 0;
        return off <= PictureShare * x.Length ? null : $"{path}: {(double)off / x.Length:P1} of the values differ";
    }

    private static void Flatten(JsonElement element, List<double> values)
    {
        if (element.ValueKind == JsonValueKind.Array)
            foreach (var item in element.EnumerateArray()) Flatten(item, values);
        else values.Add(element.GetDouble());
    }

    private static bool Near(double got, double want, double scale, double tolerance = Tolerance) => Math.Abs(got - want) <= tolerance * Math.Max(1, Math.Max(scale, Math.Abs(want)));

    private static string Short(JsonElement element)
    {
        var text = element.ToString();
        return text.Length > 80 ? text[..80] + "..." : text;
    }
}
