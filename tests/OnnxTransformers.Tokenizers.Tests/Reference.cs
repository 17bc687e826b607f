using System.IO.Compression;
using System.Text.Encodings.Web;
using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tokenizers;

/// <summary>Reads what the reference recorded, and counts where an answer differs from it.</summary>
internal sealed class Reference(string name)
{
    private const int MostShown = 10;

    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<string> _differences = [];
    private int _checked;

    internal static byte[] Bytes(string path)
    {
        if (!File.Exists(path)) path += ".gz";
        if (!path.EndsWith(".gz", StringComparison.Ordinal)) return File.ReadAllBytes(path);
        using var packed = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using var result = new MemoryStream();
        packed.CopyTo(result);
        return result.ToArray();
    }

    internal static IEnumerable<JsonElement> Lines(string path)
    {
        using var reader = new StreamReader(new MemoryStream(Bytes(path)));
        while (reader.ReadLine() is { } line)
            if (line.Length > 0) yield return JsonDocument.Parse(line).RootElement;
    }

    /// <summary>A folder's files, unpacked where they are packed.</summary>
    internal static ScratchFolder Unpack(string folder)
    {
        var scratch = new ScratchFolder();
        foreach (var file in Directory.EnumerateFiles(folder))
        {
            var plain = Path.GetFileName(file);
            if (plain.StartsWith("golden", StringComparison.Ordinal) || plain.StartsWith("decode", StringComparison.Ordinal) || plain.StartsWith("auto", StringComparison.Ordinal)) continue;
            if (plain.EndsWith(".gz", StringComparison.Ordinal)) plain = plain[..^3];
            File.WriteAllBytes(Path.Combine(scratch.FullName, plain), Bytes(file));
        }
        return scratch;
    }

    internal static string[]? Texts(JsonElement row, string key) =>
        row.TryGetProperty(key, out var list) && list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray().Select(t => t.GetString()!)] : null;

    /// <summary>Compares one value of a row, where it has it.</summary>
    internal void Check(JsonElement row, string key, Func<object> got)
    {
        if (!row.TryGetProperty(key, out var want)) return;
        _checked++;
        string actual;
        try
        {
            actual = JsonSerializer.Serialize(got(), Readable);
        }
        catch (OnnxTransformersException e)
        {
            actual = e.Message;
        }
        var expected = JsonSerializer.Serialize(want, Readable);
        if (actual != expected) _differences.Add($"{name} {key} of {Shorten(row.GetRawText())}\n  got    {Shorten(actual)}\n  wanted {Shorten(expected)}");
    }

    private static string Shorten(string text) => text.Length > 400 ? text[..400] + "..." : text;

    /// <summary>Fails with both sides of the first differences.</summary>
    internal void Assert()
    {
        TestContext.Out.WriteLine($"{name}: {_checked} values compared");
        NUnit.Framework.Assert.That(_checked, Is.GreaterThan(0), "nothing was compared");
        NUnit.Framework.Assert.That(_differences, Is.Empty, string.Join("\n", _differences.Take(MostShown)));
    }

    internal static int[][] Pairs(IEnumerable<Offset> offsets) => [.. offsets.Select(o => new[] { o.Start, o.End })];

    internal static int?[] OrNull(IEnumerable<int> values) => [.. values.Select(v => v < 0 ? (int?)null : v)];
}
