namespace OnnxTransformers.Tokenizers;

/// <summary>MyT5's: the bytes of a text, rewritten by two lists of rules so that frequent morphemes become short (models/myt5/tokenization_myt5.py).</summary>
internal sealed class MorphologyBytes : Model
{
    private const int Offset = 3;

    private readonly Rules _decompose, _merge, _compose, _split;

    internal MorphologyBytes(IReadOnlyList<(string From, string To)> decompose, IReadOnlyList<(string From, string To)> merge)
    {
        (_decompose, _merge) = (new(decompose), new(merge));
        (_compose, _split) = (new(decompose.Select(r => (r.To, r.From))), new(merge.Select(r => (r.To, r.From))));
        var names = new Vocabulary();
        for (var b = 0; b < 256; b++) names.Add(Hex((byte)b), b + Offset);
        Vocabulary = names.Freeze();
    }

    internal override Vocabulary Vocabulary { get; }

    protected override void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens)
    {
        var bytes = new List<string>();
        foreach (var b in Transcode(word, scratch, out _)) bytes.Add(Hex(b));
        foreach (var b in _merge.Apply(_decompose.Apply(bytes)))
            tokens.Add(new(Vocabulary.Find(b) is var id and >= 0 ? id : throw WordPiece.NoUnknown(b), 0, 1));
    }

    /// <summary>Undoes the rewriting; what is no byte stays as it is.</summary>
    internal IReadOnlyList<string> Restore(IReadOnlyList<string> tokens) => _compose.Apply(_split.Apply(tokens));

    private static string Hex(byte b) => b.ToString("x2", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Replaces the longest sequence that there is a rule for, from left to right.</summary>
    private sealed class Rules
    {
        private sealed class Node
        {
            internal Dictionary<string, Node> Next { get; } = new(StringComparer.Ordinal);

            internal string[]? Output { get; set; }
        }

        private readonly Node _root = new();

        internal Rules(IEnumerable<(string From, string To)> rules)
        {
            for (var b = 0; b < 256; b++) _root.Next[Hex((byte)b)] = new() { Output = [Hex((byte)b)] };
            foreach (var (from, to) in rules)
            {
                var node = _root;
                foreach (var b in from.Split(' ')) node = node.Next.TryGetValue(b, out var next) ? next : node.Next[b] = new();
                node.Output = to.Split(' ');
            }
        }

        internal List<string> Apply(IReadOnlyList<string> bytes)
        {
            var result = new List<string>(bytes.Count);
            for (var start = 0; start < bytes.Count;)
            {
                var (node, output, end) = (_root, (string[])[bytes[start]], start + 1);
                for (var i = start; i < bytes.Count && node.Next.TryGetValue(bytes[i], out var next); i++)
                {
                    node = next;
                    if (node.Output is not null) (output, end) = (node.Output, i + 1);
                }
                result.AddRange(output);
                start = end;
            }
            return result;
        }
    }
}
