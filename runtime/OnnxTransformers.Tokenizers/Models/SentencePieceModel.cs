namespace OnnxTransformers.Tokenizers;

/// <summary>A sentencepiece model as sentencepiece itself runs it, its treatment of texts included, and not as the tokenizers library does after a conversion. Ids may be those of another
/// vocabulary, where pieces are looked up by name. Tokens are not aligned with the text.</summary>
internal class SentencePieceModel : Model
{
    private readonly Vocabulary _names;
    private readonly SentencePieceNormalization _normalization;
    private readonly IPieceSegmenter _segmenter;
    private readonly int _unknownPiece;
    private readonly int _unknownId;
    private readonly int[] _idOf;
    private readonly int[]? _byteIds;

    /// <summary>Creates the model.</summary>
    /// <param name="file">The sentencepiece model.</param>
    /// <param name="names">The ids by name; null where they are the pieces' places.</param>
    /// <param name="unknown">The name of the unknown token in <paramref name="names"/>.</param>
    internal SentencePieceModel(SentencePieceFile file, Vocabulary? names = null, string? unknown = null)
    {
        _names = names ?? NamesOf(file);
        _normalization = new(file);
        _segmenter = file.Algorithm switch
        {
            PieceAlgorithm.Unigram => new UnigramSegmenter(file),
            PieceAlgorithm.BytePairs => new BytePairSegmenter(file),
            PieceAlgorithm.Words => new WordSegmenter(file),
            _ => new CharacterSegmenter(file),
        };
        _unknownPiece = file.Unknown;
        _unknownId = names is null ? file.Unknown : names.Find(unknown!);
        if (_unknownId < 0) throw VocabularyFolder.Corrupt(file.Name, $"no token \"{unknown}\" in the vocabulary beside it", "a vocabulary with the unknown token");
        _idOf = [.. file.Pieces.Select((p, i) => names is null ? i : names.Find(p.Text) is var id and >= 0 ? id : _unknownId)];
        if (!file.ByteFallback) return;
        var places = file.Pieces.Select((p, i) => (p, i)).Where(p => p.p.Kind == PieceKind.Byte).ToDictionary(p => p.p.Text, p => p.i, StringComparer.Ordinal);
        _byteIds = [.. Enumerable.Range(0, 256).Select(b => places.TryGetValue($"<0x{b:X2}>", out var i) ? _idOf[i] : _unknownId)];
    }

    internal override Vocabulary Vocabulary => _names;

    internal override string? UnknownToken => _names.Name(_unknownId);

    private static Vocabulary NamesOf(SentencePieceFile file)
    {
        var names = new Vocabulary();
        for (var i = 0; i < file.Pieces.Length; i++) names.Add(file.Pieces[i].Text, i);
        return names.Freeze();
    }

    protected override void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens) => Encode(word, scratch, tokens);

    /// <summary>Adds the tokens of a text.</summary>
    protected void Encode(ReadOnlySpan<char> text, ModelScratch scratch, List<WordToken> tokens)
    {
        var bytes = Transcode(_normalization.Apply(text), scratch, out _);
        var count = _segmenter.Cut(bytes, scratch);
        var start = 0;
        for (var i = 0; i < count;)
        {
            var (piece, from) = (scratch.Ids[i], start);
            start += scratch.Lengths[i++];
            if (piece != _unknownPiece) tokens.Add(new(_idOf[piece], 0, 1));
            else if (_byteIds is not null)
                foreach (var b in bytes[from..start]) tokens.Add(new(_byteIds[b], 0, 1));
            else
            {
                // Unknown pieces side by side are one; its text may be a token of the other vocabulary after all.
                while (i < count && scratch.Ids[i] == _unknownPiece) start += scratch.Lengths[i++];
                tokens.Add(new(_names.Find(bytes[from..start]) is var id and >= 0 ? id : _unknownId, 0, 1));
            }
        }
    }

    /// <summary>The id of a token, or of the unknown one.</summary>
    protected int IdOf(ReadOnlySpan<char> token) => _names.Find(token.ToString()) is var id and >= 0 ? id : _unknownId;
}

/// <summary>Marian's: a language such as >>fra&lt;&lt; at the beginning is a token of the vocabulary that sentencepiece does not see.</summary>
internal sealed class MarianModel(SentencePieceFile file, Vocabulary names, string unknown, Vocabulary? decoded) : SentencePieceModel(file, names, unknown)
{
    /// <summary>Where both sides have vocabularies, ids are called by the target's.</summary>
    internal override string? Name(int id) => decoded is null ? base.Name(id) : decoded.Name(id) ?? UnknownToken;

    protected override void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens)
    {
        if (word.StartsWith(">>", StringComparison.Ordinal) && word.IndexOf("<<", StringComparison.Ordinal) is var end and >= 0)
        {
            tokens.Add(new(IdOf(word[..(end + 2)]), 0, 1));
            word = word[(end + 2)..];
        }
        Encode(word, scratch, tokens);
    }
}

/// <summary>SigLIP's, and T5's and SeamlessM4T's where they are not "legacy": every text is encoded behind the unknown token, whose pieces are dropped again, so that sentencepiece does
/// not take it for the beginning.</summary>
internal sealed class AfterUnknownModel(SentencePieceFile file, string prefix, Vocabulary? names = null, string? unknown = null) : SentencePieceModel(file, names, unknown)
{
    protected override void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens)
    {
        var (alone, start) = (new List<WordToken>(), tokens.Count);
        Encode(prefix, scratch, alone);
        Encode(string.Concat(prefix, word), scratch, tokens);
        if (tokens.Count - start >= alone.Count) tokens.RemoveRange(start, alone.Count);
    }
}
