using NUnit.Framework;

namespace OnnxTransformers.Pipelines;

internal sealed class TokenClassificationTests
{
    private const string Config = """{"model_type":"bert","id2label":{"0":"O","1":"B-PER","2":"I-PER","3":"LOC"},"max_position_embeddings":16}""";

    // anna and good begin a person, ##ly and bad continue one, paris is a place.
    private static float[] Row(string token) => token switch
    {
        "anna" or "good" => [0, 3, 0, 0],
        "##ly" => [1, 0, 2, 0],
        "bad" => [0, 0, 3, 0],
        "paris" => [0, 0, 0, 4],
        "[UNK]" => [0, 0, 3, 0],
        _ => [3, 0, 0, 0],
    };

    private TinyPackage _package = null!;
    private TokenClassification _pipeline = null!;

    [OneTimeSetUp]
    public void Open()
    {
        _package = TinyPackage.PerToken(Config, 4, Row, 8, "logits");
        _pipeline = TokenClassification.Load(_package.Path);
    }

    [OneTimeTearDown]
    public void Close()
    {
        _pipeline.Dispose();
        _package.Dispose();
    }

    private string Entities(string line) => string.Join(" | ", _pipeline.Answer(line).EnumerateArray().Select(e =>
        $"{(e.TryGetProperty("entity", out var t) ? t : e.GetProperty("entity_group"))} '{e.GetProperty("word")}' {e.GetProperty("start")}-{e.GetProperty("end")}"));

    [TestCase("none", "B-PER 'anna' 0-4 | LOC 'paris' 14-19")]
    [TestCase("simple", "PER 'anna' 0-4 | LOC 'paris' 14-19")]
    public void Tags_tokens(string strategy, string entities) => Assert.That(Entities($$"""{"inputs":"Anna lives in Paris.","aggregation_strategy":"{{strategy}}"}"""), Is.EqualTo(entities));

    [TestCase("none", "B-PER 'good' 0-4 | I-PER '##ly' 4-6 | I-PER 'bad' 7-10")]
    [TestCase("simple", "PER 'goodly bad' 0-10")]
    [TestCase("first", "PER 'goodly bad' 0-10")]
    [TestCase("average", "PER 'goodly bad' 0-10")]
    [TestCase("max", "PER 'goodly bad' 0-10")]
    public void Joins_tokens_into_words_and_words_into_entities(string strategy, string entities) =>
        Assert.That(Entities($$"""{"inputs":"Goodly bad","aggregation_strategy":"{{strategy}}"}"""), Is.EqualTo(entities));

    [Test]
    public void Two_beginnings_are_two_entities() => Assert.That(Entities("""{"inputs":"anna anna","aggregation_strategy":"simple"}"""), Is.EqualTo("PER 'anna' 0-4 | PER 'anna' 5-9"));

    [Test]
    public void An_unknown_word_is_shown_as_it_stands() => Assert.That(Entities("""{"inputs":"anna Zürich","aggregation_strategy":"first"}"""), Is.EqualTo("PER 'anna Zürich' 0-11"));

    [Test]
    public void Places_are_code_points_in_json_and_utf16_in_code()
    {
        Assert.That(Entities("""{"inputs":"😀 anna","aggregation_strategy":"simple"}"""), Is.EqualTo("PER '😀' 0-1 | PER 'anna' 2-6"));
        var entity = _pipeline.Run("😀 anna")[1];
        Assert.That("😀 anna"[entity.Start..entity.End], Is.EqualTo("anna"));
    }

    [Test]
    public void Labels_are_left_out_as_asked()
    {
        Assert.That(Entities("""{"inputs":"it anna","ignore_labels":[]}"""), Is.EqualTo("O 'it' 0-2 | B-PER 'anna' 3-7"));
        Assert.That(Entities("""{"inputs":"it anna paris","ignore_labels":["O","LOC"],"aggregation_strategy":"simple"}"""), Is.EqualTo("PER 'anna' 3-7"));
    }

    [Test]
    public void A_long_text_is_cut_without_a_stride_and_covered_with_one()
    {
        const string text = "it is a film . it is a film . anna lives in paris";
        Assert.That(Entities($$"""{"inputs":"{{text}}","aggregation_strategy":"simple"}"""), Is.Empty);
        Assert.That(Entities($$"""{"inputs":"{{text}}","aggregation_strategy":"simple","stride":2}"""), Is.EqualTo("PER 'anna' 30-34 | LOC 'paris' 44-49"));
    }

    [Test]
    public void Overlapping_entities_of_windows_leave_the_longer_one()
    {
        TaggedEntity[] found = [new("A", 0.9f, "", 0, 4, null), new("B", 0.5f, "", 2, 9, null), new("C", 0.6f, "", 9, 10, null), new("D", 0.7f, "", 9, 10, null)];
        Assert.That(global::OnnxTransformers.Entities.WithoutOverlaps([.. found]).Select(e => e.Tag), Is.EqualTo(new[] { "B", "D" }));
    }

    [Test]
    public void Words_are_taken_as_they_are()
    {
        var answer = _pipeline.Answer("""{"inputs":["Anna","Goodly"],"is_split_into_words":true,"aggregation_strategy":"simple"}""");
        Assert.That(answer.GetArrayLength(), Is.EqualTo(1));
        Assert.That(answer[0].EnumerateArray().Select(e => $"{e.GetProperty("word")} {e.GetProperty("start")}-{e.GetProperty("end")}"), Is.EqualTo(new[] { "anna 0-4", "goodly 5-11" }));
    }

    [Test]
    public void Scores_are_means_over_what_was_joined()
    {
        var scores = _pipeline.Answer("""{"inputs":"goodly","aggregation_strategy":"simple"}""")[0].GetProperty("score").GetSingle();
        var (good, ly) = (MathF.Exp(3) / (MathF.Exp(3) + 3), MathF.Exp(2) / (MathF.Exp(2) + MathF.Exp(1) + 2));
        Assert.That(scores, Is.EqualTo((good + ly) / 2).Within(1e-6));
    }

    [TestCase("""{"inputs":"anna","stride":2,"aggregation_strategy":"none"}""", "answering a line of token-classification: stride: given with aggregation_strategy none; supported: simple, first, average, max")]
    [TestCase("""{"inputs":"anna","stride":8,"aggregation_strategy":"simple"}""", "tagging tokens: stride: 8; supported: less than the tokenizer's limit of 8 tokens")]
    [TestCase("""{"inputs":"anna","is_split_into_words":true}""", "answering a line of token-classification: inputs: \"anna\"; supported: a list of words, or a list of such lists")]
    public void A_bad_line_is_refused_with_the_reason(string line, string reason) => Assert.That(() => _pipeline.Ask(line), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo(reason));
}
