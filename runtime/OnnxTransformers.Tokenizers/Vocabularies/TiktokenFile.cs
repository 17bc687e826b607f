using System.Buffers.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>Vocabularies of byte strings with ranks: tiktoken's files (a token in base64 and its rank a line) and Mistral's tekken.json.</summary>
internal sealed record TiktokenFile(IReadOnlyList<byte[]> Tokens, Dictionary<string, int> Ranks)
{
    private const int LongestToken = 1024;

    /// <summary>True where bytes begin as tiktoken's files do: base64, a space, a number.</summary>
    internal static bool LooksLikeOne(ReadOnlySpan<byte> bytes)
    {
        var line = bytes[..(bytes.IndexOf((byte)'\n') is var end and >= 0 ? end : bytes.Length)].TrimEnd("\r "u8);
        var space = line.IndexOf((byte)' ');
        return space > 0 && line.Length > space + 1 && line[(space + 1)..].IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0 && Base64.IsValid(line[..space]);
    }

    internal static TiktokenFile Read(byte[] bytes, string name)
    {
        var (tokens, ranks, number) = (new List<byte[]>(), new Dictionary<string, int>(StringComparer.Ordinal), 0);
        foreach (var range in bytes.AsSpan().Split((byte)'\n'))
        {
            number++;
            var line = bytes.AsSpan(range).TrimEnd("\r "u8);
            if (line.IsEmpty) continue;
            var space = line.IndexOf((byte)' ');
            if (space < 0 || !Base64.IsValid(line[..space]) || !Utf8Parser.TryParse(line[(space + 1)..], out int rank, out var used) || used != line.Length - space - 1 || rank < 0)
                throw VocabularyFolder.Corrupt(name, $"line {number} is neither empty nor a token in base64 and its rank", "a tiktoken vocabulary");
            Add(Convert.FromBase64String(Vocabulary.Encoding8.GetString(line[..space])), rank, tokens, ranks, name);
        }
        return tokens.Count > 0 ? new(tokens, ranks) : throw VocabularyFolder.Corrupt(name, "no tokens", "a tiktoken vocabulary");
    }

    private static void Add(byte[] token, int rank, List<byte[]> tokens, Dictionary<string, int> ranks, string name)
    {
        if (token.Length is 0 or > LongestToken) throw VocabularyFolder.Corrupt(name, $"the token of rank {rank} has {token.Length} bytes", $"1 to {LongestToken}");
        if (!ranks.TryAdd(SentencePieceMerges.Visible(token), rank)) throw VocabularyFolder.Corrupt(name, $"the token of rank {rank} twice", "every token once");
        tokens.Add(token);
    }

    /// <summary>Mistral's vocabulary: special tokens first, then byte tokens in order of rank; and the expression that cuts texts.</summary>
    internal static (TiktokenFile File, string Pattern, List<(string Token, bool Special)> Special) ReadTekken(JsonPlace place)
    {
        var name = place.File;
        var config = place.Get("config");
        var count = config.Count("default_num_special_tokens");
        var most = config.Count("default_vocab_size");
        var special = (place.Find("special_tokens")?.Items() ?? []).Select(t => (t.Text("token_str"), t.Bool("is_control", true))).ToList();
        if (special.Count > count || most < count) throw place.Corrupt($"{special.Count} special tokens, {count} places for them, {most} tokens in all", "no more than there are places");
        for (var i = special.Count; i < count; i++) special.Add(($"<SPECIAL_{i}>", true));
        var (tokens, ranks) = (new List<byte[]>(), new Dictionary<string, int>(StringComparer.Ordinal));
        foreach (var entry in place.Get("vocab").Items().Take(most - count))
        {
            var text = entry.Get("token_bytes");
            if (!text.Value.TryGetBytesFromBase64(out var bytes)) throw text.Wrong("base64");
            Add(bytes, count + tokens.Count, tokens, ranks, name);
        }
        return (new(tokens, ranks), config.Text("pattern"), special);
    }
}
