using NUnit.Framework;
using static OnnxTransformers.Graphs.Layers.Layer;

namespace OnnxTransformers.Graphs.Layers;

public sealed class PositionTests
{
    private static (Graph Graph, TextInputs Inputs) New(params (string, long[])[] tensors)
    {
        var g = new Graph("model", GraphRunner.Index(tensors), new BuildOptions());
        return (g, TextInputs.Declare(g, tokenTypes: false));
    }

    private static Dictionary<string, (Array, long[])> Feed(long[] ids, params long[] shape) => new() { ["input_ids"] = (ids, shape), ["attention_mask"] = (Array.ConvertAll(ids, _ => 1L), shape) };

    [Test]
    public void Positions_from_ids_count_what_is_not_padding()
    {
        var (g, x) = New();
        g.Output("positions", PositionsFromIds(x, 1));
        Assert.That(GraphRunner.Run(g, Feed([1, 1, 7, 8, 9, 1, 5, 1, 6, 6], 2, 5), output: "positions"), Is.EqualTo(new float[] { 1, 1, 2, 3, 4, 1, 2, 1, 3, 4 }));
    }

    [Test]
    public void Buckets_are_exact_when_near_and_logarithmic_when_far([Values(8, 32)] int buckets, [Values(20, 128)] int largest)
    {
        var (g, x) = New();
        g.Output("buckets", RelativeBuckets(x, buckets, largest));
        const int Length = 200;
        var got = GraphRunner.Run(g, Feed(new long[Length], 1, Length), output: "buckets");
        for (var q = 0; q < Length; q++)
            for (var k = 0; k < Length; k++) Assert.That(got[q * Length + k], Is.EqualTo(Bucket(q - k, buckets, largest)), $"query {q}, key {k}");
    }

    private static int Bucket(int n, int buckets, int largest)
    {
        var half = buckets / 2;
        var exact = half / 2;
        var size = Math.Abs(n);
        var far = Math.Min(half - 1, exact + (int)(MathF.Log(size / (float)exact) / (float)Math.Log((double)largest / exact) * (half - exact)));
        return (n < 0 ? half : 0) + (size < exact ? size : far);
    }

    [Test]
    public void Relative_keys_score_queries_and_keys_against_vectors_of_distances([Values] bool withKeys)
    {
        const int B = 2, S = 5, H = 2, D = 3, Max = 6;
        var (g, x) = New(("e.weight", [2 * Max - 1, D]));
        Value q = g.Input("q", ElementType.Float, new Shape("batch_size", "sequence_length", H * D)), k = g.Input("k", ElementType.Float, new Shape("batch_size", "sequence_length", H * D));
        g.Output("bias", RelativeKeyBias(new Module(g, "e"), x, q, k, H, Max, withKeys));
        float[] table = GraphRunner.Numbers((2 * Max - 1) * D), queries = GraphRunner.Numbers(B * S * H * D, 2), keys = GraphRunner.Numbers(B * S * H * D, 3);
        var feeds = Feed(new long[B * S], B, S);
        feeds["q"] = (queries, [B, S, H * D]);
        feeds["k"] = (keys, [B, S, H * D]);
        var got = GraphRunner.Run(g, feeds, new() { ["e.weight"] = table }, "bias");
        for (var b = 0; b < B; b++)
            for (var h = 0; h < H; h++)
                for (var l = 0; l < S; l++)
                    for (var r = 0; r < S; r++)
                    {
                        double sum = 0;
                        for (var d = 0; d < D; d++)
                            sum += table[(l - r + Max - 1) * D + d] * (queries[((b * S + l) * H + h) * D + d] + (withKeys ? keys[((b * S + r) * H + h) * D + d] : 0.0));
                        Assert.That(got[((b * H + h) * S + l) * S + r], Is.EqualTo(sum / Math.Sqrt(D)).Within(1e-5), $"[{b}, {h}, {l}, {r}]");
                    }
    }
}
