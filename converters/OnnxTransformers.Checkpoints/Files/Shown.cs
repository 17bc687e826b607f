using System.Globalization;
using System.Text;
using System.Text.Json;

namespace OnnxTransformers.Checkpoints;

/// <summary>Text from a file as a message may show it: short, and without control characters that a terminal would obey.</summary>
internal static class Shown
{
    private const int Longest = 120;

    internal static string Clip(string text)
    {
        var clipped = text.Length > Longest ? text[..Longest] + "..." : text;
        if (!clipped.Any(Unsafe)) return clipped;
        var safe = new StringBuilder();
        foreach (var c in clipped)
        {
            if (Unsafe(c)) safe.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else safe.Append(c);
        }
        return safe.ToString();
    }

    internal static string Tensor(string name) => $"tensor \"{Clip(name)}\"";

    internal static string Bytes(long count) => count.ToString("N0", CultureInfo.InvariantCulture) + (count == 1 ? " byte" : " bytes");

    /// <summary>Where text stops being JSON; the parser's own words differ between versions and may quote the text.</summary>
    internal static string Json(JsonException e) => string.Create(CultureInfo.InvariantCulture, $"not valid JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}");

    private static bool Unsafe(char c) => char.IsControl(c) || char.IsSurrogate(c)
        || c is '\u2028' or '\u2029' or (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069');
}
