namespace OnnxTransformers.Processors;

internal static class Probabilities
{
    internal static float Sigmoid(float x) => (float)(1 / (1 + Math.Exp(-x)));

    internal static void Softmax(ReadOnlySpan<float> logits, Span<float> result)
    {
        var most = float.NegativeInfinity;
        foreach (var v in logits) most = Math.Max(most, v);
        var sum = 0.0;
        for (var i = 0; i < logits.Length; i++) sum += Math.Exp(logits[i] - most);
        for (var i = 0; i < logits.Length; i++) result[i] = (float)(Math.Exp(logits[i] - most) / sum);
    }

    /// <summary>Where the largest value is; the first of several.</summary>
    internal static int Largest(ReadOnlySpan<float> values)
    {
        var at = 0;
        for (var i = 1; i < values.Length; i++)
            if (values[i] > values[at]) at = i;
        return at;
    }
}
