namespace OnnxTransformers.Processors;

/// <summary>The largest values in the order in which <c>torch.topk(sorted=False)</c> gives them on a CPU. Masks that overlap are painted in that order, so it is part of the answer.</summary>
/// <remarks>torch (aten/src/ATen/native/cpu/SortingKernel and TopKImpl.h) sorts where few of many are wanted, and calls std::nth_element otherwise; that is introselect, here as GCC's library has it.</remarks>
internal static class UnsortedTop
{
    private const int SortedShare = 64, Small = 3;

    /// <summary>Indices of the <paramref name="count"/> largest values.</summary>
    internal static int[] Of(ReadOnlySpan<float> values, int count)
    {
        count = Math.Min(count, values.Length);
        var keys = values.ToArray();
        int[] order = [.. Enumerable.Range(0, values.Length)];
        if (count == 0) return [];
        if ((long)count * SortedShare <= values.Length) return [.. order.OrderByDescending(i => keys[i]).Take(count)];
        Select(order, keys, count - 1);
        return order[..count];
    }

    private static void Select(int[] order, float[] keys, int nth)
    {
        var (first, last) = (0, order.Length);
        for (var depth = 2 * int.Log2(last); last - first > Small; depth--)
        {
            // The library would go on with a heap; only values made for that purpose lead here.
            if (depth == 0)
            {
                order.AsSpan(first, last - first).Sort((a, b) => keys[b].CompareTo(keys[a]));
                return;
            }
            var cut = Partition(order, keys, first, last);
            (first, last) = cut <= nth ? (cut, last) : (first, cut);
        }
        for (var i = first + 1; i < last; i++)
            for (var j = i; j > first && keys[order[j]] > keys[order[j - 1]]; j--) Swap(order, j, j - 1);
    }

    private static int Partition(int[] order, float[] keys, int first, int last)
    {
        Swap(order, first, Median(order, keys, first + 1, first + (last - first) / 2, last - 1));
        var pivot = keys[order[first]];
        var (low, high) = (first + 1, last);
        while (true)
        {
            while (keys[order[low]] > pivot) low++;
            high--;
            while (pivot > keys[order[high]]) high--;
            if (low >= high) return low;
            Swap(order, low, high);
            low++;
        }
    }

    private static int Median(int[] order, float[] keys, int a, int b, int c)
    {
        bool Above(int i, int j) => keys[order[i]] > keys[order[j]];
        if (Above(a, b)) return Above(b, c) ? b : Above(a, c) ? c : a;
        return Above(a, c) ? a : Above(b, c) ? c : b;
    }

    private static void Swap(int[] order, int i, int j) => (order[i], order[j]) = (order[j], order[i]);
}
