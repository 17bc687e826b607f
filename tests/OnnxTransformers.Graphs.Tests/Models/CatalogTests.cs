using System.Text;
using NUnit.Framework;
using OnnxTransformers.Graphs.Heads;

namespace OnnxTransformers.Graphs.Models;

public sealed class CatalogTests
{
    private static UnsupportedCheckpointException Refusal(string config, string? task = null, params SentenceModule[] modules) => Assert.Throws<UnsupportedCheckpointException>(() =>
        ModelCatalog.Plan(ConfigReader.Parse(Encoding.UTF8.GetBytes(config), "config.json"), new Dictionary<string, TensorInfo>(), new PlanRequest { Task = task, SentenceModules = [.. modules] }))!;

    [Test]
    public void An_unknown_model_type_is_refused_with_the_nearest()
    {
        var e = Refusal("""{"model_type": "robertta", "architectures": ["RoberttaModel"]}""");
        Assert.That(e.Message, Is.EqualTo("reading config.json: $.model_type: \"robertta\" (RoberttaModel), which is not a type of transformers; supported: bert, distilbert, electra, mpnet, roberta, xlm-roberta, camembert. Next: the nearest that is supported is roberta, another network"));
        Assert.That((e.ModelType, e.Key, e.Nearest), Is.EqualTo(("robertta", "$.model_type", "roberta")));
    }

    [Test]
    public void A_type_of_the_reference_that_is_not_supported_yet_is_told_apart_and_the_nearest_does_its_task()
    {
        var e = Refusal("""{"model_type": "yoso", "architectures": ["YosoForMaskedLM"]}""");
        Assert.That(e.Message, Does.StartWith("reading config.json: $.model_type: \"yoso\" (YosoForMaskedLM), a type of transformers that is not supported yet; supported: bert, "));
        Assert.That(e.Nearest, Is.EqualTo("bert"));
    }

    [TestCase("{}", null, "reading config.json: $.model_type: missing; supported: bert, distilbert, electra, mpnet, roberta, xlm-roberta, camembert. Next: use a checkpoint whose config.json was saved by transformers")]
    [TestCase("""{"model_type": "bert"}""", null, "choosing the task of config.json: architectures: no class is named; supported: for bert: feature-extraction, fill-mask, text-classification, token-classification, question-answering, multiple-choice, next-sentence-prediction, pretraining. Next: name the task with --task")]
    [TestCase("""{"model_type": "bert", "architectures": ["BertLMHeadModel"]}""", null, "choosing the task of config.json: architectures: \"BertLMHeadModel\", a class for text-generation; supported: for bert: feature-extraction, fill-mask, text-classification, token-classification, question-answering, multiple-choice, next-sentence-prediction, pretraining")]
    [TestCase("""{"model_type": "distilbert", "architectures": ["DistilBertModel"]}""", "next-sentence-prediction", "choosing the task of config.json: architectures: the task \"next-sentence-prediction\" was asked for; supported: for distilbert: feature-extraction, fill-mask, text-classification, token-classification, question-answering, multiple-choice")]
    [TestCase("""{"model_type": "distilbert", "architectures": ["DistilBertModel"]}""", "magic", "choosing the task of config.json: architectures: the task \"magic\" was asked for, which is not one of the reference's; supported: for distilbert: feature-extraction, fill-mask, text-classification, token-classification, question-answering, multiple-choice")]
    [TestCase("""{"model_type": "mpnet", "architectures": ["MPNetModel"]}""", "sentence-similarity", "choosing the task of config.json: architectures: the task \"sentence-similarity\" was asked for, but the folder has no modules.json that says how to pool; supported: for mpnet: feature-extraction, fill-mask, text-classification, token-classification, question-answering, multiple-choice. Next: ask for feature-extraction")]
    [TestCase("""{"model_type": "bert", "architectures": ["BertModel"], "hidden_act": "gelu_exact", "num_attention_heads": 5, "layer_norm_eps": "small", "rotary": true}""", null,
        "reading config.json: 4 problems\n  $.num_attention_heads: 5; supported: a divisor of the hidden size 768\n  $.hidden_act: \"gelu_exact\"; supported: gelu, gelu_10, gelu_accurate, gelu_fast, gelu_new, gelu_python, gelu_python_tanh, gelu_pytorch_tanh, laplace, leaky_relu, linear, mish, prelu, quick_gelu, relu, relu2, relu6, sigmoid, silu, swish, tanh, xielu\n  $.layer_norm_eps: \"small\"; supported: a number\n  $.rotary: a key that nothing reads; supported: the keys of bert and those that never change a graph. Next: if it changes nothing, remove it from config.json")]
    [TestCase("""{"model_type": "bert", "architectures": ["BertModel"], "is_decoder": true}""", null, "reading config.json: $.is_decoder: true; supported: false (the encoder; as a decoder it is not supported yet)")]
    [TestCase("""{"model_type": "roberta", "architectures": ["RobertaModel"], "position_embedding_type": "rotary"}""", null, "reading config.json: $.position_embedding_type: \"rotary\"; supported: absolute, relative_key, relative_key_query")]
    [TestCase("""{"model_type": "mpnet", "architectures": ["MPNetModel"], "relative_attention_num_buckets": 16}""", null, "reading config.json: $.relative_attention_num_buckets: 16; supported: a whole number of at least 32")]
    [TestCase("""{"model_type": "bert", "architectures": ["BertModel"], "pruned_heads": {"0": [1]}}""", null, "reading config.json: $.pruned_heads: {\"0\": [1]}; supported: no pruned heads")]
    public void Refusals_say_what_was_found_and_what_is_supported(string config, string? task, string message) => Assert.That(Refusal(config, task).Message, Is.EqualTo(message));

    [Test]
    public void Tasks_are_found_by_the_longest_ending()
    {
        Assert.Multiple(() =>
        {
            Assert.That(ModelTask.OfClass("BertLMHeadModel")!.Name, Is.EqualTo("text-generation"));
            Assert.That(ModelTask.OfClass("BertModel")!.Name, Is.EqualTo("feature-extraction"));
            Assert.That(ModelTask.OfClass("DistilBertForQuestionAnswering")!.Name, Is.EqualTo("question-answering"));
            Assert.That(ModelTask.OfClass("TapasForTableQuestionAnswering")!.Name, Is.EqualTo("table-question-answering"));
            Assert.That(ModelTask.OfClass("Something"), Is.Null);
        });
    }

    [Test]
    public void A_classifier_that_sentence_transformers_has_marked_ranks_pairs()
    {
        var config = ConfigReader.Parse("""{"model_type": "bert", "architectures": ["BertForSequenceClassification"], "sentence_transformers": {"version": "5.0.0"}}"""u8.ToArray(), "config.json");
        Assert.That(ModelCatalog.Plan(config, new Dictionary<string, TensorInfo>(), new PlanRequest()).Task, Is.EqualTo("text-ranking"));
    }

    [Test]
    public void Every_task_that_a_family_offers_is_one_of_the_reference()
    {
        foreach (var family in ModelCatalog.Families)
            foreach (var task in family.Tasks) Assert.That(ModelTask.Named(task), Is.Not.Null, $"{family.ModelType}: {task}");
    }

    [Test]
    public void Keys_that_change_nothing_are_listed()
    {
        var plan = ModelCatalog.Plan(ConfigReader.Parse("""{"model_type": "bert", "architectures": ["BertModel"], "use_cache": true, "torch_dtype": "float16", "hidden_dropout_prob": 0.1, "my_null": null}"""u8.ToArray(), "config.json"),
            new Dictionary<string, TensorInfo>(), new PlanRequest());
        Assert.That(plan.IgnoredKeys, Is.EquivalentTo(new[] { "$.use_cache", "$.torch_dtype", "$.hidden_dropout_prob" }));
    }
}
