using NUnit.Framework;

namespace OnnxTransformers.Graphs.Heads;

public sealed class PoolingTests
{
    private const int B = 3, S = 4, D = 2;

    private static readonly long[] Mask = [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1];

    private static float[] Pool(long prompt, params PoolingMode[] modes)
    {
        var g = new Graph("model", GraphRunner.Index(), new BuildOptions());
        g.Input("attention_mask", ElementType.Int64, new Shape("batch_size", "sequence_length"));
        var h = g.Input("h", ElementType.Float, new Shape("batch_size", "sequence_length", D));
        foreach (var (name, value) in SentenceEmbedding.Apply(g, [("last_hidden_state", h)], [new SentenceModule.Pooling([.. modes], IncludePrompt: prompt == 0)])) g.Output(name, value);
        var feeds = new Dictionary<string, (Array, long[])> { ["attention_mask"] = (Mask, [B, S]), ["h"] = (GraphRunner.Numbers(B * S * D), [B, S, D]) };
        if (prompt > 0) feeds["prompt_length"] = (new[] { prompt }, [1]);
        return GraphRunner.Run(g, feeds, output: "sentence_embedding");
    }

    private static double Expected(PoolingMode mode, int b, int d, long prompt)
    {
        var h = GraphRunner.Numbers(B * S * D);
        double At(int s) => h[(b * S + s) * D + d];
        var real = Enumerable.Range(0, S).Where(s => Mask[b * S + s] == 1 && s >= prompt).ToList();
        return mode switch
        {
            PoolingMode.Cls => At(0),
            PoolingMode.Max => real.Max(At),
            PoolingMode.Mean => real.Average(At),
            PoolingMode.MeanSqrtLength => real.Sum(At) / Math.Sqrt(real.Count),
            PoolingMode.WeightedMean => real.Sum(s => At(s) * (s + 1)) / real.Sum(s => s + 1),
            _ => At(real[^1]),
        };
    }

    [Test]
    public void Every_mode_pools_real_tokens_only([Values] PoolingMode mode, [Values(0, 1)] long prompt)
    {
        var got = Pool(prompt, mode);
        for (var b = 0; b < B; b++)
            for (var d = 0; d < D; d++) Assert.That(got[b * D + d], Is.EqualTo(Expected(mode, b, d, prompt)).Within(1e-6), $"row {b}");
    }

    [Test]
    public void Several_modes_stand_side_by_side()
    {
        var got = Pool(0, PoolingMode.Cls, PoolingMode.Mean);
        Assert.That(got, Has.Length.EqualTo(B * D * 2));
        Assert.That(got[D], Is.EqualTo(Expected(PoolingMode.Mean, 0, 0, 0)).Within(1e-6));
    }

    private static ConfigReader Json(string text) => ConfigReader.Parse(System.Text.Encoding.UTF8.GetBytes(text), "1_Pooling/config.json");

    [Test]
    public void Both_spellings_of_the_pooling_configuration_are_read()
    {
        var old = (SentenceModule.Pooling)SentenceModuleReader.Read("sentence_transformers.models.Pooling", "1_Pooling", Json("""{"word_embedding_dimension": 2, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"""));
        var today = (SentenceModule.Pooling)SentenceModuleReader.Read("sentence_transformers.sentence_transformer.modules.pooling.Pooling", "1_Pooling", Json("""{"embedding_dimension": 2, "pooling_mode": "lasttoken", "include_prompt": false}"""));
        Assert.That(old.Modes, Is.EqualTo(new[] { PoolingMode.Cls }));
        Assert.That(today.Modes, Is.EqualTo(new[] { PoolingMode.LastToken }));
        Assert.That((old.IncludePrompt, today.IncludePrompt), Is.EqualTo((true, false)));
    }

    [TestCase("""["mean", "cls"]""")]
    [TestCase("""
        "mean+cls"
        """)]
    public void Several_modes_are_a_list_or_joined_names(string names) => Assert.That(
        ((SentenceModule.Pooling)SentenceModuleReader.Read("Pooling", "1_Pooling", Json($$"""{"pooling_mode": {{names}}}"""))).Modes, Is.EqualTo(new[] { PoolingMode.Cls, PoolingMode.Mean }));

    [TestCase("sentence_transformers.models.CNN", "{}", "reading modules.json: the module \"1_Pooling\": sentence_transformers.models.CNN; supported: Pooling, Dense, Normalize, LayerNorm, Dropout, SpladePooling")]
    [TestCase("sentence_transformers.models.Pooling", """{"pooling_mode": "median"}""", "reading 1_Pooling/config.json: $.pooling_mode: \"median\"; supported: cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken")]
    [TestCase("sentence_transformers.models.Pooling", """{"pooling_mode_mean_tokens": false}""", "reading 1_Pooling/config.json: $.pooling_mode: no mode; supported: cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken")]
    [TestCase("sentence_transformers.models.Pooling", """{"pooling_mode": 3}""", "reading 1_Pooling/config.json: $.pooling_mode: 3; supported: a text")]
    [TestCase("sentence_transformers.models.Pooling", """{"temperature": 1}""", "reading 1_Pooling/config.json: $.temperature: a key that nothing reads; supported: the keys of Pooling")]
    [TestCase("sentence_transformers.models.Dense", """{"out_features": 4, "activation_function": "mine.Act"}""", "reading 1_Pooling/config.json: $.activation_function: \"mine.Act\"; supported: torch.nn.modules.activation.Tanh, torch.nn.modules.linear.Identity, torch.nn.modules.activation.ReLU, torch.nn.modules.activation.GELU, torch.nn.modules.activation.Sigmoid, torch.nn.modules.activation.SiLU")]
    public void Modules_that_are_not_supported_are_refused(string type, string json, string message) =>
        Assert.That(Assert.Throws<UnsupportedCheckpointException>(() => SentenceModuleReader.Read(type, "1_Pooling", Json(json)))!.Message, Is.EqualTo(message));
}
