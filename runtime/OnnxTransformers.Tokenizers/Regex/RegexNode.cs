namespace OnnxTransformers.Tokenizers;

/// <summary>A regular expression as a tree.</summary>
internal abstract record RegexNode
{
    /// <summary>The fewest and the most characters that it matches; -1 for no limit.</summary>
    internal abstract (int Least, int Most) Width { get; }

    internal sealed record Set(CharSet Chars) : RegexNode
    {
        internal override (int, int) Width => (1, 1);
    }

    internal sealed record Sequence(IReadOnlyList<RegexNode> Items) : RegexNode
    {
        internal override (int Least, int Most) Width { get; } = (Sum(Items.Select(i => i.Width.Least)), Items.Any(i => i.Width.Most < 0) ? -1 : Sum(Items.Select(i => i.Width.Most)));
    }

    internal sealed record Choice(IReadOnlyList<RegexNode> Items) : RegexNode
    {
        internal override (int Least, int Most) Width { get; } = (Items.Min(i => i.Width.Least), Items.Any(i => i.Width.Most < 0) ? -1 : Items.Max(i => i.Width.Most));
    }

    internal enum Greediness { Greedy, Lazy, Possessive }

    internal sealed record Repeat(RegexNode Item, int Least, int Most, Greediness Greed) : RegexNode
    {
        internal override (int Least, int Most) Width { get; } = (Times(Item.Width.Least, Least), Most == 0 || Item.Width.Most == 0 ? 0 : Most < 0 || Item.Width.Most < 0 ? -1 : Times(Item.Width.Most, Most));
    }

    internal sealed record Group(RegexNode Item, int Number) : RegexNode
    {
        internal override (int Least, int Most) Width => Item.Width;
    }

    internal sealed record Atomic(RegexNode Item) : RegexNode
    {
        internal override (int Least, int Most) Width => Item.Width;
    }

    internal sealed record Look(RegexNode Item, bool Behind, bool Negative) : RegexNode
    {
        internal override (int, int) Width => (0, 0);
    }

    internal sealed record Anchor(RegexOp Op) : RegexNode
    {
        internal override (int, int) Width => (0, 0);
    }

    internal sealed record Reference(int Number, bool IgnoreCase) : RegexNode
    {
        internal override (int, int) Width => (0, -1);
    }

    internal sealed record Cluster : RegexNode
    {
        internal override (int, int) Width => (1, -1);
    }

    private const int Ceiling = 1 << 28;

    private static int Sum(IEnumerable<int> widths) => (int)Math.Min(Ceiling, widths.Sum(w => (long)w));

    private static int Times(int width, int count) => (int)Math.Min(Ceiling, (long)width * count);
}

/// <summary>What a step of a compiled expression does.</summary>
internal enum RegexOp : byte
{
    Set, Loop, LazyLoop, Split, Jump, Save, Atomic, Ahead, NotAhead, Behind, NotBehind, End, MustEndAt, Reference, ReferenceIgnoringCase, Cluster, MarkEmpty, LeaveIfEmpty,
    LineStart, LineEnd, TextStart, TextEnd, LastLineEnd, WordBoundary, NotWordBoundary, SearchStart, Keep,
}
