using NUnit.Framework;

namespace OnnxTransformers.Pipelines;

internal sealed class TextClassificationTests
{
    private const string Config = """{"model_type":"bert","architectures":["BertForSequenceClassification"],"id2label":{"0":"down","1":"up"},"max_position_embeddings":16}""";

    // "good" speaks for up, "bad" for down.
    private static float[] Row(string token) => token switch { "good" => [0, 2], "bad" => [1, 0], _ => [0, 0] };

    private TinyPackage _package = null!;
    private TextClassification _pipeline = null!;

    [OneTimeSetUp]
    public void Open()
    {
        _package = TinyPackage.Classifier(Config, 2, Row);
        _pipeline = TextClassification.Load(_package.Path);
    }

    [OneTimeTearDown]
    public void Close()
    {
        _pipeline.Dispose();
        _package.Dispose();
    }

    [Test]
    public void Gives_the_best_label_of_each_text_in_order()
    {
        var answers = _pipeline.Run("it is good", "a bad film .", "good good film");
        Assert.Multiple(() =>
        {
            Assert.That(answers.Select(a => a.Label), Is.EqualTo(new[] { "up", "down", "up" }));
            Assert.That(answers[0].Score, Is.EqualTo(1 / (1 + MathF.Exp(-2))).Within(1e-6));
            Assert.That(answers[1].Score, Is.EqualTo(1 / (1 + MathF.Exp(-1))).Within(1e-6));
            Assert.That(answers[2].Score, Is.EqualTo(1 / (1 + MathF.Exp(-4))).Within(1e-6));
        });
    }

    [Test]
    public void Rows_of_any_batching_are_the_same()
    {
        string[] texts = ["good", "bad bad bad bad bad", "", "a film", "good bad good bad"];
        var alone = texts.Select(t => _pipeline.Run(t)[0]).ToList();
        using var narrow = TextClassification.Load(_package.Path, new() { BatchTokens = 9, BatchRows = 2 });
        Assert.Multiple(() =>
        {
            Assert.That(_pipeline.Run(texts), Is.EqualTo(alone));
            Assert.That(narrow.Run(texts), Is.EqualTo(alone));
        });
    }

    // Shapes of answers are the reference's: a list around the only label of a single text, but not where top_k is given.
    [TestCase("\"good\"", """[{"label":"up","score":0.8808}]""")]
    [TestCase("""{"inputs":"good"}""", """[{"label":"up","score":0.8808}]""")]
    [TestCase("""{"inputs":["good","bad"]}""", """[{"label":"up","score":0.8808},{"label":"down","score":0.7311}]""")]
    [TestCase("""{"inputs":["good"]}""", """[{"label":"up","score":0.8808}]""")]
    [TestCase("""{"inputs":[]}""", """[]""")]
    [TestCase("""{"inputs":"good","top_k":null}""", """[{"label":"up","score":0.8808},{"label":"down","score":0.1192}]""")]
    [TestCase("""{"inputs":"good","top_k":1}""", """[{"label":"up","score":0.8808}]""")]
    [TestCase("""{"inputs":["good"],"top_k":1}""", """[[{"label":"up","score":0.8808}]]""")]
    [TestCase("""{"inputs":{"text":"good","text_pair":"bad"}}""", """{"label":"up","score":0.7311}""")]
    [TestCase("""{"inputs":[{"text":"good","text_pair":"bad"}],"top_k":null}""", """[[{"label":"up","score":0.7311},{"label":"down","score":0.2689}]]""")]
    [TestCase("""{"inputs":[[["good","bad"]]]}""", """[{"label":"up","score":0.7311}]""")]
    [TestCase("""{"inputs":"good","return_all_scores":true}""", """[[{"label":"down","score":0.1192},{"label":"up","score":0.8808}]]""")]
    [TestCase("""{"inputs":"good","function_to_apply":"none","top_k":null}""", """[{"label":"up","score":2},{"label":"down","score":0}]""")]
    [TestCase("""{"inputs":"good","function_to_apply":"sigmoid","top_k":null}""", """[{"label":"up","score":0.8808},{"label":"down","score":0.5}]""")]
    [TestCase("""{"inputs":"good bad bad bad","truncation":true,"max_length":3}""", """[{"label":"up","score":0.8808}]""")]
    [TestCase("""{"inputs":"good","pipeline":{"top_k":2}}""", """[{"label":"up","score":0.8808},{"label":"down","score":0.1192}]""")]
    [TestCase("""{"inputs":"good","batch_size":4}""", """[{"label":"up","score":0.8808}]""")]
    public void Answers_as_the_reference_does(string line, string answer) => Assert.That(_pipeline.Ask(line), Is.EqualTo(answer));

    [TestCase("""{"inputs":"good","topk":1}""", "topk: no such argument; supported: add_special_tokens, function_to_apply, inputs, max_length, padding, return_all_scores, text, top_k, truncation")]
    [TestCase("""{"text_pair":"good"}""", "inputs or text: not given")]
    [TestCase("""{"text":"good","inputs":"bad"}""", "inputs and text: all given; supported: one of them")]
    [TestCase("5", "line: 5; supported: a text or an object")]
    [TestCase("""{"inputs":"good","top_k":"two"}""", "top_k: \"two\"; supported: a whole number of at least 0")]
    [TestCase("""{"inputs":"good","function_to_apply":"tanh"}""", "function_to_apply: \"tanh\"; supported: sigmoid, softmax, none")]
    [TestCase("""{"inputs":["good",7]}""", "inputs: 7; supported: a text, {\"text\", \"text_pair\"}, or a list of those")]
    [TestCase("""{"inputs":{"text":"a","pair":"b"}}""", "inputs: {\"text\":\"a\",\"pair\":\"b\"}; supported: a text, {\"text\", \"text_pair\"}, or a list of those")]
    [TestCase("""{"inputs":"good","padding":"max_length"}""", "padding: \"max_length\"; supported: true, false, longest, do_not_pad")]
    public void A_bad_line_is_refused_with_the_reason(string line, string reason) =>
        Assert.That(() => _pipeline.Ask(line), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo($"answering a line of text-classification: {reason}"));

    [Test]
    public void A_text_with_more_tokens_than_positions_is_refused()
    {
        var text = string.Join(' ', Enumerable.Repeat("good", 30));
        Assert.That(() => _pipeline.Run(text), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo(
            "encoding a text: \"good good good good good good good good ...\": 32 tokens; supported: 16 at most. Next: cut the text, or ask for truncation"));
        Assert.That(_pipeline.Run([text], new() { Truncate = true })[0][0].Label, Is.EqualTo("up"));
    }

    [TestCase("\"problem_type\":\"regression\",", "2 0")]
    [TestCase("\"problem_type\":\"multi_label_classification\",", "0.8808 0.5")]
    [TestCase("\"problem_type\":\"single_label_classification\",", "0.8808 0.1192")]
    public void The_function_is_what_the_configuration_implies(string problem, string scores)
    {
        using var package = TinyPackage.Classifier(Config.Insert(1, problem), 2, Row);
        using var pipeline = TextClassification.Load(package.Path);
        var found = pipeline.Run(["good"], new() { TopK = null })[0].Select(l => Math.Round(l.Score, 4).ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.That(string.Join(' ', found), Is.EqualTo(scores));
    }

    [Test]
    public void One_label_is_a_sigmoid()
    {
        using var package = TinyPackage.Classifier("""{"model_type":"bert","id2label":{"0":"only"}}""", 1, t => [Row(t)[1]]);
        using var pipeline = TextClassification.Load(package.Path);
        Assert.That(pipeline.Ask("\"good\""), Is.EqualTo("""[{"label":"only","score":0.8808}]"""));
    }

    [Test]
    public void Labels_that_do_not_match_the_graph_are_refused()
    {
        using var package = TinyPackage.Classifier("""{"model_type":"bert","id2label":{"0":"a","1":"b","2":"c"}}""", 2, Row);
        using var pipeline = TextClassification.Load(package.Path);
        Assert.That(() => pipeline.Run("good"), Throws.InstanceOf<CorruptCheckpointException>().With.Message.EndsWith("$.id2label: 3 labels, but the graph's logits have 2. Next: export the model again"));
    }

    [Test]
    public void A_package_for_something_else_is_refused()
    {
        using var package = TinyPackage.PerToken(Config, 2, Row, 16, "last_hidden_state");
        Assert.That(() => TextClassification.Load(package.Path), Throws.InstanceOf<UnsupportedCheckpointException>().With.Message.EqualTo(
            $"opening {package.Path} for text-classification: logits: the graph has no such output; it has last_hidden_state. Next: export the model with --task text-classification"));
    }

    [Test]
    public void Many_threads_share_a_pipeline()
    {
        Parallel.For(0, 64, i =>
        {
            var text = string.Join(' ', Enumerable.Repeat(i % 2 == 0 ? "good" : "bad", 1 + i % 7));
            Assert.That(_pipeline.Run(text)[0].Label, Is.EqualTo(i % 2 == 0 ? "up" : "down"));
        });
    }

    [Test]
    public void A_disposed_pipeline_refuses()
    {
        var pipeline = TextClassification.Load(_package.Path);
        pipeline.Dispose();
        pipeline.Dispose();
        Assert.That(() => pipeline.Run("good"), Throws.InstanceOf<ObjectDisposedException>());
    }
}
