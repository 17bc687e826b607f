namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>A stable merge sort by Python's order, of which only "less" is asked, as Python does.</summary>
internal static class Sorting
{
    internal static List<T> Stable<T>(List<T> items, Func<T, Value> key, bool reverse, Rendering rendering)
    {
        var keyed = new (Value Key, T Item)[items.Count];
        for (var i = 0; i < keyed.Length; i++) keyed[i] = (key(items[i]), items[i]);
        var buffer = new (Value Key, T Item)[keyed.Length];
        for (var width = 1; width < keyed.Length; width *= 2)
        {
            for (var start = 0; start < keyed.Length; start += 2 * width) Merge(keyed, buffer, start, Math.Min(start + width, keyed.Length), Math.Min(start + 2 * width, keyed.Length), reverse, rendering);
            (keyed, buffer) = (buffer, keyed);
        }
        rendering.Reserve(items.Count);
        return [.. keyed.Select(k => k.Item)];
    }

    private static void Merge<T>((Value Key, T Item)[] from, (Value Key, T Item)[] to, int start, int middle, int end, bool reverse, Rendering rendering)
    {
        for (int left = start, right = middle, at = start; at < end; at++)
        {
            var takeRight = left >= middle || (right < end && (reverse ? Comparing.Less(from[left].Key, from[right].Key, rendering) : Comparing.Less(from[right].Key, from[left].Key, rendering)));
            to[at] = takeRight ? from[right++] : from[left++];
        }
    }
}
