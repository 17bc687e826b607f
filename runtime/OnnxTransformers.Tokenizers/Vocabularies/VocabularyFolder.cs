using System.Globalization;

namespace OnnxTransformers.Tokenizers;

/// <summary>The vocabulary files of a checkpoint's folder, and the configuration beside them.</summary>
internal sealed class VocabularyFolder(string path, TokenizerConfig config)
{
    internal TokenizerConfig Config => config;

    internal bool Has(string file) => File.Exists(Path.Combine(path, file));

    internal byte[] Bytes(string file)
    {
        try
        {
            return File.ReadAllBytes(Path.Combine(path, file));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CorruptCheckpointException($"reading the tokenizer of {path}", new Problem(file, "no such file", $"the vocabulary of {config.Class.Name}Tokenizer, or a tokenizer.json"), e);
        }
    }

    /// <summary>The lines of a text, as Python's text files give them: any of the three ends of lines, the last one with or without.</summary>
    internal List<string> Lines(string file)
    {
        var bytes = Bytes(file);
        if (!System.Text.Unicode.Utf8.IsValid(bytes)) throw Corrupt(file, "bytes that are no UTF-8", "UTF-8");
        var text = Vocabulary.Encoding8.GetString(bytes).Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        List<string> lines = [.. text.Split('\n')];
        if (lines[^1].Length == 0) lines.RemoveAt(lines.Count - 1);
        return lines;
    }

    /// <summary>A vocab.txt: a token a line, its number is its id.</summary>
    internal Vocabulary TokenLines(string file)
    {
        var lines = Lines(file);
        return lines.Count == 0 ? throw Corrupt(file, "no tokens", "a token a line") : VocabularyOf(lines.Select((token, id) => (token, id)), file);
    }

    /// <summary>A vocab.json: ids by token.</summary>
    internal List<(string Token, int Id)> TokenIds(string file, string? part = null)
    {
        var root = JsonPlace.Read(Bytes(file), file);
        if (part is not null) root = root.Find(part) ?? throw root.Corrupt($"no vocabulary \"{part}\"", string.Join(", ", root.Members().Take(20).Select(m => m.Key)));
        return [.. root.Members().Select(m => (m.Key, m.Value.Count()))];
    }

    internal static Vocabulary VocabularyOf(IEnumerable<(string Token, int Id)> tokens, string file)
    {
        var vocabulary = new Vocabulary();
        foreach (var (token, id) in tokens) vocabulary.Add(token, id);
        if (vocabulary.MaxId > 8L * vocabulary.Entries + 1_000_000)
            throw Corrupt(file, $"{vocabulary.Entries} tokens and an id of {vocabulary.MaxId}", "ids that are not far beyond the number of tokens");
        return vocabulary.Freeze();
    }

    /// <summary>The merges of a merges.txt, each once and in order.</summary>
    /// <param name="file">The file.</param>
    /// <param name="firstLine">Lines before this one are a heading.</param>
    /// <param name="parts">How many words a line has: two, or three where a frequency follows.</param>
    internal List<(string Left, string Right)> Merges(string file, int firstLine = 1, int parts = 2)
    {
        var merges = new List<(string, string)>();
        var seen = new HashSet<(string, string)>();
        foreach (var (line, number) in Lines(file).Select((l, i) => (l, i + 1)).Skip(firstLine))
        {
            var words = PythonText.Split(line);
            if (words.Count == 0) continue;
            if (words.Count != parts) throw Corrupt(file, $"line {number.ToString(CultureInfo.InvariantCulture)} has {words.Count} words", parts == 2 ? "two tokens" : "two tokens and how often they were seen");
            if (seen.Add((words[0], words[1]))) merges.Add((words[0], words[1]));
        }
        return merges;
    }

    /// <summary>A byte-pair model of tokens and merges.</summary>
    internal static BytePairModel BytePairs(Vocabulary vocabulary, List<(string Left, string Right)> merges, BytePairModel.Settings settings, string file)
    {
        var table = new MergeTable(merges.Count);
        var fallback = settings.ByteFallback ? Enumerable.Range(0, 256).Select(b => vocabulary.Find($"<0x{b:X2}>")).Where(id => id >= 0).ToHashSet() : [];
        var touchesFallback = false;
        for (var rank = 0; rank < merges.Count; rank++)
        {
            var (left, right) = merges[rank];
            var (a, b, whole) = (Find(left), Find(right), Find(left + right[settings.Prefix.Length..]));
            table.Add(a, b, rank, whole);
            touchesFallback |= fallback.Contains(a) || fallback.Contains(b);
        }
        return new(vocabulary, table, settings, touchesFallback);

        int Find(string token) => vocabulary.Find(token) is var id and >= 0 ? id : throw Corrupt(file, $"a merge with the token \"{token}\", which the vocabulary does not have", "merges of tokens into a token");
    }

    internal static CorruptCheckpointException Corrupt(string file, string found, string supported) => new($"reading {file}", new Problem(file, found, supported));
}
