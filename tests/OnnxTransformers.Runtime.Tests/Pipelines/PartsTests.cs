using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Pipelines;

internal sealed class PartsTests
{
    private static IEnumerable<int> Rows(RowGroup group) => Enumerable.Range(0, group.Count).Select(i => group[i]);

    [Test]
    public void Softmax_survives_large_values()
    {
        Assert.That(Scores.Softmax([1000, 1000, -1000]), Is.EqualTo(new[] { 0.5f, 0.5f, 0f }));
        Assert.That(Scores.Sigmoid([0, 100, -100]), Is.EqualTo(new[] { 0.5f, 1f, 0f }).Within(1e-6));
    }

    [Test]
    public void The_best_come_first_and_equals_by_index()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Scores.Top([1, 5, 3, 5, 2], 3), Is.EqualTo(new[] { 1, 3, 2 }));
            Assert.That(Scores.Top([1, 2], 9), Is.EqualTo(new[] { 1, 0 }));
            Assert.That(Scores.Top([1, 2], 0), Is.Empty);
            Assert.That(Scores.Largest([1, 3, 3]), Is.EqualTo(1));
        });
    }

    [Test]
    public void Top_agrees_with_sorting_everything([Range(0, 9)] int seed, [Values(1, 50, 64, 65, 200)] int count)
    {
        var random = new Random(seed);
        var values = Enumerable.Range(0, 200).Select(_ => (float)random.Next(40)).ToArray();
        var sorted = Enumerable.Range(0, values.Length).OrderByDescending(i => values[i]).ThenBy(i => i);
        Assert.That(Scores.Top(values, count), Is.EqualTo(sorted.Take(count)));
    }

    [Test]
    public void Groups_hold_the_budget_and_every_row_once([Range(0, 9)] int seed)
    {
        var random = new Random(seed);
        var lengths = Enumerable.Range(0, 100).Select(_ => random.Next(1, 60)).ToArray();
        var groups = Batches.Plan(lengths, 100, 7, Sharing.Any);
        Assert.That(groups.SelectMany(Rows).Order(), Is.EqualTo(Enumerable.Range(0, 100)));
        foreach (var group in groups)
        {
            Assert.That(group.Count, Is.LessThanOrEqualTo(7));
            Assert.That(group.Count == 1 || Rows(group).Max(i => lengths[i]) * group.Count <= 100, Is.True);
            Assert.That(lengths[group[0]], Is.EqualTo(Rows(group).Max(i => lengths[i])));
        }
    }

    [Test]
    public void Rows_that_padding_would_change_share_only_with_equals()
    {
        var groups = Batches.Plan([3, 2, 3, 3, 2], 100, 10, Sharing.SameLength);
        Assert.Multiple(() =>
        {
            Assert.That(groups.Select(g => string.Join(' ', Rows(g))), Is.EqualTo(new[] { "0 2 3", "1 4" }));
            Assert.That(Batches.Plan([3, 3], 100, 10, Sharing.Alone), Has.Count.EqualTo(2));
            Assert.That(Batches.Plan([], 100, 10, Sharing.Any), Is.Empty);
            Assert.That(Batches.Of(NetworkTraits.Default, true, true), Is.EqualTo(Sharing.Any));
            Assert.That(Batches.Of(NetworkTraits.Default, true, false), Is.EqualTo(Sharing.SameLength));
            Assert.That(Batches.Of(NetworkTraits.Default, false, true), Is.EqualTo(Sharing.SameLength));
            Assert.That(Batches.Of(new NetworkTraits { PaddingIsNeutral = false }, true, true), Is.EqualTo(Sharing.SameLength));
            Assert.That(Batches.Of(new NetworkTraits { RowsAreIndependent = false }, true, true), Is.EqualTo(Sharing.Alone));
        });
    }

    [TestCase("""{"model_type":"bert","max_position_embeddings":512}""", true, true, 512)]
    [TestCase("""{"model_type":"roberta","max_position_embeddings":514,"pad_token_id":1}""", true, true, 512)]
    [TestCase("""{"model_type":"convbert","max_position_embeddings":512}""", true, false, 512)]
    [TestCase("""{"model_type":"nystromformer","max_position_embeddings":512}""", false, true, null)]
    [TestCase("""{"model_type":"bert"}""", true, true, null)]
    public void Of_graphs_from_elsewhere_is_known_what_their_type_implies(string config, bool independent, bool neutral, int? longest)
    {
        using var folder = new ScratchFolder();
        Assert.That(ForeignTraits.Of(Package.Open(folder.Write("config.json", config).FullName).Config), Is.EqualTo(new NetworkTraits { RowsAreIndependent = independent, PaddingIsNeutral = neutral, MaxTokens = longest }));
    }

    [TestCase(true, true, true, 512)]
    [TestCase(true, false, true, null)]
    [TestCase(false, true, false, 7)]
    public void A_graph_s_metadata_tells_its_traits(bool independent, bool neutral, bool masked, int? longest)
    {
        // Where rows depend on each other, nothing is said of padding.
        var traits = new NetworkTraits { RowsAreIndependent = independent, PaddingIsNeutral = neutral, MaskedIdsAreNeutral = masked, MaxTokens = longest };
        Assert.That(NetworkTraits.Read(traits.Metadata.ToDictionary()), Is.EqualTo(independent ? traits : traits with { PaddingIsNeutral = false }));
        Assert.That(NetworkTraits.Read(new Dictionary<string, string> { ["model_type"] = "bert" }), Is.Null);
    }

    [TestCase("abc", 3, 3)]
    [TestCase("😀a", 2, 1)]
    [TestCase("😀a", 3, 2)]
    [TestCase("a😀😀", 5, 3)]
    [TestCase("\uDE00a", 2, 2)]
    public void Positions_are_counted_in_code_points(string text, int utf16, int points)
    {
        Assert.That(new CodePoints(text).At(utf16), Is.EqualTo(points));
        Assert.That(CodePoints.Count(text.AsSpan(0, utf16)), Is.EqualTo(points));
    }

    [Test]
    public void Vectors_are_compared()
    {
        float[] a = [3, 4], b = [4, 3];
        Assert.Multiple(() =>
        {
            Assert.That(Similarities.Of(SimilarityFunction.Cosine, a, b), Is.EqualTo(24f / 25).Within(1e-6));
            Assert.That(Similarities.Of(SimilarityFunction.Cosine, [0, 0], b), Is.Zero);
            Assert.That(Similarities.Of(SimilarityFunction.Dot, a, b), Is.EqualTo(24));
            Assert.That(Similarities.Of(SimilarityFunction.Euclidean, a, b), Is.EqualTo(-MathF.Sqrt(2)).Within(1e-6));
            Assert.That(Similarities.Of(SimilarityFunction.Manhattan, a, b), Is.EqualTo(-2));
        });
    }

    [Test]
    public void Pooling_over_nothing_is_defined()
    {
        // A prompt that covers the whole text: the reference's sums are over nothing.
        Assert.Multiple(() =>
        {
            Assert.That(TokenPooling.Pool([PoolingMode.Mean], [1, 2], 2, 0, 5), Is.EqualTo(new float[] { 0, 0 }));
            Assert.That(TokenPooling.Pool([PoolingMode.Max], [1, 2], 2, 0, 5), Is.EqualTo(new float[] { -1e9f, -1e9f }));
            Assert.That(TokenPooling.Pool([PoolingMode.WeightedMean], [1, 2], 1, 3, 0), Is.EqualTo(new[] { 14f / 9 }).Within(1e-6));
            Assert.That(TokenPooling.Pool([PoolingMode.Mean], [1, 2], 1, 1, 2), Is.EqualTo(new float[] { 2 }));
        });
    }
}

internal sealed class PipelineTableTests
{
    [TestCase("""{"architectures":["BertForSequenceClassification"]}""", "text-classification")]
    [TestCase("""{"architectures":["RobertaForTokenClassification"]}""", "token-classification")]
    [TestCase("""{"architectures":["XLMWithLMHeadModel"]}""", "fill-mask")]
    [TestCase("""{"architectures":["BertModel"]}""", "feature-extraction")]
    [TestCase("""{"architectures":["BertForSequenceClassification"],"sentence_transformers":{"version":"4.1.0"}}""", "text-ranking")]
    public void The_task_follows_from_the_configuration(string config, string task)
    {
        using var folder = new ScratchFolder();
        Assert.That(PipelineTable.TaskOf(Package.Open(folder.Write("config.json", config).FullName)), Is.EqualTo(task));
    }

    [Test]
    public void The_receipt_comes_first_and_modules_next()
    {
        using var folder = new ScratchFolder();
        folder.Write("config.json", """{"architectures":["BertModel"]}""").Write("modules.json", "[]");
        Assert.That(PipelineTable.TaskOf(Package.Open(folder.FullName)), Is.EqualTo("sentence-similarity"));
        folder.Write("receipt.json", """{"task":"fill-mask"}""");
        Assert.That(PipelineTable.TaskOf(Package.Open(folder.FullName)), Is.EqualTo("fill-mask"));
    }

    [Test]
    public void What_nothing_tells_is_asked_for()
    {
        using var folder = new ScratchFolder();
        folder.Write("config.json", """{"model_type":"bert","architectures":["BertForPreTraining"]}""");
        Assert.Multiple(() =>
        {
            Assert.That(() => PipelineTable.Load(folder.FullName), Throws.InstanceOf<UnsupportedCheckpointException>().With.Message.EqualTo(
                $"opening {folder.FullName}: task: neither receipt.json, modules.json nor the architectures (BertForPreTraining) say it; supported: {string.Join(", ", PipelineTable.Tasks)}. Next: name it with --task"));
            Assert.That(() => PipelineTable.Load(folder.FullName, "poetry"), Throws.InstanceOf<UnsupportedCheckpointException>().With.Message.EqualTo(
                $"opening {folder.FullName}: task: \"poetry\"; supported: {string.Join(", ", PipelineTable.Tasks)}"));
        });
    }

    [TestCase("sentiment-analysis", "text-classification")]
    [TestCase("text-classification", "text-classification")]
    public void Other_names_lead_to_the_same_pipeline(string name, string task)
    {
        using var package = TinyPackage.Classifier("{}", 2, _ => [0, 0]);
        using var pipeline = PipelineTable.Load(package.Path, name);
        Assert.That(pipeline.Task, Is.EqualTo(task));
    }
}
