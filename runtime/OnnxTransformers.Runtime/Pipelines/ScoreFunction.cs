namespace OnnxTransformers;

/// <summary>What turns a graph's raw values into scores.</summary>
public enum ScoreFunction
{
    /// <summary>Nothing.</summary>
    None,
    /// <summary>Each by itself: 1 / (1 + e^-x).</summary>
    Sigmoid,
    /// <summary>All together: e^x over their sum.</summary>
    Softmax,
}

/// <summary>The arithmetic of scores, in float32 as the reference does it.</summary>
internal static class Scores
{
    internal static float[] Apply(ScoreFunction function, ReadOnlySpan<float> values) => function switch
    {
        ScoreFunction.Sigmoid => Sigmoid(values),
        ScoreFunction.Softmax => Softmax(values),
        _ => values.ToArray(),
    };

    internal static float[] Sigmoid(ReadOnlySpan<float> values)
    {
        var result = new float[values.Length];
        for (var i = 0; i < values.Length; i++) result[i] = 1f / (1f + MathF.Exp(-values[i]));
        return result;
    }

    internal static float[] Softmax(ReadOnlySpan<float> values)
    {
        var result = values.ToArray();
        SoftmaxInPlace(result);
        return result;
    }

    internal static void SoftmaxInPlace(Span<float> values)
    {
        var max = float.NegativeInfinity;
        foreach (var value in values) max = MathF.Max(max, value);
        var sum = 0f;
        foreach (ref var value in values) sum += value = MathF.Exp(value - max);
        foreach (ref var value in values) value /= sum;
    }

    /// <summary>Index of the largest value, the first of equals.</summary>
    internal static int Largest(ReadOnlySpan<float> values)
    {
        var best = 0;
        for (var i = 1; i < values.Length; i++)
            if (values[i] > values[best]) best = i;
        return best;
    }

    /// <summary>Indices of the <paramref name="count"/> largest values, the largest first, equals by index.</summary>
    internal static int[] Top(ReadOnlySpan<float> values, int count)
    {
        count = Math.Min(count, values.Length);
        if (count > 64) return Sorted(values)[..count];
        var (top, filled) = (new int[count], 0);
        for (var i = 0; i < values.Length && count > 0; i++)
        {
            if (filled == count && !(values[i] > values[top[^1]])) continue;
            var at = filled < count ? filled++ : count - 1;
            for (; at > 0 && values[i] > values[top[at - 1]]; at--) top[at] = top[at - 1];
            top[at] = i;
        }
        return top;
    }

    private static int[] Sorted(ReadOnlySpan<float> values)
    {
        var (keys, order) = (values.ToArray(), new int[values.Length]);
        for (var i = 0; i < order.Length; i++) order[i] = i;
        Array.Sort(order, (a, b) => keys[b].CompareTo(keys[a]) is var c && c != 0 ? c : a - b);
        return order;
    }
}
