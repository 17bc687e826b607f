namespace OnnxTransformers.Tokenizers;

/// <summary>Decoding as transformers' Python tokenizers do it: added tokens that have no role stand alone, between them a class joins tokens in its own way, and spaces join the parts.</summary>
/// <param name="standing">The added tokens that stand alone.</param>
/// <param name="join">Turns tokens into text.</param>
internal sealed class PythonDecoder(IReadOnlySet<string> standing, Func<IReadOnlyList<string>, string> join) : Decoder
{
    internal string Separator { get; init; } = " ";

    /// <summary>Parts without any text are parts, too.</summary>
    internal bool KeepsEmpty { get; init; }

    /// <summary>A last change of the whole text.</summary>
    internal Func<string, string>? Finish { get; init; }

    internal override void Decode(List<string> tokens)
    {
        var (parts, current) = (new List<string>(), new List<string>());
        foreach (var token in tokens)
        {
            if (!standing.Contains(token))
            {
                current.Add(token);
                continue;
            }
            if (current.Count > 0 && join(current) is var text && (KeepsEmpty || text.Length > 0)) parts.Add(text);
            current.Clear();
            parts.Add(token);
        }
        if (current.Count > 0) parts.Add(join(current));
        var whole = string.Join(Separator, parts);
        tokens.Clear();
        tokens.Add(Finish is null ? whole : Finish(whole));
    }
}

/// <summary>Connectionist temporal classification as Wav2Vec2's tokenizer decodes it: runs of a token are one, padding goes, the sign between words becomes a space.</summary>
internal sealed class PythonCtcDecoder(string? pad, string delimiter, string replacement, bool lowercase) : Decoder
{
    internal override void Decode(List<string> tokens)
    {
        var kept = tokens.Where((t, i) => (i == 0 || t != tokens[i - 1]) && t != pad).Select(t => t == delimiter ? replacement : t);
        var text = PythonText.Strip(string.Concat(kept));
        tokens.Clear();
        tokens.Add(lowercase ? Templates.PyText.Lower(text) : text);
    }
}

/// <summary>Connectionist temporal classification of phonemes: runs of one are one, padding and signs between words go, spaces separate the rest.</summary>
internal sealed class PhonemeDecoder(string? pad, string? delimiter) : Decoder
{
    internal override void Decode(List<string> tokens)
    {
        var text = PythonText.Strip(string.Join(' ', tokens.Where((t, i) => (i == 0 || t != tokens[i - 1]) && t != pad && t != delimiter)));
        tokens.Clear();
        tokens.Add(text);
    }
}
