namespace OnnxTransformers.Tokenizers;

/// <summary>A stretch of the normalized text; <paramref name="Token"/> is the id of the added token it is, or -1 where the model still has to look at it.</summary>
internal readonly record struct Piece(int Start, int End, int Token);

/// <summary>One token of a word: its id (with <see cref="IsText"/> set where its name is the text itself), and its units counted from the word's start.</summary>
internal readonly record struct WordToken(int Id, int Start, int End)
{
    internal const int IsText = 1 << 31;
}

/// <summary>Everything that encoding needs to write to, kept for the next text. One thread at a time.</summary>
internal sealed class Workspace
{
    private const int MostChars = 1 << 22;

    internal TextPair Text { get; } = new();

    internal AlignedText Joined { get; private set; } = new();

    /// <summary>False once a very long text was here: its memory is better given back.</summary>
    internal bool IsModest => Main.Chars.Length + Joined.Chars.Length <= MostChars;

    /// <summary>The text that the pieces refer to.</summary>
    internal AlignedText Main { get; private set; } = new();

    internal List<Piece> Pieces { get; private set; } = new(256);

    internal List<Piece> SparePieces { get; private set; } = new(256);

    internal List<WordToken> Word { get; } = new(64);

    internal WordCache Cache { get; } = new();

    internal TokenBuffer First { get; } = new();

    internal TokenBuffer Second { get; } = new();

    /// <summary>Where the tokens of the encoding that is being built are.</summary>
    internal PlaceWriter Places { get; } = new();

    /// <summary>The names of those that need one.</summary>
    internal TokenNames Names { get; } = new();

    /// <summary>Working memory of the models.</summary>
    internal ModelScratch Scratch { get; } = new();

    /// <summary>What was written to <see cref="Joined"/> is the text now.</summary>
    internal void SwapMain() => (Main, Joined) = (Joined, Main);

    /// <summary>What was normalized is the text now.</summary>
    internal void TakeNormalized() => Main = Text.Exchange(Main);

    internal void SwapPieces() => (Pieces, SparePieces) = (SparePieces, Pieces);
}

/// <summary>The tokens of one sequence while it is encoded.</summary>
internal sealed class TokenBuffer
{
    internal int Count;
    internal int[] Ids = new int[256];
    internal Offset[] Offsets = new Offset[256];
    internal int[] Words = new int[256];

    internal TokenNames Names { get; } = new();

    internal void Clear()
    {
        Count = 0;
        Names.Clear();
    }

    internal void Reserve(int more)
    {
        if (Count + more <= Ids.Length) return;
        var size = Math.Max(Count + more, Ids.Length * 2);
        Array.Resize(ref Ids, size);
        Array.Resize(ref Offsets, size);
        Array.Resize(ref Words, size);
    }

    /// <summary>Takes the last token away where it is this one.</summary>
    internal void DropLast(int id)
    {
        if (Count == 0 || Ids[Count - 1] != id) return;
        Count--;
        Names.RemoveFrom(Count);
    }

    internal void Add(int id, int start, int end, int word)
    {
        Reserve(1);
        (Ids[Count], Offsets[Count], Words[Count]) = (id, new(start, end), word);
        Count++;
    }
}

/// <summary>Growable arrays that the models' algorithms work in.</summary>
internal sealed class ModelScratch
{
    internal byte[] Bytes = new byte[1024];
    internal int[] Units = new int[1024];
    internal int[] Ids = new int[256];
    internal int[] Lengths = new int[256];
    internal int[] Next = new int[256];
    internal int[] Previous = new int[256];
    internal ulong[] Ranks = new ulong[256];
    internal double[] Scores = new double[256];
    internal int[] Begins = new int[256];
    internal readonly PriorityQueue<(int Position, int NewId), ulong> Queue = new();

    internal static void Fit<T>(ref T[] array, int length)
    {
        if (array.Length < length) array = new T[Math.Max(length, array.Length * 2)];
    }
}
