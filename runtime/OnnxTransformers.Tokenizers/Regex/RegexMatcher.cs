using System.Globalization;

namespace OnnxTransformers.Tokenizers;

/// <summary>Looks for matches of a compiled expression in one text, by backtracking with a stack of its own. What has failed at a place is remembered once a search becomes long,
/// and the number of steps is limited, so that no expression can hang.</summary>
internal ref struct RegexMatcher
{
    private const int RememberAfter = 4096;
    private const long StepsForEach = 4000;
    private const long StepsForAll = 20_000_000;

    private enum Kind : byte { Branch, Give, Take, Restore, RestoreMark, RestoreKeep }

    private readonly record struct Frame(Kind Kind, int Step, int Place, int Limit);

    /// <summary>What a matcher works in, kept for the next text.</summary>
    internal sealed class Memory(RegexProgram program)
    {
        private const int MostFrames = 1 << 14;

        private Frame[] _stack = new Frame[64];

        internal int[] Saved { get; } = new int[(program.Groups + 1) * 2];

        internal int[] Marks { get; } = new int[program.Marks];

        internal void Lend(ref RegexMatcher matcher) => matcher._stack = _stack;

        internal void TakeBack(in RegexMatcher matcher)
        {
            if (matcher._stack.Length <= MostFrames) _stack = matcher._stack;
        }
    }

    private readonly RegexProgram _program;
    private readonly ReadOnlySpan<char> _text;
    private readonly Memory _memory;
    private readonly int[] _saved;
    private readonly int[] _marks;
    private Frame[] _stack = [];
    private int _depth;
    private int _searchStart;
    private int _kept;
    private long _steps;
    private long _attemptSteps;
    private HashSet<long>? _failed;

    internal RegexMatcher(RegexProgram program, ReadOnlySpan<char> text)
    {
        _program = program;
        _text = text;
        _memory = program.Rent();
        (_saved, _marks) = (_memory.Saved, _memory.Marks);
        _memory.Lend(ref this);
    }

    /// <summary>Ends the work on this text.</summary>
    public readonly void Dispose()
    {
        _memory.TakeBack(this);
        _program.Return(_memory);
    }

    /// <summary>The next match at or after <paramref name="from"/>.</summary>
    /// <exception cref="InvalidInputException">The expression needs too many steps for this text.</exception>
    internal bool Search(int from, out int start, out int end)
    {
        _searchStart = from;
        var first = _program.First;
        for (start = from; start <= _text.Length;)
        {
            var units = start < _text.Length && char.IsHighSurrogate(_text[start]) ? 2 : 1;
            if (first is null || start < _text.Length && first.Contains(At(start, out _)))
            {
                Array.Fill(_saved, -1);
                (_kept, _attemptSteps) = (-1, 0);
                _failed?.Clear();
                end = Run(0, start, -1);
                if (end >= 0)
                {
                    if (_kept >= 0) start = _kept;
                    return true;
                }
            }
            start += units;
        }
        end = -1;
        return false;
    }

    private readonly int At(int i, out int units)
    {
        int c = _text[i];
        units = 1;
        if ((c & 0xFC00) != 0xD800 || i + 1 >= _text.Length) return c;
        units = 2;
        return char.ConvertToUtf32((char)c, _text[i + 1]);
    }

    private readonly int Back(int i) => i > 1 && char.IsLowSurrogate(_text[i - 1]) ? i - 2 : i - 1;

    private void Push(Frame frame)
    {
        if (_depth == _stack.Length) Array.Resize(ref _stack, _depth * 2);
        _stack[_depth++] = frame;
    }

    /// <summary>Runs from a step at a place; the end of the match, or -1.</summary>
    private int Run(int step, int place, int mustEnd)
    {
        var bottom = _depth;
        var steps = _program.Steps;
        while (true)
        {
            if (++_steps > StepsForAll + StepsForEach * _text.Length)
                throw new InvalidInputException("matching a pattern", new Problem("", $"more than {(_steps - 1).ToString(CultureInfo.InvariantCulture)} steps for a text of {_text.Length.ToString(CultureInfo.InvariantCulture)} characters", null, "shorten the text"));
            _attemptSteps++;
            ref readonly var s = ref steps[step];
            var failed = false;
            switch (s.Op)
            {
                case RegexOp.Set:
                    if (place < _text.Length && s.Set!.Contains(At(place, out var units))) place += units;
                    else failed = true;
                    step++;
                    break;
                case RegexOp.Loop:
                    failed = !Loop(s, ref step, ref place);
                    break;
                case RegexOp.LazyLoop:
                    failed = !LazyLoop(s, ref step, ref place);
                    break;
                case RegexOp.Split:
                    Push(new(Kind.Branch, s.Y, place, 0));
                    step = s.X;
                    break;
                case RegexOp.Jump:
                    step = s.X;
                    break;
                case RegexOp.Save:
                    Push(new(Kind.Restore, s.X, _saved[s.X], 0));
                    _saved[s.X] = place;
                    step++;
                    break;
                case RegexOp.MarkEmpty:
                    Push(new(Kind.RestoreMark, s.X, _marks[s.X], 0));
                    _marks[s.X] = place;
                    step++;
                    break;
                case RegexOp.LeaveIfEmpty:
                    // After this step comes the jump back; a round that matched nothing leaves instead.
                    step += _marks[s.X] == place ? 2 : 1;
                    break;
                case RegexOp.Keep:
                    Push(new(Kind.RestoreKeep, 0, _kept, 0));
                    _kept = place;
                    step++;
                    break;
                case RegexOp.End:
                    _depth = bottom;
                    return place;
                case RegexOp.MustEndAt:
                    failed = place != mustEnd;
                    step++;
                    break;
                case RegexOp.Atomic:
                    var inner = Run(step + 1, place, mustEnd);
                    failed = inner < 0;
                    if (!failed) place = inner;
                    step = s.X;
                    break;
                case RegexOp.Ahead or RegexOp.NotAhead:
                    failed = Run(step + 1, place, mustEnd) >= 0 == (s.Op == RegexOp.NotAhead);
                    step = s.X;
                    break;
                case RegexOp.Behind or RegexOp.NotBehind:
                    failed = Behind(step, place) == (s.Op == RegexOp.NotBehind);
                    step = s.X;
                    break;
                case RegexOp.Reference or RegexOp.ReferenceIgnoringCase:
                    failed = !Refer(s.X, s.Op == RegexOp.ReferenceIgnoringCase, ref place);
                    step++;
                    break;
                case RegexOp.Cluster:
                    failed = place >= _text.Length;
                    if (!failed) place = Graphemes.End(_text, place);
                    step++;
                    break;
                default:
                    failed = !Holds(s.Op, place);
                    step++;
                    break;
            }
            if (failed && !Backtrack(bottom, ref step, ref place)) return -1;
        }
    }

    private bool Backtrack(int bottom, ref int step, ref int place)
    {
        while (_depth > bottom)
        {
            var frame = _stack[--_depth];
            switch (frame.Kind)
            {
                case Kind.Restore:
                    _saved[frame.Step] = frame.Place;
                    continue;
                case Kind.RestoreMark:
                    _marks[frame.Step] = frame.Place;
                    continue;
                case Kind.RestoreKeep:
                    _kept = frame.Place;
                    continue;
                case Kind.Branch:
                    (step, place) = (frame.Step, frame.Place);
                    break;
                case Kind.Give:
                    // A greedy loop gives one character back.
                    place = Back(frame.Place);
                    step = frame.Step;
                    if (place > frame.Limit) Push(frame with { Place = place });
                    break;
                case Kind.Take:
                    var s = _program.Steps[frame.Step];
                    if (frame.Place >= _text.Length || !s.Set!.Contains(At(frame.Place, out var units))) continue;
                    place = frame.Place + units;
                    step = frame.Step + 1;
                    if (frame.Limit != 1) Push(new(Kind.Take, frame.Step, place, frame.Limit - 1));
                    break;
            }
            if (!_program.Remembers || _attemptSteps < RememberAfter) return true;
            if ((_failed ??= []).Add((long)step << 32 | (uint)place)) return true;
        }
        return false;
    }

    private bool Loop(in RegexStep s, ref int step, ref int place)
    {
        var (count, limit, least) = (0, s.Y < 0 ? int.MaxValue : s.Y, place);
        var at = place;
        while (count < limit && at < _text.Length && s.Set!.Contains(At(at, out var units)))
        {
            at += units;
            if (++count == s.X) least = at;
        }
        if (count < s.X) return false;
        step++;
        if (at > least) Push(new(Kind.Give, step, at, least));
        place = at;
        return true;
    }

    private bool LazyLoop(in RegexStep s, ref int step, ref int place)
    {
        for (var count = 0; count < s.X; count++)
        {
            if (place >= _text.Length || !s.Set!.Contains(At(place, out var units))) return false;
            place += units;
        }
        if (s.Y != s.X) Push(new(Kind.Take, step, place, s.Y < 0 ? -1 : s.Y - s.X));
        step++;
        return true;
    }

    private bool Behind(int step, int place)
    {
        var (least, most) = (_program.Steps[step + 1].X, _program.Steps[step + 1].Y);
        var start = place;
        for (var width = 0; width <= most; width++)
        {
            if (width >= least && Run(step + 2, start, place) >= 0) return true;
            if (start == 0) return false;
            start = Back(start);
        }
        return false;
    }

    private readonly bool Refer(int group, bool ignoreCase, ref int place)
    {
        var (start, end) = (_saved[group * 2], _saved[group * 2 + 1]);
        if (start < 0 || end < start) return false;
        var at = place;
        while (start < end)
        {
            if (at >= _text.Length) return false;
            var (a, b) = (At(start, out var ua), At(at, out var ub));
            if (a != b && !(ignoreCase && RegexFolding.Fold(a) == RegexFolding.Fold(b))) return false;
            start += ua;
            at += ub;
        }
        place = at;
        return true;
    }

    private readonly bool Holds(RegexOp op, int place) => op switch
    {
        RegexOp.LineStart => place == 0 || place < _text.Length && _text[place - 1] == '\n',
        RegexOp.LineEnd => place == _text.Length || _text[place] == '\n',
        RegexOp.TextStart => place == 0,
        RegexOp.TextEnd => place == _text.Length,
        RegexOp.LastLineEnd => place == _text.Length || place == _text.Length - 1 && _text[place] == '\n',
        RegexOp.SearchStart => place == _searchStart,
        RegexOp.WordBoundary => IsWordAt(place) != IsWordBefore(place),
        RegexOp.NotWordBoundary => IsWordAt(place) == IsWordBefore(place),
        _ => false,
    };

    private readonly bool IsWordAt(int place) => place < _text.Length && UnicodeData.Is(At(place, out _), UnicodeData.OnigurumaWord);

    private readonly bool IsWordBefore(int place) => place > 0 && IsWordAt(Back(place));
}
