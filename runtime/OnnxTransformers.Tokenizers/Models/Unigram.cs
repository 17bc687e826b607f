namespace OnnxTransformers.Tokenizers;

/// <summary>Sentencepiece's unigram model: the most probable way to cut a word.</summary>
internal sealed class Unigram : Model
{
    private const double UnknownPenalty = 10;

    private readonly Vocabulary _vocabulary;
    private readonly double[] _scores;
    private readonly ByteTrie _trie;
    private readonly int _unknown;
    private readonly double _unknownScore;
    private readonly int[]? _fallback;

    /// <summary>Creates the model.</summary>
    /// <param name="vocabulary">The pieces; their ids are their places.</param>
    /// <param name="scores">Their logarithmic probabilities.</param>
    /// <param name="unknown">The id of the unknown piece, or -1.</param>
    /// <param name="byteFallback">Spells unknown characters by their bytes.</param>
    internal Unigram(Vocabulary vocabulary, double[] scores, int unknown, bool byteFallback)
    {
        (_vocabulary, _scores, _unknown) = (vocabulary, scores, unknown);
        _unknownScore = (scores.Length == 0 ? double.PositiveInfinity : scores.Min()) - UnknownPenalty;
        _trie = new(vocabulary);
        if (!byteFallback) return;
        _fallback = [.. Enumerable.Range(0, 256).Select(b => vocabulary.Find($"<0x{b:X2}>"))];
    }

    internal override Vocabulary Vocabulary => _vocabulary;

    internal override int Size => _vocabulary.Entries;

    internal override string? UnknownToken => _unknown >= 0 ? _vocabulary.Name(_unknown) : null;

    protected override void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens)
    {
        var bytes = Transcode(word, scratch, out var ascii);
        ModelScratch.Fit(ref scratch.Scores, bytes.Length + 1);
        ModelScratch.Fit(ref scratch.Begins, bytes.Length + 1);
        ModelScratch.Fit(ref scratch.Ids, bytes.Length + 1);
        FindBest(bytes, scratch);
        var (begins, ids) = (scratch.Begins, scratch.Ids);

        // The path is known from its end; unknown pieces side by side become one.
        ModelScratch.Fit(ref scratch.Next, bytes.Length + 1);
        var ends = scratch.Next;
        var count = 0;
        for (var end = bytes.Length; end > 0;)
        {
            ends[count++] = end;
            var unknown = ids[end] == _unknown;
            end = begins[end];
            while (unknown && end > 0 && ids[end] == _unknown) end = begins[end];
        }
        var start = 0;
        for (var i = count - 1; i >= 0; i--)
        {
            var end = ends[i];
            var (from, to) = ascii ? (start, end) : ToUnits(scratch, bytes.Length, start, end);
            if (ids[end] != _unknown) tokens.Add(new(ids[end], from, to));
            else AddUnknown(bytes[start..end], from, to, tokens);
            start = end;
        }
    }

    private void AddUnknown(ReadOnlySpan<byte> piece, int from, int to, List<WordToken> tokens)
    {
        // Together, unknown characters may be a piece after all.
        var id = _vocabulary.Find(piece);
        if (id >= 0)
        {
            tokens.Add(new(id, from, to));
            return;
        }
        var spelled = _fallback is not null;
        foreach (var b in piece) spelled = spelled && _fallback![b] >= 0;
        if (!spelled) tokens.Add(new(_unknown | WordToken.IsText, from, to));
        else
            foreach (var b in piece) tokens.Add(new(_fallback![b], from, to));
    }

    private void FindBest(ReadOnlySpan<byte> word, ModelScratch scratch)
    {
        var (scores, begins, ids) = (scratch.Scores, scratch.Begins, scratch.Ids);
        begins.AsSpan(0, word.Length + 1).Fill(-1);
        scores[0] = 0;
        for (var start = 0; start < word.Length;)
        {
            var width = word[start] < 0x80 ? 1 : word[start] < 0xE0 ? 2 : word[start] < 0xF0 ? 3 : 4;
            var here = scores[start];
            var single = false;
            var node = 0;
            for (var end = start; end < word.Length;)
            {
                node = _trie.Next(node, word[end++]);
                if (node < 0) break;
                var id = _trie.IdOf(node);
                if (id < 0) continue;
                var score = _scores[id] + here;
                if (begins[end] < 0 || score > scores[end]) (scores[end], begins[end], ids[end]) = (score, start, id);
                single |= end - start == width;
            }
            if (!single)
            {
                var end = start + width;
                var score = _unknownScore + here;
                if (begins[end] < 0 || score > scores[end])
                {
                    if (_unknown < 0) throw WordPiece.NoUnknown("unk_id");
                    (scores[end], begins[end], ids[end]) = (score, start, _unknown);
                }
            }
            start += width;
        }
    }
}

/// <summary>A tree of bytes whose edges lie in one hash table.</summary>
internal sealed class ByteTrie
{
    private readonly int[] _first = new int[256];
    private ulong[] _edges;
    private int[] _ids;
    private int _nodes = 1;
    private int _shift;

    internal ByteTrie(Vocabulary vocabulary)
    {
        Array.Fill(_first, -1);
        _ids = new int[Math.Max(64, vocabulary.Entries * 2)];
        Array.Fill(_ids, -1);
        _shift = 32 - System.Numerics.BitOperations.Log2(System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(64, vocabulary.Entries * 4)));
        _edges = new ulong[1 << (32 - _shift)];
        for (var id = 0; id <= vocabulary.MaxId; id++)
            if (vocabulary.TryGet(id, out var token) && token.Length > 0) Insert(token, vocabulary.Find(token));
    }

    internal int IdOf(int node) => _ids[node];

    /// <summary>The node that a byte leads to, or -1. Nodes below 0 don't exist; 0 is the root.</summary>
    internal int Next(int node, byte b)
    {
        if (node == 0) return _first[b];
        var key = (uint)node << 8 | b;
        for (var slot = Slot(key); ; slot = slot + 1 & _edges.Length - 1)
        {
            var edge = _edges[slot];
            if ((uint)(edge >> 32) == key) return (int)(uint)edge;
            if (edge == 0) return -1;
        }
    }

    private int Slot(uint key) => (int)(key * 0x9E3779B1u >> _shift);

    private void Insert(ReadOnlySpan<byte> token, int id)
    {
        var node = 0;
        foreach (var b in token)
        {
            var next = Next(node, b);
            if (next < 0)
            {
                next = _nodes++;
                if (next == _ids.Length)
                {
                    Array.Resize(ref _ids, next * 2);
                    Array.Fill(_ids, -1, next, next);
                }
                if (node == 0) _first[b] = next;
                else AddEdge((uint)node << 8 | b, next);
            }
            node = next;
        }
        _ids[node] = id;
    }

    private void AddEdge(uint key, int next)
    {
        if (_nodes * 2 > _edges.Length)
        {
            var old = _edges;
            _shift--;
            _edges = new ulong[old.Length * 2];
            foreach (var edge in old)
                if (edge != 0) Place(edge);
        }
        Place((ulong)key << 32 | (uint)next);
    }

    private void Place(ulong edge)
    {
        var slot = Slot((uint)(edge >> 32));
        while (_edges[slot] != 0) slot = slot + 1 & _edges.Length - 1;
        _edges[slot] = edge;
    }
}
