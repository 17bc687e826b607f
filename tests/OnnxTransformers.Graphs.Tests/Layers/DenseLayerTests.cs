using NUnit.Framework;
using OnnxTransformers.Graphs.Operators;
using static OnnxTransformers.Graphs.Layers.Layer;

namespace OnnxTransformers.Graphs.Layers;

public sealed class DenseLayerTests
{
    private static Graph New(params (string, long[])[] tensors) => new("model", GraphRunner.Index(tensors), new BuildOptions());

    private static Value Map(Graph g, int channels) => g.Input("map", ElementType.Float, new Shape("batch_size", channels, "height", "width"));

    [Test]
    public void Groups_of_a_small_map_with_a_large_mean_keep_their_difference()
    {
        var g = New(("n.weight", [2]), ("n.bias", [2]));
        g.Output("normal", GroupNorm(new Module(g, "n"), Map(g, 2), 2, 1e-5f));
        var got = GraphRunner.Run(g, new() { ["map"] = (new float[] { 1000, 1000.5f, -3000, -2999 }, [1, 2, 1, 2]) }, new() { ["n.weight"] = [1, 2], ["n.bias"] = [0, 1] });
        Assert.That(got, Is.EqualTo(new float[] { -0.99992f, 0.99992f, -0.99996f, 2.99996f }).Within(1e-4f));
    }

    [TestCase(5, 7, 3)]
    [TestCase(2, 4, 6)]
    [TestCase(6, 6, 2)]
    public void Parts_of_a_map_are_those_of_adaptive_pooling(int height, int width, int parts)
    {
        var g = New();
        g.Output("means", AdaptiveAverage(Map(g, 1), parts));
        var cells = GraphRunner.Numbers(height * width);
        var got = GraphRunner.Run(g, new() { ["map"] = (cells, [1, 1, height, width]) });
        for (var i = 0; i < parts; i++)
            for (var j = 0; j < parts; j++)
            {
                var own = from y in Enumerable.Range(0, height) from x in Enumerable.Range(0, width) where Inside(y, i, height) && Inside(x, j, width) select cells[y * width + x];
                Assert.That(got[i * parts + j], Is.EqualTo(own.Average()).Within(1e-6f), $"part {i}, {j}");
            }
        bool Inside(int at, int part, int size) => at >= part * size / parts && at < ((part + 1) * size + parts - 1) / parts;
    }

    [Test]
    public void A_cell_is_real_where_the_pixel_at_its_beginning_is()
    {
        var g = New();
        var mask = PixelMask.Declare(g);
        g.Output("real", Op.Cast(mask.At(GridSize.Of(Map(g, 1))), ElementType.Float));
        long[] pixels = [.. Enumerable.Range(0, 5 * 7).Select(i => i / 7 < 4 && i % 7 < 3 ? 1L : 0)];
        var got = GraphRunner.Run(g, new() { ["pixel_mask"] = (pixels, [1, 5, 7]), ["map"] = (new float[3 * 3], [1, 1, 3, 3]) }, output: "real");
        Assert.That(got, Is.EqualTo(new float[] { 1, 1, 0, 1, 1, 0, 1, 1, 0 }));
    }

    [Test]
    public void Deformable_attention_looks_where_offsets_point_by_their_shares([Values] bool discrete)
    {
        const int Heads = 2, Width = 4, Points = 2, H = 3, W = 5;
        var g = New(("a.sampling_offsets.weight", [Heads * Points * 2, Width]), ("a.sampling_offsets.bias", [Heads * Points * 2]), ("a.attention_weights.weight", [Heads * Points, Width]), ("a.attention_weights.bias", [Heads * Points]));
        Value queries = g.Input("queries", ElementType.Float, new Shape("batch_size", 1, Width)), boxes = g.Input("boxes", ElementType.Float, new Shape("batch_size", 1, 4)), map = Map(g, Width);
        var a = new DeformableAttention(Heads, [Points]) { HasProjections = false, Discrete = discrete };
        g.Output("seen", AttendDeformable(new Module(g, "a"), queries, Tokens(map), real: null, [GridSize.Of(map)], [boxes], a));
        float[] cells = GraphRunner.Numbers(Width * H * W), offsets = GraphRunner.Numbers(Heads * Points * 2, 2), scores = GraphRunner.Numbers(Heads * Points, 3), box = [0.45f, 0.55f, 0.3f, 0.4f];
        var got = GraphRunner.Run(g, new() { ["queries"] = (new float[Width], [1, 1, Width]), ["boxes"] = (box, [1, 1, 4]), ["map"] = (cells, [1, Width, H, W]) }, new()
        {
            ["a.sampling_offsets.weight"] = new float[Heads * Points * 2 * Width],
            ["a.sampling_offsets.bias"] = offsets,
            ["a.attention_weights.weight"] = new float[Heads * Points * Width],
            ["a.attention_weights.bias"] = scores,
        }, "seen");
        for (var channel = 0; channel < Width; channel++)
        {
            var head = channel / (Width / Heads);
            double total = 0, sum = 0;
            for (var p = 0; p < Points; p++)
            {
                var i = head * Points + p;
                double x = box[0] + offsets[2 * i] / Points * box[2] * 0.5, y = box[1] + offsets[2 * i + 1] / Points * box[3] * 0.5, share = Math.Exp(scores[i]);
                total += share;
                sum += share * (discrete ? Cell(Math.Clamp((int)(y * H + 0.5), 0, H - 1), Math.Clamp((int)(x * W + 0.5), 0, W - 1)) : Between(y * H - 0.5, x * W - 0.5));
            }
            Assert.That(got[channel], Is.EqualTo(sum / total).Within(1e-5), $"channel {channel}");
            double Cell(int y, int x) => y < 0 || y >= H || x < 0 || x >= W ? 0 : cells[(channel * H + y) * W + x];
            double Between(double y, double x)
            {
                var (top, left) = ((int)Math.Floor(y), (int)Math.Floor(x));
                double down = y - top, across = x - left;
                return (1 - down) * ((1 - across) * Cell(top, left) + across * Cell(top, left + 1)) + down * ((1 - across) * Cell(top + 1, left) + across * Cell(top + 1, left + 1));
            }
        }
    }
}
