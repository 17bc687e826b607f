namespace OnnxTransformers.Tokenizers;

/// <summary>Case folding of regular expressions.</summary>
internal static class RegexFolding
{
    private static readonly Dictionary<int, int> Single = [];
    private static readonly Dictionary<int, List<int>> Relatives = [];

    /// <summary>Characters that fold to several.</summary>
    internal static readonly (int From, int[] To)[] Spelled = [.. UnicodeData.Folds.Where(f => f.To.Length > 1)];

    static RegexFolding()
    {
        foreach (var (from, to) in UnicodeData.Folds)
        {
            if (to.Length != 1) continue;
            Single[from] = to[0];
            if (!Relatives.TryGetValue(to[0], out var list)) Relatives[to[0]] = list = [to[0]];
            list.Add(from);
        }
    }

    /// <summary>The set and all that differs from its members in case only.</summary>
    internal static CharSet Close(CharSet set)
    {
        var result = new CharSet().Add(set);
        foreach (var (fold, list) in Relatives)
        {
            if (!list.Exists(set.Contains)) continue;
            foreach (var c in list) result.Add(c, c);
        }
        return result;
    }

    internal static int Fold(int c) => Single.TryGetValue(c, out var f) ? f : c;

    /// <summary>The characters that fold to this run, or null.</summary>
    internal static CharSet? Whole(int[] run)
    {
        CharSet? set = null;
        foreach (var (from, to) in Spelled)
            if (to.Length == run.Length && to.Zip(run).All(p => p.First == Fold(p.Second))) (set ??= new()).Add(from, from);
        return set;
    }

    /// <summary>What a character folds to, where that is several.</summary>
    internal static int[]? Parts(int c)
    {
        foreach (var (from, to) in Spelled)
            if (from == c) return to;
        return null;
    }
}
