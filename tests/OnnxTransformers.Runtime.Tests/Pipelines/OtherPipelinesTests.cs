using NUnit.Framework;

namespace OnnxTransformers.Pipelines;

internal sealed class ZeroShotClassificationTests
{
    private const string Config = """{"model_type":"bert","id2label":{"0":"contradiction","1":"neutral","2":"ENTAILMENT"}}""";

    private TinyPackage _package = null!;
    private ZeroShotClassification _pipeline = null!;

    [OneTimeSetUp]
    public void Open()
    {
        _package = TinyPackage.Classifier(Config, 3, t => t switch { "good" => [0, 0, 2], "bad" => [1, 0, 0], _ => [0, 0, 0] });
        _pipeline = ZeroShotClassification.Load(_package.Path);
    }

    [OneTimeTearDown]
    public void Close()
    {
        _pipeline.Dispose();
        _package.Dispose();
    }

    [TestCase("""{"inputs":"it","candidate_labels":["bad","good"]}""", """{"sequence":"it","labels":["good","bad"],"scores":[0.8808,0.1192]}""")]
    [TestCase("""{"sequences":["it"],"candidate_labels":" bad, good ,"}""", """[{"sequence":"it","labels":["good","bad"],"scores":[0.8808,0.1192]}]""")]
    [TestCase("""{"inputs":"it","candidate_labels":["bad","good"],"multi_label":true}""", """{"sequence":"it","labels":["good","bad"],"scores":[0.8808,0.2689]}""")]
    [TestCase("""{"inputs":"it","candidate_labels":"bad"}""", """{"sequence":"it","labels":["bad"],"scores":[0.2689]}""")]
    [TestCase("""{"inputs":"it","candidate_labels":["good"],"hypothesis_template":"{{}} {} {0}"}""", """{"sequence":"it","labels":["good"],"scores":[0.982]}""")]
    public void Answers_as_the_reference_does(string line, string answer) => Assert.That(_pipeline.Ask(line), Is.EqualTo(answer));

    [TestCase("""{"inputs":"it"}""", "answering a line of zero-shot-classification: candidate_labels: not given")]
    [TestCase("""{"inputs":"it","candidate_labels":[]}""", "classifying without training: candidate_labels: an empty list; supported: at least one text and one label")]
    [TestCase("""{"inputs":"it","candidate_labels":"a","hypothesis_template":"it is"}""", "classifying without training: hypothesis_template: \"it is\" has no place for the label; supported: {} where it stands, as in \"This example is {}.\"")]
    [TestCase("""{"inputs":"it","candidate_labels":"a","hypothesis_template":"{x}"}""", "classifying without training: hypothesis_template: \"{x}\"; supported: {} where the label stands, {{ and }} for braces")]
    public void A_bad_line_is_refused_with_the_reason(string line, string reason) => Assert.That(() => _pipeline.Ask(line), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo(reason));

    [Test]
    public void Typed_answers_are_the_same() => Assert.That(_pipeline.Run("it", ["bad", "good"])[0].Label, Is.EqualTo("good"));
}

internal sealed class FeatureExtractionTests
{
    private TinyPackage _package = null!;
    private FeatureExtraction _pipeline = null!;

    [OneTimeSetUp]
    public void Open()
    {
        _package = TinyPackage.PerToken("""{"model_type":"bert","max_position_embeddings":8}""", 2, t => [Array.IndexOf(TinyPackage.Vocabulary, t), 0.5f], 8, "last_hidden_state", "token_embeddings");
        _pipeline = FeatureExtraction.Load(_package.Path);
    }

    [OneTimeTearDown]
    public void Close()
    {
        _pipeline.Dispose();
        _package.Dispose();
    }

    [TestCase("\"good\"", "[[[2,0.5],[5,0.5],[3,0.5]]]")]
    [TestCase("""{"inputs":["good bad",""]}""", "[[[[2,0.5],[5,0.5],[6,0.5],[3,0.5]]],[[[2,0.5],[3,0.5]]]]")]
    [TestCase("""{"inputs":"good bad a is it a a a a","truncation":true,"tokenize_kwargs":{"max_length":3}}""", "[[[2,0.5],[5,0.5],[3,0.5]]]")]
    public void Answers_as_the_reference_does(string line, string answer) => Assert.That(_pipeline.Ask(line), Is.EqualTo(answer));

    [Test]
    public void Features_are_a_vector_a_token()
    {
        var features = _pipeline.Run(["good", "a bad film"]);
        Assert.Multiple(() =>
        {
            Assert.That(features.Select(f => (f.Tokens, f.Width)), Is.EqualTo(new[] { (3, 2), (5, 2) }));
            Assert.That(features[1][2].ToArray(), Is.EqualTo(new[] { 6, 0.5f }));
        });
    }

    [Test]
    public void Tensors_are_refused() => Assert.That(() => _pipeline.Ask("""{"inputs":"a","return_tensors":true}"""), Throws.InstanceOf<InvalidInputException>().With.Message.EndsWith("return_tensors: true; supported: false, as JSON has no tensors"));
}

internal sealed class TextRankingTests
{
    private static TinyPackage Package(string config, int labels = 1) => TinyPackage.Classifier(config, labels, t => [.. Enumerable.Repeat(t switch { "good" => 2f, "bad" => -1, _ => 0 }, labels)]);

    [TestCase("""{"pairs":[["it","good"],["it","bad"]]}""", """{"scores":[0.8808,0.2689]}""")]
    [TestCase("""{"pairs":["it","good"]}""", """{"scores":0.8808}""")]
    [TestCase("""{"pairs":[["it","good"]],"activation":"identity"}""", """{"scores":[2]}""")]
    [TestCase("""{"pairs":[["it","good"]],"activation_fn":"torch.nn.Identity","max_length":3}""", """{"scores":[0]}""")]
    [TestCase("""{"query":"it","documents":["bad","good","a"]}""", """{"ranking":[{"corpus_id":1,"score":0.8808},{"corpus_id":2,"score":0.5},{"corpus_id":0,"score":0.2689}]}""")]
    [TestCase("""{"query":"it","documents":["bad","good"],"top_k":1,"return_documents":true}""", """{"ranking":[{"corpus_id":1,"score":0.8808,"text":"good"}]}""")]
    public void Answers_as_the_reference_does(string line, string answer)
    {
        using var package = Package("""{"model_type":"bert","id2label":{"0":"LABEL_0"},"max_position_embeddings":16}""");
        using var pipeline = TextRanking.Load(package.Path);
        Assert.That(pipeline.Ask(line), Is.EqualTo(answer));
    }

    [TestCase("\"sentence_transformers\":{\"activation_fn\":\"torch.nn.modules.linear.Identity\"},", "2")]
    [TestCase("\"sbert_ce_default_activation_function\":\"torch.nn.modules.activation.Sigmoid\",", "0.8808")]
    public void The_activation_is_the_packages(string key, string score)
    {
        using var package = Package("""{"model_type":"bert","id2label":{"0":"LABEL_0"}}""".Insert(1, key));
        using var pipeline = TextRanking.Load(package.Path);
        Assert.That(pipeline.Ask("""{"pairs":[["it","good"]]}"""), Is.EqualTo($$"""{"scores":[{{score}}]}"""));
    }

    [Test]
    public void An_unknown_activation_is_refused()
    {
        using var package = Package("""{"model_type":"bert","id2label":{"0":"LABEL_0"},"sentence_transformers":{"activation_fn":"mine.Special"}}""");
        Assert.That(() => TextRanking.Load(package.Path), Throws.InstanceOf<UnsupportedCheckpointException>().With.Message.EqualTo(
            $"opening {package.Path} for text-ranking: activation_fn: \"mine.Special\"; supported: torch.nn.Identity, torch.nn.Sigmoid"));
    }

    [Test]
    public void Several_labels_give_several_scores_and_no_ranking()
    {
        using var package = Package("""{"model_type":"bert","num_labels":2}""", 2);
        using var pipeline = TextRanking.Load(package.Path);
        Assert.Multiple(() =>
        {
            Assert.That(pipeline.Ask("""{"pairs":[["it","good"]]}"""), Is.EqualTo("""{"scores":[[2,2]]}"""));
            Assert.That(pipeline.Ask("""{"pairs":[["it","good"]],"apply_softmax":true}"""), Is.EqualTo("""{"scores":[[0.5,0.5]]}"""));
            Assert.That(() => pipeline.Rank("it", ["good"]), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo("ranking documents: $.id2label: 2 labels; supported: 1 to rank by. Next: score the pairs instead"));
        });
    }

    [TestCase("""{"query":"it"}""", "pairs, or query and documents: neither given; supported: one of them")]
    [TestCase("""{"pairs":[["it"]]}""", "pairs: [\"it\"]; supported: two texts")]
    [TestCase("""{"pairs":[["it","a"]],"activation":"tanh"}""", "activation: \"tanh\"; supported: Identity, Sigmoid, identity, sigmoid")]
    public void A_bad_line_is_refused_with_the_reason(string line, string reason)
    {
        using var package = Package("""{"model_type":"bert","id2label":{"0":"LABEL_0"}}""");
        using var pipeline = TextRanking.Load(package.Path);
        Assert.That(() => pipeline.Ask(line), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo($"answering a line of text-ranking: {reason}"));
    }
}
