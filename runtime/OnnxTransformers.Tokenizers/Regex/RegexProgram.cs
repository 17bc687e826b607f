namespace OnnxTransformers.Tokenizers;

/// <summary>One step of a compiled expression.</summary>
internal readonly record struct RegexStep(RegexOp Op, int X = 0, int Y = 0, CharSet? Set = null);

/// <summary>A compiled regular expression.</summary>
internal sealed class RegexProgram
{
    private const int MostSteps = 200_000;

    private readonly List<RegexStep> _steps = [];
    private RegexMatcher.Memory? _spare;

    private RegexProgram(RegexNode root, int groups)
    {
        Groups = groups;
        Compile(root);
        _steps.Add(new(RegexOp.End));
        Steps = [.. _steps];
        First = FirstOf(root);
        Remembers = Steps.All(s => s.Op is not (RegexOp.Reference or RegexOp.ReferenceIgnoringCase or RegexOp.LeaveIfEmpty or RegexOp.Keep));
    }

    internal RegexStep[] Steps { get; }

    internal int Groups { get; }

    /// <summary>Registers of loops whose body may match nothing.</summary>
    internal int Marks { get; private set; }

    /// <summary>The characters that a match can begin with; null where it may be empty.</summary>
    internal CharSet? First { get; }

    /// <summary>True where what failed once at a place fails there again, so that it need not be tried twice.</summary>
    internal bool Remembers { get; }

    /// <summary>Compiles a pattern of Oniguruma's syntax.</summary>
    /// <exception cref="FormatException">It is no such pattern, or too large, or has a part that is not supported.</exception>
    internal static RegexProgram Compile(string pattern)
    {
        var (root, groups) = RegexParser.Parse(pattern);
        return new(root, groups);
    }

    /// <summary>Memory for a matcher: what the last one left, where no other has it now.</summary>
    internal RegexMatcher.Memory Rent() => Interlocked.Exchange(ref _spare, null) ?? new(this);

    internal void Return(RegexMatcher.Memory memory) => Volatile.Write(ref _spare, memory);

    private int Emit(RegexStep step)
    {
        if (_steps.Count >= MostSteps) throw new FormatException($"more than {MostSteps} steps");
        _steps.Add(step);
        return _steps.Count - 1;
    }

    private void Patch(int index, int x, int y) => _steps[index] = _steps[index] with { X = x, Y = y };

    private void Compile(RegexNode node)
    {
        switch (node)
        {
            case RegexNode.Set set:
                Emit(new(RegexOp.Set, Set: set.Chars));
                break;
            case RegexNode.Sequence sequence:
                foreach (var item in sequence.Items) Compile(item);
                break;
            case RegexNode.Choice choice:
                CompileChoice(choice);
                break;
            case RegexNode.Repeat repeat:
                CompileRepeat(repeat);
                break;
            case RegexNode.Group group:
                Emit(new(RegexOp.Save, group.Number * 2));
                Compile(group.Item);
                Emit(new(RegexOp.Save, group.Number * 2 + 1));
                break;
            case RegexNode.Atomic atomic:
                CompileInside(RegexOp.Atomic, atomic.Item);
                break;
            case RegexNode.Look { Behind: false } look:
                CompileInside(look.Negative ? RegexOp.NotAhead : RegexOp.Ahead, look.Item);
                break;
            case RegexNode.Look look:
                CompileBehind(look);
                break;
            case RegexNode.Anchor anchor:
                Emit(new(anchor.Op));
                break;
            case RegexNode.Reference reference:
                if (reference.Number > Groups) throw new FormatException($"a reference to group {reference.Number}, of {Groups}");
                Emit(new(reference.IgnoreCase ? RegexOp.ReferenceIgnoringCase : RegexOp.Reference, reference.Number));
                break;
            case RegexNode.Cluster:
                Emit(new(RegexOp.Cluster));
                break;
        }
    }

    private void CompileChoice(RegexNode.Choice choice)
    {
        var jumps = new List<int>();
        for (var i = 0; i < choice.Items.Count; i++)
        {
            var last = i == choice.Items.Count - 1;
            var split = last ? -1 : Emit(new(RegexOp.Split));
            Compile(choice.Items[i]);
            if (last) break;
            jumps.Add(Emit(new(RegexOp.Jump)));
            Patch(split, split + 1, _steps.Count);
        }
        foreach (var jump in jumps) Patch(jump, _steps.Count, 0);
    }

    private void CompileInside(RegexOp op, RegexNode item)
    {
        var step = Emit(new(op));
        Compile(item);
        Emit(new(RegexOp.End));
        Patch(step, _steps.Count, 0);
    }

    private void CompileBehind(RegexNode.Look look)
    {
        // Each alternative is tried at the places that its width allows.
        var (least, most) = look.Item.Width;
        if (most < 0) throw new FormatException("a look behind without limit");
        var step = Emit(new(look.Negative ? RegexOp.NotBehind : RegexOp.Behind));
        Emit(new(RegexOp.Jump, least, most));
        Compile(look.Item);
        Emit(new(RegexOp.MustEndAt));
        Emit(new(RegexOp.End));
        Patch(step, _steps.Count, 0);
    }

    private void CompileRepeat(RegexNode.Repeat repeat)
    {
        if (repeat.Greed == RegexNode.Greediness.Possessive)
        {
            CompileInside(RegexOp.Atomic, repeat with { Greed = RegexNode.Greediness.Greedy });
            return;
        }
        var lazy = repeat.Greed == RegexNode.Greediness.Lazy;
        if (repeat.Item is RegexNode.Set set)
        {
            Emit(new(lazy ? RegexOp.LazyLoop : RegexOp.Loop, repeat.Least, repeat.Most, set.Chars));
            return;
        }
        for (var i = 0; i < repeat.Least; i++) Compile(repeat.Item);
        if (repeat.Most < 0)
        {
            var empty = repeat.Item.Width.Least == 0;
            var split = Emit(new(RegexOp.Split));
            var mark = empty ? Marks++ : 0;
            if (empty) Emit(new(RegexOp.MarkEmpty, mark));
            Compile(repeat.Item);
            if (empty) Emit(new(RegexOp.LeaveIfEmpty, mark));
            Emit(new(RegexOp.Jump, split));
            if (lazy) Patch(split, _steps.Count, split + 1);
            else Patch(split, split + 1, _steps.Count);
            return;
        }
        var splits = new List<int>();
        for (var i = repeat.Least; i < repeat.Most; i++)
        {
            splits.Add(Emit(new(RegexOp.Split)));
            Compile(repeat.Item);
        }
        foreach (var split in splits)
        {
            if (lazy) Patch(split, _steps.Count, split + 1);
            else Patch(split, split + 1, _steps.Count);
        }
    }

    private static CharSet? FirstOf(RegexNode node)
    {
        var set = new CharSet();
        return Collect(node, set) ? null : set.Freeze();
    }

    /// <summary>Adds the characters that a node can begin with; true where it may match nothing, so that what follows counts as well.</summary>
    private static bool Collect(RegexNode node, CharSet set)
    {
        switch (node)
        {
            case RegexNode.Set chars:
                set.Add(chars.Chars);
                return false;
            case RegexNode.Sequence sequence:
                foreach (var item in sequence.Items)
                    if (!Collect(item, set)) return false;
                return true;
            case RegexNode.Choice choice:
                var empty = false;
                foreach (var item in choice.Items) empty |= Collect(item, set);
                return empty;
            case RegexNode.Repeat repeat:
                return repeat.Most == 0 || Collect(repeat.Item, set) | repeat.Least == 0;
            case RegexNode.Group group:
                return Collect(group.Item, set);
            case RegexNode.Atomic atomic:
                return Collect(atomic.Item, set);
            case RegexNode.Cluster:
                set.Add(0, CharSet.Max);
                return false;
            default:
                return true;
        }
    }
}
