using NUnit.Framework;

namespace OnnxTransformers.Pipelines;

internal sealed class QuestionAnsweringTests
{
    private const string Config = """{"model_type":"bert","max_position_embeddings":64}""";

    private TinyPackage _package = null!;
    private QuestionAnswering _pipeline = null!;

    [OneTimeSetUp]
    public void Open()
    {
        // Start and end are both where paris is; good is second best; [CLS] says "no answer".
        _package = TinyPackage.PerToken(Config, 0, t => [t switch { "paris" => 5, "good" => 4, "[CLS]" => 3, "film" => 9, _ => 0 }], 64, "start_logits", "end_logits");
        _pipeline = QuestionAnswering.Load(_package.Path);
    }

    [OneTimeTearDown]
    public void Close()
    {
        _pipeline.Dispose();
        _package.Dispose();
    }

    [Test]
    public void Finds_the_passage()
    {
        // "film" in the question has the largest logits, but answers come from the context.
        var answer = _pipeline.Run("is it a film", "Anna lives in Paris.");
        Assert.That((answer.Text, answer.Start, answer.End), Is.EqualTo(("Paris", 14, 19)));
        Assert.That(answer.Score, Is.GreaterThan(0.5f));
    }

    [Test]
    public void An_answer_is_widened_to_whole_words()
    {
        using var package = TinyPackage.PerToken(Config, 0, t => [t == "##ly" ? 5 : 0], 64, "start_logits", "end_logits");
        using var pipeline = QuestionAnswering.Load(package.Path);
        Assert.Multiple(() =>
        {
            Assert.That(pipeline.Run("is it", "a goodly film").Text, Is.EqualTo("goodly"));
            Assert.That(pipeline.Run("is it", "a goodly film", new() { AlignToWords = false })[0].Text, Is.EqualTo("ly"));
        });
    }

    [Test]
    public void Answers_are_sorted_and_equal_ones_summed()
    {
        var answers = _pipeline.Run("is it", "paris . Paris . good", new() { TopK = 20, MaxAnswerLength = 1 });
        Assert.Multiple(() =>
        {
            Assert.That(answers[0].Text, Is.EqualTo("paris"));
            Assert.That(answers.Count(a => a.Text.Equals("paris", StringComparison.OrdinalIgnoreCase)), Is.EqualTo(1));
            Assert.That(answers.Select(a => a.Score), Is.Ordered.Descending);
        });
    }

    [Test]
    public void No_answer_is_an_answer_where_it_is_allowed()
    {
        var answers = _pipeline.Run("is it", "a .", new() { AllowImpossible = true });
        Assert.That((answers[0].Text, answers[0].Start, answers[0].End), Is.EqualTo(("", 0, 0)));
        Assert.That(_pipeline.Run("is it", "a .").Text, Is.Not.Empty);
    }

    [Test]
    public void A_long_context_is_read_in_windows()
    {
        var context = string.Join(' ', Enumerable.Repeat("it is a .", 30)) + " anna lives in Paris";
        var answer = _pipeline.Run("is it", context, new() { MaxLength = 16, Stride = 4 })[0];
        Assert.That(context[answer.Start..answer.End], Is.EqualTo("Paris"));
    }

    [TestCase("""{"question":"is it","context":"😀 Paris"}""", """{"score":0.7667,"start":2,"end":7,"answer":"Paris"}""")]
    [TestCase("""{"inputs":{"question":"is it","context":"Paris"}}""", """{"score":0.7758,"start":0,"end":5,"answer":"Paris"}""")]
    [TestCase("""{"inputs":[{"question":"is it","context":"Paris"}]}""", """{"score":0.7758,"start":0,"end":5,"answer":"Paris"}""")]
    [TestCase("""{"question":["is it","it"],"context":"Paris"}""", """[{"score":0.7758,"start":0,"end":5,"answer":"Paris"},{"score":0.7758,"start":0,"end":5,"answer":"Paris"}]""")]
    [TestCase("""{"question":"is it","context":"Paris","top_k":2,"handle_impossible_answer":true}""", """[{"score":0.7758,"start":0,"end":5,"answer":"Paris"},{"score":0.0142,"start":0,"end":0,"answer":""}]""")]
    public void Answers_as_the_reference_does(string line, string answer) => Assert.That(_pipeline.Ask(line), Is.EqualTo(answer));

    [TestCase("""{"question":"","context":"a"}""", "answering a question: question: empty; supported: a text")]
    [TestCase("""{"question":"a","context":""}""", "answering a question: context: empty; supported: a text")]
    [TestCase("""{"question":"a"}""", "answering a line of question-answering: context: not given")]
    [TestCase("""{"question":["a","is"],"context":["a"]}""", "answering a line of question-answering: question: 2 of them for 1 contexts; supported: a context each, or one context for all")]
    [TestCase("""{"question":"a","context":"a","top_k":0}""", "answering a line of question-answering: top_k: 0; supported: a whole number of at least 1")]
    [TestCase("""{"question":"a","context":"a","max_seq_len":4,"doc_stride":5}""", "answering a question: doc_stride: 5; supported: at most max_seq_len (4)")]
    [TestCase("""{"inputs":{"question":"a","context":"a","id":1}}""", "answering a line of question-answering: inputs: {\"question\":\"a\",\"context\":\"a\",\"id\":1}; supported: {\"question\", \"context\"}")]
    public void A_bad_line_is_refused_with_the_reason(string line, string reason) => Assert.That(() => _pipeline.Ask(line), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo(reason));
}
