using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace OnnxTransformers.Tokenizers;

/// <summary>Texts to ids and back, exactly as Hugging Face tokenizers does it. Safe to use from several threads at once.</summary>
public sealed partial class Tokenizer
{
    private readonly Parts _parts;
    private readonly Arrangement _arrangement;
    private readonly ConcurrentBag<Workspace> _workspaces = [];
    private readonly string?[] _names;
    private readonly byte[]? _spaces;
    private HashSet<int>? _special;

    /// <summary>The parts of a tokenizer, and what the files beside it say.</summary>
    internal sealed record Parts(Model Model)
    {
        internal Normalizer? Normalizer { get; init; }
        internal PreTokenizer? PreTokenizer { get; init; }
        internal PostProcessor? PostProcessor { get; init; }
        internal Decoder? Decoder { get; init; }
        internal AddedVocabulary Added { get; init; } = new();
        internal TokenizerSettings Settings { get; init; } = new();

        /// <summary>Rewrites a whole text before anything else; offsets are lost then.</summary>
        internal Func<string, string>? Prepare { get; init; }
    }

    internal Tokenizer(Parts parts)
    {
        _parts = parts;
        _arrangement = new(parts.PostProcessor);
        _names = new string?[1 + Math.Max(parts.Model.Vocabulary.MaxId, parts.Added.Tokens.Count == 0 ? -1 : parts.Added.Tokens.Keys.Max())];
        if (_arrangement.Trims.Length > 0) _spaces = CountSpaces();
        Special = parts.Settings.Special ?? new() { AllIds = [.. parts.Added.Tokens.Where(t => t.Value.Special).Select(t => t.Key).Order()] };
    }

    /// <summary>The tokens with a role, and all special ones.</summary>
    public SpecialTokens Special { get; }

    /// <summary>The most tokens that the model takes; <see cref="int.MaxValue"/> where no limit is known.</summary>
    public int ModelMaxLength => _parts.Settings.ModelMaxLength;

    /// <summary>The end that is filled.</summary>
    public Side PaddingSide => _parts.Settings.PaddingSide;

    /// <summary>The end at which tokens are cut off.</summary>
    public Side TruncationSide => _parts.Settings.TruncationSide;

    /// <summary>The names of the inputs that the model takes from a tokenizer, such as input_ids, token_type_ids and attention_mask.</summary>
    public ImmutableArray<string> ModelInputNames => _parts.Settings.ModelInputNames;

    /// <summary>What begins tokens that continue a word, such as ##; null where nothing does.</summary>
    public string? ContinuingSubwordPrefix => _parts.Model.ContinuingSubwordPrefix;

    /// <summary>The class of transformers that the checkpoint names, or null.</summary>
    public string? ClassName => _parts.Settings.ClassName;

    /// <summary>Number of ids, added tokens included.</summary>
    public int VocabSize => _parts.Model.Size + _parts.Added.Ids.Keys.Count(t => _parts.Model.Vocabulary.Find(t) < 0);

    /// <summary>The tokenizer of the other side, where source and target have vocabularies or languages of their own (translation models); else this one.</summary>
    public Tokenizer Target => _parts.Settings.Target?.Value ?? this;

    /// <summary>False where a vocabulary is older than offsets: they are empty then.</summary>
    public bool HasOffsets => _parts.Settings.HasOffsets;

    /// <summary>The type that padding has.</summary>
    public int PadTypeId => _parts.Settings.PadTypeId;

    internal int CallPadding => _parts.Settings.CallPadding;

    internal bool MarksSpecialInText => _parts.Settings.MarksSpecialInText;

    /// <summary>True for special tokens but the unknown one.</summary>
    internal bool IsMarked(int id) => (_special ??= [.. Special.AllIds]).Contains(id) && id != Special.Unk?.Id;

    internal bool NamesTokensById => _parts.Settings.NamesTokensById;

    internal bool MakesTypeIds => _parts.Settings.MakesTypeIds;

    internal Parts Components => _parts;

    /// <summary>The id of a token, or null.</summary>
    public int? TokenToId(string token)
    {
        if (_parts.Added.Ids.TryGetValue(token, out var added)) return added;
        var id = _parts.Model.Find(token);
        return id < 0 ? null : id;
    }

    /// <summary>The token of an id, or null.</summary>
    public string? IdToToken(int id)
    {
        if ((uint)id >= (uint)_names.Length) return id < 0 ? null : _parts.Model.Name(id);
        return _names[id] ??= _parts.Added.Tokens.TryGetValue(id, out var token) ? token.Content : _parts.Model.Name(id);
    }

    /// <summary>Encodes a text, or a pair of texts.</summary>
    /// <param name="text">The text.</param>
    /// <param name="pair">The second text, or null.</param>
    /// <param name="options">Special tokens, truncation, padding; null is <see cref="EncodeOptions.Default"/>.</param>
    /// <exception cref="InvalidInputException">Truncation can't be done as asked, or a word can't be spelled and there is no unknown token.</exception>
    public Encoding Encode(string text, string? pair = null, EncodeOptions? options = null)
    {
        options ??= EncodeOptions.Default;
        var encoding = EncodeUnpadded(text, pair, options);
        if (options.Padding is { } padding) Pad([encoding], padding);
        return encoding;
    }

    /// <summary>Encodes texts that are already cut into words; offsets are those in each word.</summary>
    /// <param name="words">The words.</param>
    /// <param name="pair">The words of the second text, or null.</param>
    /// <param name="options">Special tokens, truncation, padding; null is <see cref="EncodeOptions.Default"/>.</param>
    /// <exception cref="InvalidInputException">Truncation can't be done as asked, or a word can't be spelled and there is no unknown token.</exception>
    public Encoding EncodeWords(IReadOnlyList<string> words, IReadOnlyList<string>? pair = null, EncodeOptions? options = null)
    {
        options ??= EncodeOptions.Default;
        var encoding = EncodeUnpadded(words, pair, options);
        if (options.Padding is { } padding) Pad([encoding], padding);
        return encoding;
    }

    /// <summary>Encodes many texts on all cores, padded together.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="pairs">The second texts, as many, or null.</param>
    /// <param name="options">Special tokens, truncation, padding; null is <see cref="EncodeOptions.Default"/>.</param>
    /// <exception cref="InvalidInputException">As for one text; or there are not as many second texts.</exception>
    public IReadOnlyList<Encoding> EncodeBatch(IReadOnlyList<string> texts, IReadOnlyList<string>? pairs = null, EncodeOptions? options = null)
    {
        if (pairs is not null && pairs.Count != texts.Count)
            throw new InvalidInputException("tokenizing a batch", new Problem("pairs", $"{pairs.Count} second texts", $"{texts.Count}, one for each text"));
        return EncodeMany([.. texts], pairs is null ? null : [.. pairs], options ?? EncodeOptions.Default);
    }

    /// <summary>Encodes many texts that are already cut into words.</summary>
    /// <param name="texts">The words of each text.</param>
    /// <param name="pairs">The words of the second texts, as many, or null.</param>
    /// <param name="options">Special tokens, truncation, padding; null is <see cref="EncodeOptions.Default"/>.</param>
    /// <exception cref="InvalidInputException">As for one text; or there are not as many second texts.</exception>
    public IReadOnlyList<Encoding> EncodeWordsBatch(IReadOnlyList<IReadOnlyList<string>> texts, IReadOnlyList<IReadOnlyList<string>>? pairs = null, EncodeOptions? options = null)
    {
        if (pairs is not null && pairs.Count != texts.Count)
            throw new InvalidInputException("tokenizing a batch", new Problem("pairs", $"{pairs.Count} second texts", $"{texts.Count}, one for each text"));
        return EncodeMany([.. texts], pairs is null ? null : [.. pairs], options ?? EncodeOptions.Default);
    }

    private Encoding[] EncodeMany(object[] texts, object[]? pairs, EncodeOptions options)
    {
        var result = new Encoding[texts.Length];
        if (texts.Length < 2)
            for (var i = 0; i < texts.Length; i++) result[i] = EncodeUnpadded(texts[i], pairs?[i], options);
        else
        {
            try
            {
                Parallel.For(0, texts.Length, i => result[i] = EncodeUnpadded(texts[i], pairs?[i], options));
            }
            catch (AggregateException e) when (e.InnerExceptions.OfType<InvalidInputException>().FirstOrDefault() is { } first)
            {
                throw new InvalidInputException(first.Doing, first.Problems, e);
            }
        }
        if (options.Padding is { } padding) Pad(result, padding);
        return result;
    }

    private Encoding EncodeUnpadded(object text, object? pair, EncodeOptions options)
    {
        if (!_workspaces.TryTake(out var work)) work = new();
        try
        {
            EncodeSequence(text, work, work.First);
            if (pair is not null) EncodeSequence(pair, work, work.Second);
            if (options.AddSpecialTokens && _parts.Settings.EndsOnce && Special.Eos is { } end)
            {
                work.First.DropLast(end.Id);
                if (pair is not null) work.Second.DropLast(end.Id);
            }
            return new Assembler(this, _arrangement, _spaces, options, work).Assemble(text, pair);
        }
        finally
        {
            if (work.IsModest) _workspaces.Add(work);
        }
    }

    private void EncodeSequence(object text, Workspace work, TokenBuffer output)
    {
        output.Clear();
        if (text is string whole)
        {
            EncodeText(whole, work, output, -1);
            return;
        }
        var words = (IReadOnlyList<string>)text;
        for (var i = 0; i < words.Count; i++) EncodeText(words[i], work, output, i);
    }

    private void EncodeText(string text, Workspace work, TokenBuffer output, int word)
    {
        Normalize(AlignedText.WellFormed(_parts.Prepare is null ? text : _parts.Prepare(text)), work);
        _parts.PreTokenizer?.Split(work);
        _parts.Model.Tokenize(work, output, word);
    }

    /// <summary>Cuts the added tokens out and normalizes the rest.</summary>
    private void Normalize(string text, Workspace work)
    {
        var pieces = work.Pieces;
        pieces.Clear();
        var segments = work.SparePieces;
        segments.Clear();
        var (pair, added) = (work.Text, _parts.Added);
        if (!added.FindRaw(text, segments))
        {
            pair.Current.Load(text, 0);
            _parts.Normalizer?.Normalize(pair);
            work.TakeNormalized();
            var main = work.Main;
            if (main.Length > 0 && !added.FindNormalized(main.Span, pieces)) pieces.Add(new(0, main.Length, -1));
            return;
        }
        var joined = work.Joined;
        joined.BeginRewrite(0, text.Length + 16);
        foreach (var segment in CollectionsMarshal.AsSpan(segments))
        {
            pair.Current.Load(text.AsSpan(segment.Start, segment.End - segment.Start), segment.Start);
            var start = joined.Length;
            if (segment.Token < 0) _parts.Normalizer?.Normalize(pair);
            var current = pair.Current;
            joined.Append(current, 0, current.Length);
            var first = pieces.Count;
            if (segment.Token >= 0) pieces.Add(new(start, joined.Length, segment.Token));
            else if (current.Length > 0 && !added.FindNormalized(current.Span, pieces)) pieces.Add(new(0, current.Length, -1));
            if (segment.Token >= 0) continue;
            foreach (ref var piece in CollectionsMarshal.AsSpan(pieces)[first..]) piece = new(piece.Start + start, piece.End + start, piece.Token);
        }
        work.SwapMain();
    }

    private void Pad(ReadOnlySpan<Encoding> encodings, Padding padding)
    {
        var length = padding.Length ?? 0;
        if (padding.Length is null)
            foreach (var encoding in encodings) length = Math.Max(length, encoding.Length);
        if (padding.ToMultipleOf is > 0 and var multiple && length % multiple > 0) length += multiple - length % multiple;
        var id = padding.Id ?? Special.Pad?.Id ?? throw new InvalidInputException("padding",
            new Problem("padding", "a tokenizer without a padding token", null, "name one in Padding.Id, often the one that ends texts"));
        var token = padding.Token ?? (padding.Id is null ? Special.Pad?.Content : null);
        foreach (var encoding in encodings) encoding.Pad(length, (padding.Direction ?? PaddingSide) == Side.Left, id, padding.TypeId ?? _parts.Settings.PadTypeId, token);
    }

    /// <summary>For every id how many spaces its token begins with (low half) and ends with (high half); 15 at most are told apart.</summary>
    private byte[] CountSpaces()
    {
        var result = new byte[_names.Length];
        for (var id = 0; id < result.Length; id++)
        {
            if (!_parts.Model.Vocabulary.TryGet(id, out var bytes)) continue;
            // U+0120, the space of byte-level vocabularies, is C4 A0; other white space is not shorter than one byte of another range.
            var (first, last) = (bytes.Length == 0 ? (byte)'a' : bytes[0], bytes.Length == 0 ? (byte)'a' : bytes[^1]);
            if (first is > (byte)' ' and < 0x80 && last is > (byte)' ' and < 0x80) continue;
            var name = Vocabulary.Encoding8.GetString(bytes);
            var (left, right) = Assembler.CountSpaces(name);
            result[id] = (byte)(Math.Min(left, 15) | Math.Min(right, 15) << 4);
        }
        return result;
    }
}
