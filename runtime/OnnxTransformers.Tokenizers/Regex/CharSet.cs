namespace OnnxTransformers.Tokenizers;

/// <summary>A set of code points.</summary>
internal sealed class CharSet
{
    internal const int Max = 0x10FFFF;

    private readonly List<(int First, int Last)> _ranges = [];
    private ulong[]? _plane;
    private bool _ordered = true;

    internal static CharSet Of(params ReadOnlySpan<(int First, int Last)> ranges)
    {
        var set = new CharSet();
        foreach (var (first, last) in ranges) set.Add(first, last);
        return set;
    }

    internal static CharSet OfProperty(int[] ranges)
    {
        var set = new CharSet();
        for (var i = 0; i < ranges.Length; i += 2) set.Add(ranges[i], ranges[i + 1]);
        return set;
    }

    internal IReadOnlyList<(int First, int Last)> Ranges
    {
        get
        {
            Order();
            return _ranges;
        }
    }

    internal CharSet Add(int first, int last)
    {
        if (last < first) return this;
        _ordered = _ordered && (_ranges.Count == 0 || _ranges[^1].Last < first - 1);
        _ranges.Add((first, last));
        return this;
    }

    internal CharSet Add(CharSet other)
    {
        foreach (var (first, last) in other.Ranges) Add(first, last);
        return this;
    }

    internal CharSet Invert()
    {
        var result = new CharSet();
        var next = 0;
        foreach (var (first, last) in Ranges)
        {
            result.Add(next, first - 1);
            next = last + 1;
        }
        return result.Add(next, Max);
    }

    internal CharSet Intersect(CharSet other) => Invert().Add(other.Invert()).Invert();

    /// <summary>Prepares fast look-ups; the set must not grow afterwards.</summary>
    internal CharSet Freeze()
    {
        _plane = new ulong[1024];
        foreach (var (first, last) in Ranges)
            for (var c = first; c <= Math.Min(last, 0xFFFF); c++) _plane[c >> 6] |= 1UL << (c & 63);
        return this;
    }

    internal bool Contains(int c)
    {
        if (c <= 0xFFFF && _plane is not null) return (_plane[c >> 6] >> (c & 63) & 1) != 0;
        Order();
        var (low, high) = (0, _ranges.Count - 1);
        while (low <= high)
        {
            var middle = low + high >> 1;
            if (c < _ranges[middle].First) high = middle - 1;
            else if (c > _ranges[middle].Last) low = middle + 1;
            else return true;
        }
        return false;
    }

    private void Order()
    {
        if (_ordered) return;
        _ranges.Sort();
        var kept = 0;
        for (var i = 1; i < _ranges.Count; i++)
        {
            if (_ranges[i].First <= _ranges[kept].Last + 1) _ranges[kept] = (_ranges[kept].First, Math.Max(_ranges[kept].Last, _ranges[i].Last));
            else _ranges[++kept] = _ranges[i];
        }
        _ranges.RemoveRange(kept + 1, _ranges.Count - kept - 1);
        _ordered = true;
    }
}
