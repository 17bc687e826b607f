using System.Runtime.InteropServices;

namespace OnnxTransformers.Tokenizers;

/// <summary>Byte-pair encoding: characters, or bytes, are merged in the order that training found.</summary>
internal sealed class BytePairModel : Model
{
    /// <summary>How a model with this vocabulary and these merges behaves.</summary>
    internal sealed record Settings(string? Unknown, string Prefix, string Suffix, bool FuseUnknown, bool ByteFallback, bool IgnoreMerges);

    private const int Short = 40;
    private const char Space = '\u2581';

    private readonly Vocabulary _vocabulary;
    private readonly MergeTable _merges;
    private readonly Settings _settings;
    private readonly byte[] _prefix;
    private readonly byte[] _suffix;
    private readonly int _unknown = -1;
    private readonly int[] _fallback = [];
    private readonly int[] _ascii = new int[128];
    private readonly ulong[]? _joinedToSpace;
    private int[]? _bytes;

    internal BytePairModel(Vocabulary vocabulary, MergeTable merges, Settings settings, bool mergesFallback)
    {
        (_vocabulary, _merges, _settings) = (vocabulary, merges, settings);
        _prefix = Vocabulary.Encoding8.GetBytes(settings.Prefix);
        _suffix = Vocabulary.Encoding8.GetBytes(settings.Suffix);
        if (settings.Unknown is not null) _unknown = vocabulary.Find(settings.Unknown);
        if (settings.ByteFallback) _fallback = [.. Enumerable.Range(0, 256).Select(b => vocabulary.Find($"<0x{b:X2}>"))];
        for (var c = 0; c < 128; c++) _ascii[c] = vocabulary.Find([(byte)c]);
        if (!settings.IgnoreMerges && _prefix.Length == 0 && _suffix.Length == 0 && _unknown >= 0 && !mergesFallback && vocabulary.Find(Space.ToString()) >= 0)
            _joinedToSpace = FindJoined(vocabulary);
    }

    internal override Vocabulary Vocabulary => _vocabulary;

    internal override string? UnknownToken => _settings.Unknown;

    internal override string? WordEnd => _settings.Suffix;

    internal override string? ContinuingSubwordPrefix => _settings.Prefix.Length > 0 ? _settings.Prefix : null;

    /// <summary>Goes over to words in their own characters, whose bytes are looked up one by one; false where the vocabulary does not allow it.</summary>
    internal bool UseBytes()
    {
        if (_prefix.Length > 0 || _settings.ByteFallback) return false;
        var ids = new int[512];
        for (var i = 0; i < ids.Length; i++) ids[i] = _vocabulary.Find(ByteAlphabet.CharOf[i & 255] + (i < 256 ? "" : _settings.Suffix));
        if (_unknown < 0 && ids.Contains(-1)) return false;
        _bytes = ids;
        return true;
    }

    /// <summary>The characters (of the basic plane) that some token has before a visible space. Before all others, text can be cut: nothing merges across.</summary>
    private static ulong[] FindJoined(Vocabulary vocabulary)
    {
        var joined = new ulong[1024];
        var space = "\u2581"u8;
        for (var id = 0; id <= vocabulary.MaxId; id++)
        {
            if (!vocabulary.TryGet(id, out var token) || token.Length <= space.Length || token[1..].IndexOf(space) < 0) continue;
            var text = Vocabulary.Encoding8.GetString(token);
            for (var i = 1; i < text.Length; i++)
                if (text[i] == Space) joined[text[i - 1] >> 6] |= 1UL << (text[i - 1] & 63);
        }
        return joined;
    }

    protected override void TokenizeLong(Workspace work, Piece piece, int word, TokenBuffer output)
    {
        if (_joinedToSpace is null || _bytes is not null)
        {
            base.TokenizeLong(work, piece, word, output);
            return;
        }
        var text = work.Main.Chars.AsSpan(piece.Start, piece.End - piece.Start);
        for (var start = 0; start < text.Length;)
        {
            var end = start + 1;
            while (true)
            {
                var next = text[end..].IndexOf(Space);
                end = next < 0 ? text.Length : end + next;
                if (end == text.Length || (_joinedToSpace[text[end - 1] >> 6] >> (text[end - 1] & 63) & 1) == 0) break;
                end++;
            }
            var part = text[start..end];
            var hash = part.Length <= WordCache.LongestWord ? WordCache.HashOf(part) : 0;
            if (hash == 0 || !work.Cache.TryGet(part, hash, out var tokens))
            {
                work.Word.Clear();
                Tokenize(part, work.Scratch, work.Word);
                tokens = CollectionsMarshal.AsSpan(work.Word);
                if (hash != 0) work.Cache.Add(part, hash, tokens);
            }
            Emit(tokens, work.Main, piece.Start + start, word, output);
            start = end;
        }
    }

    protected override void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens)
    {
        var bytes = Transcode(word, scratch, out var ascii);
        if (_settings.IgnoreMerges && FindWhole(bytes) is var whole and >= 0)
        {
            tokens.Add(new(whole, 0, word.Length));
            return;
        }
        ModelScratch.Fit(ref scratch.Ids, bytes.Length + _suffix.Length);
        ModelScratch.Fit(ref scratch.Lengths, bytes.Length + _suffix.Length);
        var count = _bytes is null ? Characters(bytes, scratch) : Bytes(bytes, scratch);
        count = count > Short ? MergeLong(scratch, count) : Merge(scratch, count);
        var start = 0;
        for (var i = 0; i < count; i++)
        {
            var end = start + scratch.Lengths[i];
            if (ascii) tokens.Add(new(scratch.Ids[i], Math.Min(start, word.Length - 1), Math.Min(end, word.Length)));
            else
            {
                var (from, to) = ToUnits(scratch, bytes.Length, start, end);
                tokens.Add(new(scratch.Ids[i], from, to));
            }
            start = end;
        }
    }

    private int FindWhole(ReadOnlySpan<byte> word)
    {
        if (_bytes is null) return _vocabulary.Find(word);
        if (word.Length > _vocabulary.Longest) return -1;
        Span<byte> visible = stackalloc byte[word.Length * 2];
        var length = 0;
        foreach (var b in word)
        {
            var c = ByteAlphabet.CharOf[b];
            if (c < 0x80) visible[length++] = (byte)c;
            else
            {
                visible[length++] = (byte)(0xC0 | c >> 6);
                visible[length++] = (byte)(0x80 | c & 0x3F);
            }
        }
        return _vocabulary.Find(visible[..length]);
    }

    private int Bytes(ReadOnlySpan<byte> word, ModelScratch scratch)
    {
        var writer = new SymbolWriter(scratch, _settings.FuseUnknown);
        for (var i = 0; i < word.Length; i++)
        {
            var id = _bytes![word[i] + (i == word.Length - 1 ? 256 : 0)];
            if (id >= 0) writer.Add(id, 1);
            else if (_settings.Unknown is not null) writer.AddUnknown(Unknown(), 1);
        }
        return writer.Finish();
    }

    private int Characters(ReadOnlySpan<byte> word, ModelScratch scratch)
    {
        var writer = new SymbolWriter(scratch, _settings.FuseUnknown);
        byte[] buffer = _prefix.Length + _suffix.Length > 0 ? new byte[4 + _prefix.Length + _suffix.Length] : [];
        for (var i = 0; i < word.Length;)
        {
            var length = word[i] < 0x80 ? 1 : word[i] < 0xE0 ? 2 : word[i] < 0xF0 ? 3 : 4;
            var character = word.Slice(i, length);
            var first = i == 0;
            i += length;
            if (!first && _prefix.Length > 0 || i == word.Length && _suffix.Length > 0)
            {
                var size = _prefix.Length + length + _suffix.Length;
                var whole = buffer.AsSpan(0, size);
                var at = 0;
                if (!first)
                {
                    _prefix.CopyTo(whole);
                    at = _prefix.Length;
                }
                character.CopyTo(whole[at..]);
                at += length;
                if (i == word.Length)
                {
                    _suffix.CopyTo(whole[at..]);
                    at += _suffix.Length;
                }
                character = whole[..at];
            }
            var id = character.Length == 1 && character[0] < 0x80 ? _ascii[character[0]] : _vocabulary.Find(character);
            if (id >= 0) writer.Add(id, length);
            else if (_settings.ByteFallback && HasAll(character))
                foreach (var b in character) writer.AddBeside(_fallback[b]);
            else if (_settings.Unknown is not null) writer.AddUnknown(Unknown(), length);
        }
        return writer.Finish();
    }

    private bool HasAll(ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
            if (_fallback[b] < 0) return false;
        return true;
    }

    private int Unknown() => _unknown >= 0 ? _unknown : throw WordPiece.NoUnknown(_settings.Unknown!);

    /// <summary>Writes the symbols that a word begins as. Unknown ones wait, so that a run of them can be one.</summary>
    private ref struct SymbolWriter(ModelScratch scratch, bool fuse)
    {
        private int _count;
        private int _waitingId = -1;
        private int _waitingLength;

        internal void Add(int id, int length)
        {
            Flush();
            AddBeside(id, length);
        }

        /// <summary>The bytes of a character; as in the reference, they overtake an unknown symbol that waits.</summary>
        internal void AddBeside(int id, int length = 1)
        {
            if (_count == scratch.Ids.Length)
            {
                Array.Resize(ref scratch.Ids, _count * 2);
                Array.Resize(ref scratch.Lengths, scratch.Ids.Length);
            }
            (scratch.Ids[_count], scratch.Lengths[_count]) = (id, length);
            _count++;
        }

        internal void AddUnknown(int id, int length)
        {
            if (fuse && _waitingId >= 0)
            {
                _waitingLength += length;
                return;
            }
            Flush();
            (_waitingId, _waitingLength) = (id, length);
        }

        internal int Finish()
        {
            Flush();
            return _count;
        }

        private void Flush()
        {
            if (_waitingId < 0) return;
            AddBeside(_waitingId, _waitingLength);
            _waitingId = -1;
        }
    }

    /// <summary>Merges few symbols: the earliest pair is looked for again and again.</summary>
    private int Merge(ModelScratch scratch, int count)
    {
        if (count < 2) return count;
        var (ids, lengths, ranks) = (scratch.Ids, scratch.Lengths, scratch.Ranks);
        for (var i = 0; i < count - 1; i++) ranks[i] = _merges.Find(ids[i], ids[i + 1]);
        while (count > 1)
        {
            var (best, rank) = (-1, MergeTable.None);
            for (var i = 0; i < count - 1; i++)
                if (ranks[i] < rank) (best, rank) = (i, ranks[i]);
            if (best < 0) break;
            ids[best] = (int)(uint)rank;
            lengths[best] += lengths[best + 1];
            count--;
            for (var i = best + 1; i < count; i++) (ids[i], lengths[i], ranks[i]) = (ids[i + 1], lengths[i + 1], ranks[i + 1]);
            if (best > 0) ranks[best - 1] = _merges.Find(ids[best - 1], ids[best]);
            if (best < count - 1) ranks[best] = _merges.Find(ids[best], ids[best + 1]);
        }
        return count;
    }

    /// <summary>Merges many symbols: pairs wait in a queue by rank and place.</summary>
    private int MergeLong(ModelScratch scratch, int count)
    {
        ModelScratch.Fit(ref scratch.Next, count);
        ModelScratch.Fit(ref scratch.Previous, count);
        var (ids, lengths, next, previous, queue) = (scratch.Ids, scratch.Lengths, scratch.Next, scratch.Previous, scratch.Queue);
        queue.Clear();
        for (var i = 0; i < count; i++) (next[i], previous[i]) = (i + 1 < count ? i + 1 : -1, i - 1);
        for (var i = 0; i < count - 1; i++) Push(i, i + 1);
        while (queue.TryDequeue(out var top, out _))
        {
            var at = top.Position;
            if (lengths[at] == 0 || next[at] < 0) continue;
            var right = next[at];
            var merge = _merges.Find(ids[at], ids[right]);
            if (merge == MergeTable.None || (int)(uint)merge != top.NewId) continue;
            ids[at] = top.NewId;
            lengths[at] += lengths[right];
            lengths[right] = 0;
            next[at] = next[right];
            if (next[at] >= 0) previous[next[at]] = at;
            if (previous[at] >= 0) Push(previous[at], at);
            if (next[at] >= 0) Push(at, next[at]);
        }
        var kept = 0;
        for (var i = 0; i < count; i++)
            if (lengths[i] != 0) (ids[kept], lengths[kept++]) = (ids[i], lengths[i]);
        return kept;

        void Push(int left, int right)
        {
            var merge = _merges.Find(ids[left], ids[right]);
            if (merge != MergeTable.None) queue.Enqueue((left, (int)(uint)merge), merge & 0xFFFFFFFF00000000 | (uint)left);
        }
    }
}
