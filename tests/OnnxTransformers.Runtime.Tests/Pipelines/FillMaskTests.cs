using NUnit.Framework;

namespace OnnxTransformers.Pipelines;

internal sealed class FillMaskTests
{
    private const string Config = """{"model_type":"bert"}""";

    private TinyPackage _package = null!;
    private FillMask _pipeline = null!;

    [OneTimeSetUp]
    public void Open()
    {
        // In the place of a mask: good, then bad, then ##ly, then [PAD].
        _package = TinyPackage.PerToken(Config, TinyPackage.Vocabulary.Length, t => [.. TinyPackage.Vocabulary.Select(v => t != "[MASK]" ? 0f : v switch { "good" => 5, "bad" => 4, "##ly" => 3, "[PAD]" => 2, _ => 0 })], 16, "logits");
        _pipeline = FillMask.Load(_package.Path);
    }

    [OneTimeTearDown]
    public void Close()
    {
        _pipeline.Dispose();
        _package.Dispose();
    }

    [Test]
    public void Fills_a_mask()
    {
        var fillings = _pipeline.Run("It is [MASK].", new() { TopK = 4 });
        Assert.Multiple(() =>
        {
            Assert.That(_pipeline.MaskToken, Is.EqualTo("[MASK]"));
            Assert.That(fillings.Single().Select(f => (f.Token, f.TokenText, f.Sequence)), Is.EqualTo(new[] { (5, "good", "it is good."), (6, "bad", "it is bad."), (11, "##ly", "it isly."), (0, "[PAD]", "it is.") }));
        });
    }

    [Test]
    public void Several_masks_keep_each_other()
    {
        var fillings = _pipeline.Run("[MASK] is [MASK]", new() { TopK = 1 });
        Assert.That(fillings.Select(m => m[0].Sequence), Is.EqualTo(new[] { "[CLS] good is [MASK] [SEP]", "[CLS] [MASK] is good [SEP]" }));
    }

    [TestCase("""{"inputs":"a [MASK]","targets":["bad","badly"],"top_k":5}""", """[{"score":0.2233,"token":6,"token_str":"bad","sequence":"a bad"}]""")]
    [TestCase("""{"inputs":["a [MASK]"],"targets":"good"}""", """[{"score":0.607,"token":5,"token_str":"good","sequence":"a good"}]""")]
    [TestCase("""{"inputs":["a [MASK]","[MASK]"],"top_k":1}""", """[[{"score":0.607,"token":5,"token_str":"good","sequence":"a good"}],[{"score":0.607,"token":5,"token_str":"good","sequence":"good"}]]""")]
    [TestCase("""{"inputs":"[MASK] a a a a a a a a a a a a a a a a a","top_k":1,"tokenizer_kwargs":{"truncation":true,"max_length":4}}""", """[{"score":0.607,"token":5,"token_str":"good","sequence":"good a"}]""")]
    public void Answers_as_the_reference_does(string line, string answer) => Assert.That(_pipeline.Ask(line), Is.EqualTo(answer));

    [TestCase("\"a film\"", "filling a mask: \"a film\": no [MASK]; supported: at least one [MASK] in each text")]
    [TestCase("""{"inputs":"[MASK]","targets":[""]}""", "filling a mask: targets: none that the tokenizer knows; supported: at least one text that it has tokens for")]
    [TestCase("""{"inputs":"[MASK]","tokenizer_kwargs":{"stride":1}}""", "answering a line of fill-mask, tokenizer_kwargs: stride: no such argument; supported: add_special_tokens, max_length, padding, truncation")]
    public void A_bad_line_is_refused_with_the_reason(string line, string reason) => Assert.That(() => _pipeline.Ask(line), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo(reason));
}
