using NUnit.Framework;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Models.Text;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Graphs.Models;

public sealed class PlanTests
{
    private static readonly SentenceModule[] Pooled = [new SentenceModule.Pooling([PoolingMode.Mean], IncludePrompt: true), new SentenceModule.Dense("2_Dense", 8, Bias: true, "tanh")];

    private static ConfigReader Config(string fixture) => ConfigReader.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Find(fixture), "config.json")), "config.json");

    private static Dictionary<string, TensorInfo> Index(string fixture, params (string Name, long[] Shape)[] more)
    {
        var index = DumpTests.Index(Path.Combine(Fixtures.Find(fixture), "model.safetensors"));
        foreach (var (name, shape) in more) index[name] = new TensorInfo(name, ElementType.Float, [.. shape]);
        return index;
    }

    private static IEnumerable<string> Outputs(Graph graph) => graph.ToModel().Proto.Graph.Output.Select(o => o.Name);

    [TestCase(null, "sentence-similarity", "token_embeddings sentence_embedding")]
    [TestCase("sentence-similarity", "sentence-similarity", "token_embeddings sentence_embedding")]
    [TestCase("feature-extraction", "feature-extraction", "token_embeddings sentence_embedding")]
    [TestCase("fill-mask", "fill-mask", "logits")]
    public void Modules_follow_the_network_and_not_a_head(string? asked, string task, string outputs)
    {
        var index = Index("text/bert-fill-mask", ("2_Dense.linear.weight", [8, 32]), ("2_Dense.linear.bias", [8]));
        var plan = ModelCatalog.Plan(Config("text/bert-fill-mask"), index, new PlanRequest { Task = asked, SentenceModules = [.. Pooled] });
        var graphs = plan.Build(new BuildOptions());
        Assert.That((plan.Task, string.Join(' ', Outputs(graphs.Single()))), Is.EqualTo((task, outputs)));
        Assert.That(plan.UnusedTensors(graphs).Where(t => t.Name.StartsWith("2_", StringComparison.Ordinal)).Select(t => t.Reason).Distinct(),
            Is.EqualTo(task == "fill-mask" ? new[] { "of a sentence-transformers module that the task does not take" } : []));
    }

    [Test]
    public void An_output_that_a_network_does_not_have_is_an_error_with_those_it_has()
    {
        var g = new Graph("model", new Dictionary<string, TensorInfo>(), new BuildOptions());
        GraphOutputs outputs = [("logits", g.Input("x", ElementType.Float, new Shape("n")))];
        Assert.That(Assert.Throws<GraphException>(() => _ = outputs["last_hidden_state"])!.Message, Is.EqualTo("no output last_hidden_state but logits"));
    }

    [Test]
    public void Tensors_that_are_left_out_are_named_with_the_reason()
    {
        var plan = ModelCatalog.Plan(Config("text/bert-fill-mask"), Index("text/bert-fill-mask", ("bert.pooler.dense.weight", [32, 32]), ("bert.embeddings.position_ids", [1, 8]), ("classifier.weight", [2, 32])), new PlanRequest());
        Assert.That(plan.UnusedTensors(plan.Build(new BuildOptions())), Is.SupersetOf(new UnusedTensor[]
        {
            new("bert.embeddings.position_ids", "a buffer of consecutive numbers"), new("bert.pooler.dense.weight", "the pooler, which the task does not read"), new("classifier.weight", "of another head"),
        }));
    }

    [TestCase("bert.encoder.layer.1.pooler.dense.weight")]
    [TestCase("bert.poolers.weight")]
    [TestCase("bert.encoder.embeddings.position_ids")]
    public void What_may_be_left_out_is_a_place_and_not_a_word(string tensor)
    {
        var plan = ModelCatalog.Plan(Config("text/bert-fill-mask"), Index("text/bert-fill-mask", (tensor, [3])), new PlanRequest());
        Assert.That(Assert.Throws<CorruptCheckpointException>(() => plan.Build(new BuildOptions()))!.Problems.Single().Where, Is.EqualTo(tensor));
    }

    [Test]
    public void A_wrong_shape_names_the_keys_that_lead_to_the_right_one()
    {
        var config = Config("text/bert-base");
        var (rows, width) = (config.Int("vocab_size", 0), config.Int("hidden_size", 0));
        var plan = ModelCatalog.Plan(config, Index("text/bert-base", ("embeddings.word_embeddings.weight", [rows + 2, width])), new PlanRequest());
        Assert.That(Assert.Throws<CorruptCheckpointException>(() => plan.Build(new BuildOptions()))!.Problems.Single().ToString(), Is.EqualTo(
            $"embeddings.word_embeddings.weight: found [{rows + 2}, {width}]; supported: [{rows}, {width}], which config.json leads to (vocab_size, hidden_size)"));
    }

    [TestCase("pooler", "pooler.dense.weight", true)]
    [TestCase("pooler", "pooler", true)]
    [TestCase("pooler", "poolers.weight", false)]
    [TestCase(".attn.bias", "h.0.attn.bias", true)]
    [TestCase(".attn.bias", "attn.bias", true)]
    [TestCase(".attn.bias", "h.0.crossattn.bias", false)]
    [TestCase(".attn.bias", "h.0.attn.bias.more", false)]
    public void A_place_holds_what_is_in_it(string place, string tensor, bool held) => Assert.That(new SkippedTensors(place, "").Holds(tensor), Is.EqualTo(held));

    [TestCase("text/bert-base", 0, TestName = "Positions from zero")]
    [TestCase("text/roberta-base", 2, TestName = "Positions after the padding's own")]
    [TestCase("text/mpnet-base", 2, TestName = "Positions after the padding's own, in another network")]
    public void A_graph_tells_how_long_a_text_may_be(string fixture, int less)
    {
        var config = Config(fixture);
        var plan = ModelCatalog.Plan(config, Index(fixture), new PlanRequest());
        Assert.That(plan.Metadata(plan.Build(new BuildOptions()).Single()).Select(m => $"{m.Key}={m.Value}"), Is.EqualTo(new[]
        {
            $"model_type={plan.Family.ModelType}", "task=feature-extraction", "batching=any", "masked_ids=ignored", $"max_tokens={config.Int("max_position_embeddings", 0) - less}",
        }));
    }

    [Test]
    public void Traits_are_the_task_s_else_the_family_s()
    {
        var traits = new NetworkTraits { PaddingIsNeutral = false };
        Assert.Multiple(() =>
        {
            Assert.That(Bert.Family.TraitsOf("fill-mask"), Is.EqualTo(NetworkTraits.Default));
            Assert.That(Bert.Family.With(traits).TraitsOf("fill-mask"), Is.EqualTo(traits));
            Assert.That(Bert.Family.With(traits).As("other").TraitsOf("fill-mask"), Is.EqualTo(traits));
            Assert.That(ModelCatalog.Families.Single(f => f.ModelType == "llama").TraitsOf("text-classification").MaskedIdsAreNeutral, Is.False);
            Assert.That(ModelCatalog.Families.Single(f => f.ModelType == "llama").TraitsOf("token-classification"), Is.EqualTo(NetworkTraits.Default));
        });
    }
}
