using NUnit.Framework;
using OnnxTransformers.Graphs.Operators;
using static OnnxTransformers.Graphs.Layers.Layer;

namespace OnnxTransformers.Graphs.Layers;

public sealed class CausalLayerTests
{
    private static readonly string[] Inputs = ["input_ids", "attention_mask"];

    private static (Graph Graph, CausalInputs Inputs) New(params (string, long[])[] tensors)
    {
        var g = new Graph("model", GraphRunner.Index(tensors), new BuildOptions());
        return (g, CausalInputs.Declare(g, PositionInput.Relative, null));
    }

    private static Dictionary<string, (Array, long[])> Feed(long[] mask, params long[] shape) => Inputs.ToDictionary(n => n, n => ((Array)(n == "attention_mask" ? mask : new long[mask.Length]), shape));

    /// <summary>Which keys [T] each query sees, as "100", "110", "111".</summary>
    private static string[] Seen(int window, bool bothWays, params long[] mask)
    {
        var (g, x) = New();
        g.Output("mask", x.AdditiveMask(window, bothWays));
        var got = GraphRunner.Run(g, Feed(mask, 1, mask.Length), output: "mask");
        return [.. got.Chunk(mask.Length).Select(row => string.Concat(row.Select(v => v == 0 ? '1' : '0')))];
    }

    [Test]
    public void A_query_sees_real_keys_up_to_its_own() => Assert.That(Seen(0, false, 0, 1, 1, 1), Is.EqualTo(new[] { "0000", "0100", "0110", "0111" }));

    [Test]
    public void A_window_counts_the_query_itself() => Assert.That(Seen(2, false, 1, 1, 1, 1), Is.EqualTo(new[] { "1000", "1100", "0110", "0011" }));

    [Test]
    public void Both_ways_a_window_goes_to_each_side() => Assert.That(Seen(2, true, 1, 1, 1, 1), Is.EqualTo(new[] { "1100", "1110", "0111", "0011" }));

    [TestCase(4, ExpectedResult = "0.25 0.0625 0.015625 0.00390625")]
    [TestCase(3, ExpectedResult = "0.0625 0.00390625 0.25")]
    public string Slopes_of_other_numbers_of_heads_take_every_second_of_the_double(int heads) => string.Join(' ', Alibi.Slopes(heads).Select(s => s.ToString(System.Globalization.CultureInfo.InvariantCulture)));

    [TestCase(3, ExpectedResult = "0.0625 0.00390625 0.25")]
    public string Slopes_of_mpt_begin_with_the_second_of_the_next_power(int heads) => string.Join(' ', Alibi.SlopesOfNextPower(heads).Select(s => s.ToString(System.Globalization.CultureInfo.InvariantCulture)));

    [Test]
    public void Pairs_are_turned_as_halves_or_as_neighbours()
    {
        Assert.That(Turned(RotaryPairs.Halves), Is.EqualTo(new[] { 1 * C - 3 * S, 2, 3 * C + 1 * S, 4 }).Within(1e-5));
        Assert.That(Turned(RotaryPairs.Interleaved), Is.EqualTo(new[] { 1 * C - 2 * S, 2 * C + 1 * S, 3, 4 }).Within(1e-5));
        Assert.That(Turned(RotaryPairs.InterleavedToHalves), Is.EqualTo(new[] { 1 * C - 2 * S, 3, 2 * C + 1 * S, 4 }).Within(1e-5));
    }

    private static readonly double C = Math.Cos(1), S = Math.Sin(1);

    /// <summary>The vector 1, 2, 3, 4 at position 1, the first pair with an angle of 1, the second with none.</summary>
    private static double[] Turned(RotaryPairs pairs)
    {
        var (g, x) = New();
        var heads = g.Input("x", ElementType.Float, new Shape("batch_size", 1, "sequence_length", 4));
        g.Output("turned", Rotate(heads, new Rotary.Fixed(4, 1, [1, 0]) { Pairs = pairs }, x));
        var feeds = Feed([1, 1], 1, 2);
        feeds["x"] = (new float[] { 0, 0, 0, 0, 1, 2, 3, 4 }, [1, 1, 2, 4]);
        return [.. GraphRunner.Run(g, feeds, output: "turned").Skip(4).Select(v => (double)v)];
    }

    [Test]
    public void Sinks_take_a_share_of_the_softmax_and_give_nothing()
    {
        var (g, x) = New(("sinks", [1]));
        Value Heads(string name) => g.Input(name, ElementType.Float, new Shape("batch_size", 1, "sequence_length", 1));
        var how = new CausalAttention(1) { Sinks = new Module(g, "").Weight("sinks", 1) };
        g.Output("context", AttendTo(new Module(g, "a"), x, Heads("q"), Heads("k"), Heads("v"), how));
        var feeds = Feed([1], 1, 1);
        foreach (var name in new[] { "q", "k", "v" }) feeds[name] = (new float[] { 2 }, [1, 1, 1, 1]);
        // One key with a score of 4 beside a sink of 4: half of the value.
        Assert.That(GraphRunner.Run(g, feeds, new() { ["sinks"] = [4] }, "context"), Is.EqualTo(new float[] { 1 }).Within(1e-6f));
    }

    [Test]
    public void Grouped_heads_give_what_repeated_keys_give()
    {
        const int B = 2, H = 6, K = 2, T = 4, D = 3;
        float[] Run(bool repeated)
        {
            var (g, x) = New();
            Value Heads(string name, int heads) => g.Input(name, ElementType.Float, new Shape("batch_size", heads, "sequence_length", D));
            Value q = Heads("q", H), k = Heads("k", K), v = Heads("v", K);
            if (repeated) (k, v) = (RepeatHeads(k, H / K), RepeatHeads(v, H / K));
            g.Output("context", AttendTo(new Module(g, "a"), x, q, k, v, new(0.5) { SoftCap = 2, Window = 3 }));
            var feeds = Feed([1, 1, 1, 1, 0, 1, 1, 1], B, T);
            feeds["q"] = (GraphRunner.Numbers(B * H * T * D, 1), [B, H, T, D]);
            feeds["k"] = (GraphRunner.Numbers(B * K * T * D, 2), [B, K, T, D]);
            feeds["v"] = (GraphRunner.Numbers(B * K * T * D, 3), [B, K, T, D]);
            return GraphRunner.Run(g, feeds, output: "context");
        }
        Assert.That(Run(repeated: false), Is.EqualTo(Run(repeated: true)).Within(1e-6f));
    }

    [Test]
    public void Experts_get_only_their_tokens_and_count_as_weighted()
    {
        var g = new Graph("model", GraphRunner.Index(), new BuildOptions());
        Value rows = g.Input("rows", ElementType.Float, new Shape("n", 2)), experts = g.Input("experts", ElementType.Int64, new Shape("n", 2)), weights = g.Input("weights", ElementType.Float, new Shape("n", 2));
        // Expert e multiplies by e + 1.
        g.Output("mixed", MixExperts(new Module(g, "experts"), rows, new(experts, weights), 4, (e, x) => x * (e + 1)));
        var feeds = new Dictionary<string, (Array, long[])>
        {
            ["rows"] = (new float[] { 1, 10, 2, 20, 3, 30 }, [3, 2]),
            ["experts"] = (new long[] { 0, 3, 3, 1, 1, 0 }, [3, 2]),
            ["weights"] = (new float[] { 0.5f, 0.5f, 1, 0, 0.25f, 0.75f }, [3, 2]),
        };
        Assert.That(GraphRunner.Run(g, feeds, output: "mixed"), Is.EqualTo(new float[] { 2.5f, 25, 8, 80, 3.75f, 37.5f }).Within(1e-6f));
    }

    [Test]
    public void Groups_limit_the_choice_of_experts()
    {
        var g = new Graph("model", GraphRunner.Index(), new BuildOptions());
        var scores = g.Input("scores", ElementType.Float, new Shape("n", 4));
        g.Output("experts", Op.Cast(TopWithBias(scores, null, 2, new ExpertGroups(2, 1, BestTwo: true, Outside: 0)).Experts, ElementType.Float));
        // The best expert is in the first group, the better pair in the second.
        Assert.That(GraphRunner.Run(g, new() { ["scores"] = (new float[] { 0.9f, 0.1f, 0.6f, 0.7f }, [1, 4]) }, output: "experts"), Is.EqualTo(new float[] { 3, 2 }));
    }

    [TestCase(0, ExpectedResult = new float[] { 1, 2, 3 })]
    [TestCase(1, ExpectedResult = new float[] { 3 })]
    [TestCase(2, ExpectedResult = new float[] { 2, 3 })]
    public float[] Logits_are_those_of_as_many_last_positions_as_are_asked_for(long count)
    {
        var g = new Graph("model", GraphRunner.Index(("w", [1, 1])), new BuildOptions());
        var h = g.Input("h", ElementType.Float, new Shape("batch_size", "sequence_length", 1));
        g.Output("logits", Product(Models.CausalFamily.LastPositions(h), new Module(g, "").Weight("w", 1, 1), null));
        return GraphRunner.Run(g, new() { ["h"] = (new float[] { 1, 2, 3 }, [1, 3, 1]), ["num_logits_to_keep"] = (new[] { count }, []) }, new() { ["w"] = [1] }, "logits");
    }

    [TestCase("Softmax", false, 1.0, ExpectedResult = "0.644927 0.237255")]
    [TestCase("Softmax", true, 1.0, ExpectedResult = "0.731059 0.268941")]
    [TestCase("SoftmaxOfChosen", false, 1.0, ExpectedResult = "0.731059 0.268941")]
    [TestCase("Sigmoid", false, 2.0, ExpectedResult = "1.761594 1.462117")]
    [TestCase("SigmoidOfChosen", true, 1.0, ExpectedResult = "0.546449 0.453551")]
    public string Routers_weigh_the_best_two_of_three_as_their_type_does(string scores, bool normalized, double scale)
    {
        var g = new Graph("model", GraphRunner.Index(("gate.weight", [3, 3])), new BuildOptions());
        var rows = g.Input("rows", ElementType.Float, new Shape("n", 3));
        g.Output("weights", Route(new Module(g, ""), rows, new SparsePart(3, 2, 1, Activation.Named("silu"), Enum.Parse<ExpertScores>(scores)) { Normalized = normalized, Scale = scale }).Weights);
        // Logits are 2, 1 and 0.3.
        var got = GraphRunner.Run(g, new() { ["rows"] = (new float[] { 2, 1, 0.3f }, [1, 3]) }, new() { ["gate.weight"] = [1, 0, 0, 0, 1, 0, 0, 0, 1] }, "weights");
        return string.Join(' ', got.Select(v => v.ToString("0.000000", System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Test]
    public void A_bias_counts_for_the_choice_of_experts_only()
    {
        var g = new Graph("model", GraphRunner.Index(("gate.weight", [3, 3]), ("bias", [3])), new BuildOptions());
        var rows = g.Input("rows", ElementType.Float, new Shape("n", 3));
        var routing = Route(new Module(g, ""), rows, new SparsePart(3, 1, 1, Activation.Named("silu"), ExpertScores.Sigmoid) { Bias = "bias" });
        g.Output("experts", Op.Cast(routing.Experts, ElementType.Float));
        g.Output("weights", routing.Weights);
        var weights = new Dictionary<string, float[]> { ["gate.weight"] = [1, 0, 0, 0, 1, 0, 0, 0, 1], ["bias"] = [0, 0, 9] };
        var feeds = new Dictionary<string, (Array, long[])> { ["rows"] = (new float[] { 2, 1, 0 }, [1, 3]) };
        Assert.That((GraphRunner.Run(g, feeds, weights, "experts")[0], GraphRunner.Run(g, feeds, weights, "weights")[0]), Is.EqualTo((2f, 0.5f)));
    }

    /// <summary>Two groups of two, the first of which is better by its bias; its second expert counts less than nothing.</summary>
    [TestCase(double.NegativeInfinity, ExpectedResult = "0 1")]
    [TestCase(0, ExpectedResult = "0 2")]
    public string Experts_outside_the_best_groups_are_not_chosen_unless_their_score_is_nothing(double outside)
    {
        var g = new Graph("model", GraphRunner.Index(("gate.weight", [4, 4]), ("bias", [4])), new BuildOptions());
        var rows = g.Input("rows", ElementType.Float, new Shape("n", 4));
        var routing = Route(new Module(g, ""), rows, new SparsePart(4, 2, 1, Activation.Named("silu"), ExpertScores.Sigmoid) { Bias = "bias", Groups = new(2, 1, BestTwo: true, outside) });
        g.Output("experts", Op.Cast(routing.Experts, ElementType.Float));
        var weights = new Dictionary<string, float[]> { ["gate.weight"] = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], ["bias"] = [1, -0.5f, -0.5f, -0.5f] };
        return string.Join(' ', GraphRunner.Run(g, new() { ["rows"] = (new float[] { 4, -4, 0, 0 }, [1, 4]) }, weights, "experts"));
    }

    [Test]
    public void A_convolution_sees_a_token_and_those_before_it()
    {
        var (g, x) = New(("weight", [1, 1, 3]));
        var h = g.Input("h", ElementType.Float, new Shape("batch_size", "sequence_length", 1));
        g.Output("convolved", CausalConvolution(new Module(g, ""), x, 0, h, 3, bias: false));
        var feeds = Feed([1, 1, 1, 1], 1, 4);
        feeds["h"] = (new float[] { 1, 2, 3, 4 }, [1, 4, 1]);
        Assert.That(GraphRunner.Run(g, feeds, new() { ["weight"] = [100, 10, 1] }, "convolved"), Is.EqualTo(new float[] { 1, 12, 123, 234 }));
    }

    [Test]
    public void The_delta_rule_replaces_what_stands_under_a_key()
    {
        var (g, x) = New();
        Value Of(string name) => g.Input(name, ElementType.Float, new Shape("batch_size", "sequence_length", 1, 2));
        Value Number(string name) => g.Input(name, ElementType.Float, new Shape("batch_size", "sequence_length", 1));
        g.Output("read", DeltaRule(new Module(g, "a"), x, 0, Of("q"), Of("k"), Of("v"), Op.Unsqueeze(Number("decay"), 3), Number("strength")));
        var feeds = Feed([1, 1, 1], 1, 3);
        // Twice the first key, once the second; all questions are for the first.
        feeds["q"] = (new float[] { 3, 0, 3, 0, 3, 0 }, [1, 3, 1, 2]);
        feeds["k"] = (new float[] { 2, 0, 2, 0, 0, 2 }, [1, 3, 1, 2]);
        feeds["v"] = (new float[] { 1, 2, 5, 6, 9, 9 }, [1, 3, 1, 2]);
        feeds["decay"] = (new float[] { 1, 1, 0.5f }, [1, 3, 1]);
        feeds["strength"] = (new float[] { 1, 1, 1 }, [1, 3, 1]);
        var root = Math.Sqrt(0.5);
        Assert.That(GraphRunner.Run(g, feeds, output: "read"), Is.EqualTo(new[] { root, 2 * root, 5 * root, 6 * root, 2.5 * root, 3 * root }).Within(1e-5));
    }

    [TestCase(Precision.Fp32)]
    [TestCase(Precision.Fp16)]
    public void What_forgets_slowly_forgets_in_half_precision_too(Precision precision)
    {
        var g = new Graph("model", GraphRunner.Index(("A_log", [1]), ("dt_bias", [1])), new BuildOptions { Precision = precision });
        var steps = g.Input("steps", ElementType.Float, new Shape("batch_size", "sequence_length", 1));
        g.Output("left", Remaining(new Module(g, ""), Op.Cast(steps, g.Options.ComputeType)));
        // Half precision has no number between 0.9995 and 1.
        Assert.That(GraphRunner.Run(g, new() { ["steps"] = (new float[] { 0 }, [1, 1, 1]) }, new() { ["A_log"] = [-9], ["dt_bias"] = [0] }, "left")[0], Is.EqualTo(Math.Exp(-Math.Exp(-9) * Math.Log(2))).Within(1e-6));
    }

    [Test]
    public void Queries_grow_with_the_contexts_that_are_behind_them()
    {
        var (g, x) = New();
        g.Output("scale", PositionScale(x, 0.5, 2));
        Assert.That(GraphRunner.Run(g, Feed([1, 1, 1, 1, 1], 1, 5), output: "scale"), Is.EqualTo(new[] { 1, 1, 1 + 0.5 * Math.Log(2), 1 + 0.5 * Math.Log(2), 1 + 0.5 * Math.Log(3) }).Within(1e-6));
    }
}
