using NUnit.Framework;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models;

public sealed class CatalogTests
{
    private static UnsupportedCheckpointException Refusal(string config, string? task = null, params SentenceModule[] modules) => Assert.Throws<UnsupportedCheckpointException>(() =>
        ModelCatalog.Plan(Configs.Read(config), new Dictionary<string, TensorInfo>(), new PlanRequest { Task = task, SentenceModules = [.. modules] }))!;

    /// <summary>Eight are named, the nearest.</summary>
    private static string Others => (ModelCatalog.Families.Select(f => f.ModelType).Distinct().Count() - 8).ToString(System.Globalization.CultureInfo.InvariantCulture);

    [Test]
    public void An_unknown_model_type_is_refused_with_the_nearest()
    {
        var e = Refusal("""{"model_type": "robertta", "architectures": ["RoberttaModel"]}""");
        Assert.That(e.Message, Does.Match("^reading config\\.json: \\$\\.model_type: \"robertta\" \\(RoberttaModel\\), which is not a type of transformers; supported: roberta, ([a-z0-9_-]+, ){6}[a-z0-9_-]+ and [0-9]+ others \\(docs/families\\)\\. "
            + "Next: check the type's spelling; the nearest that is supported is roberta, another network$"));
        Assert.That((e.ModelType, e.Key, e.Nearest), Is.EqualTo(("robertta", "$.model_type", "roberta")));
    }

    [Test]
    public void A_type_of_the_reference_that_is_not_supported_yet_is_told_apart_and_the_nearest_does_its_task()
    {
        var e = Refusal("""{"model_type": "yoso", "architectures": ["YosoForMaskedLM"]}""");
        Assert.That(e.Message, Does.StartWith("reading config.json: $.model_type: \"yoso\" (YosoForMaskedLM), a type of transformers that is not supported yet; supported: ").And.EndsWith("Next: export this one with optimum; the nearest that is supported is bert, another network"));
        Assert.That(e.Nearest, Is.EqualTo("bert"));
    }

    [TestCase("mt5", "MT5ForConditionalGeneration", TestName = "A type whose task none does has no nearest, however alike its name is to mpt")]
    [TestCase("wav2vec2", "Wav2Vec2ForCTC")]
    public void Without_a_near_type_the_next_step_is_named_all_the_same(string type, string architecture)
    {
        var e = Refusal($$"""{"model_type": "{{type}}", "architectures": ["{{architecture}}"]}""");
        Assert.That(e.Message, Does.EndWith("others (docs/families). Next: export this one with optimum"));
        Assert.That(e.Nearest, Is.Null);
    }

    [Test]
    public void A_task_that_was_asked_for_is_no_key_of_the_configuration() => Assert.That(Refusal("""{"model_type": "bert", "architectures": ["BertModel"]}""", "magic").Key, Is.Null);

    [TestCase("sentiment-analysis", "text-classification")]
    [TestCase("ner", "token-classification")]
    [TestCase("zero-shot-classification", "zero-shot-classification")]
    public void Tasks_go_by_their_other_names_too(string asked, string task)
    {
        var config = ConfigReader.Parse("""{"model_type": "bert", "architectures": ["BertModel"]}"""u8.ToArray(), "config.json");
        Assert.That(ModelCatalog.Plan(config, new Dictionary<string, TensorInfo>(), new PlanRequest { Task = asked }).Task, Is.EqualTo(task));
    }

    [TestCase("{}", null, "reading config.json: $.model_type: missing; supported: bert, distilbert, electra, mpnet, roberta, xlm-roberta, camembert, afmoe and {others} others (docs/families). Next: use a checkpoint whose config.json was saved by transformers")]
    [TestCase("""{"model_type": "bert"}""", null, "choosing the task of config.json: architectures: no class is named; supported: {bert}. Next: name the task with --task")]
    [TestCase("""{"model_type": "bert", "architectures": ["BertLMHeadModel"]}""", null, "choosing the task of config.json: architectures: \"BertLMHeadModel\", a class for text-generation; supported: {bert}. Next: name another task with --task")]
    [TestCase("""{"model_type": "distilbert", "architectures": ["DistilBertModel"]}""", "next-sentence-prediction", "choosing the task of config.json: --task: \"next-sentence-prediction\"; supported: {distilbert}")]
    [TestCase("""{"model_type": "distilbert", "architectures": ["DistilBertModel"]}""", "magic", "choosing the task of config.json: --task: \"magic\", which is not a task of the reference; supported: {distilbert}")]
    [TestCase("""{"model_type": "mpnet", "architectures": ["MPNetModel"]}""", "sentence-similarity", "choosing the task of config.json: --task: \"sentence-similarity\", but the folder has no modules.json that says how to pool; supported: {mpnet}. Next: ask for feature-extraction")]
    [TestCase("""{"model_type": "bert", "architectures": ["BertModel"], "hidden_act": "gelu_exact", "num_attention_heads": 5, "layer_norm_eps": "small", "rotary": true}""", null,
        "reading config.json: 4 problems\n  $.num_attention_heads: 5; supported: a divisor of the hidden size 768\n  $.hidden_act: \"gelu_exact\"; supported: {activations}\n  $.layer_norm_eps: \"small\"; supported: a number\n  $.rotary: a key that nothing reads; supported: the keys of bert and those that never change a graph. Next: if it changes nothing, remove it from config.json")]
    [TestCase("""{"model_type": "electra", "architectures": ["ElectraModel"], "is_decoder": true}""", null, "reading config.json: $.is_decoder: true; supported: false (the encoder; as a decoder it is not supported yet)")]
    [TestCase("""{"model_type": "bert", "architectures": ["BertForMaskedLM"], "is_decoder": true}""", null, "choosing the task of config.json: architectures: \"BertForMaskedLM\", a class for fill-mask; supported: for bert: text-generation. Next: name another task with --task")]
    [TestCase("""{"model_type": "bert", "architectures": ["BertLMHeadModel"], "is_decoder": true, "add_cross_attention": true, "position_embedding_type": "relative_key"}""", null,
        "reading config.json: 2 problems\n  $.add_cross_attention: true; supported: false (the decoder alone; cross-attention is not supported yet)\n  $.position_embedding_type: positions by distance; supported: absolute, for a decoder")]
    [TestCase("""{"model_type": "hy_v3", "architectures": ["HYV3ForCausalLM"], "num_hidden_layers": 1, "mlp_layer_types": ["hash_moe"]}""", null, "reading config.json: $.mlp_layer_types: \"hash_moe\"; supported: dense, sparse")]
    [TestCase("""{"model_type": "hy_v3", "architectures": ["HYV3ForCausalLM"], "num_hidden_layers": 2, "mlp_layer_types": ["dense"]}""", null, "reading config.json: $.mlp_layer_types: 1 entries; supported: one for each of the 2 layers")]
    [TestCase("""{"model_type": "hrm_text", "architectures": ["HrmTextForCausalLM"]}""", null, "reading config.json: $.prefix_lm: true; supported: false (prompts that see themselves both ways are not supported yet)")]
    [TestCase("""{"model_type": "ministral3", "architectures": ["Ministral3ForCausalLM"]}""", null, "reading config.json: $.rope_parameters.llama_4_scaling_beta: missing; supported: a number, beside original_max_position_embeddings")]
    [TestCase("""{"model_type": "mimo_v2_flash", "architectures": ["MiMoV2FlashForCausalLM"]}""", null, "reading config.json: $.rope_parameters: missing; supported: settings for full_attention and for sliding_attention")]
    [TestCase("""{"model_type": "qwen3_next", "architectures": ["Qwen3NextForCausalLM"], "num_hidden_layers": 1, "layer_types": ["conv"]}""", null, "reading config.json: $.layer_types: \"conv\"; supported: full_attention, linear_attention")]
    [TestCase("""{"model_type": "nemotron_h", "architectures": ["NemotronHForCausalLM"], "hybrid_override_pattern": "M*X"}""", null, "reading config.json: $.hybrid_override_pattern: \"X\"; supported: M, E, *, -")]
    [TestCase("""{"model_type": "jamba", "architectures": ["JambaForCausalLM"], "attn_layer_offset": 8}""", null, "reading config.json: $.attn_layer_offset: 8; supported: less than attn_layer_period, which is 8")]
    [TestCase("""{"model_type": "mamba2", "architectures": ["Mamba2ForCausalLM"], "num_heads": 100}""", null, "reading config.json: $.num_heads: 100 heads of 64; supported: heads that make up the width of 8192, which is expand times hidden_size")]
    [TestCase("""{"model_type": "mamba2", "architectures": ["Mamba2ForCausalLM"], "time_step_limit": [0.001]}""", null, "reading config.json: $.time_step_limit: [0.001]; supported: two numbers, the smaller first")]
    [TestCase("""{"model_type": "mamba2", "architectures": ["Mamba2ForCausalLM"], "time_step_limit": [0, "large"]}""", null, "reading config.json: $.time_step_limit: [0, \"large\"]; supported: two numbers, the smaller first")]
    [TestCase("""{"model_type": "gemma4_text", "architectures": ["Gemma4ForCausalLM"], "use_bidirectional_attention": "all", "rope_parameters": {"full_attention": {}, "sliding_attention": {}}}""", null,
        "reading config.json: $.use_bidirectional_attention: \"all\"; supported: null, vision (tokens that see later ones are not supported yet)")]
    [TestCase("""{"model_type": "gemma4_text", "architectures": ["Gemma4ForCausalLM"], "num_hidden_layers": 6, "per_layer_config": {"6": {"head_dim": 512}}, "rope_parameters": {"full_attention": {}, "sliding_attention": {}}}""", null,
        "reading config.json: $.per_layer_config.6: a key that nothing reads; supported: the keys of gemma4_text and those that never change a graph. Next: if it changes nothing, remove it from config.json")]
    [TestCase("""{"model_type": "roberta", "architectures": ["RobertaModel"], "position_embedding_type": "rotary"}""", null, "reading config.json: $.position_embedding_type: \"rotary\"; supported: absolute, relative_key, relative_key_query")]
    [TestCase("""{"model_type": "mpnet", "architectures": ["MPNetModel"], "relative_attention_num_buckets": 16}""", null, "reading config.json: $.relative_attention_num_buckets: 16; supported: a whole number of at least 32")]
    [TestCase("""{"model_type": "bert", "architectures": ["BertModel"], "pruned_heads": {"0": [1]}}""", null, "reading config.json: $.pruned_heads: {\"0\": [1]}; supported: no pruned heads")]
    [TestCase("""{"model_type": "bert", "architectures": ["BertModel"], "hidden_act": "prelu"}""", null, "reading config.json: $.hidden_act: \"prelu\"; supported: {activations}")]
    [TestCase("""{"model_type": "electra", "architectures": ["ElectraModel"], "summary_activation": "xielu"}""", null, "reading config.json: $.summary_activation: \"xielu\"; supported: {activations}")]
    public void Refusals_say_what_was_found_and_what_is_supported(string config, string? task, string message) => Assert.That(Refusal(config, task).Message, Is.EqualTo(Filled(message)));

    private const string EncoderTasks = "feature-extraction, fill-mask, text-classification, sentiment-analysis, zero-shot-classification, text-ranking, token-classification, ner, question-answering, multiple-choice";

    /// <summary>What grows with the tables stands in braces.</summary>
    private static string Filled(string message) => message
        .Replace("{bert}", $"for bert: {EncoderTasks}, next-sentence-prediction, pretraining", StringComparison.Ordinal)
        .Replace("{distilbert}", $"for distilbert: {EncoderTasks}", StringComparison.Ordinal)
        .Replace("{mpnet}", $"for mpnet: {EncoderTasks}", StringComparison.Ordinal)
        .Replace("{activations}", string.Join(", ", Activation.All.Values.Where(a => !a.HasParameters).Select(a => a.Name)), StringComparison.Ordinal)
        .Replace("{others}", Others, StringComparison.Ordinal);

    [Test]
    public void Only_types_whose_own_activation_has_parameters_take_those_that_have()
    {
        Assert.That(Activation.All.Values.Where(a => a.HasParameters).Select(a => a.Name), Is.EqualTo(new[] { "prelu", "xielu" }));
        var json = ConfigReader.Parse("""{"hidden_act": "prelu"}"""u8.ToArray(), "config.json");
        Assert.That(json.Activation("hidden_act", "xielu").Name, Is.EqualTo("prelu"));
        Assert.That(json.Problems, Is.Empty);
    }

    [TestCase("{}", 2, "LABEL_0 LABEL_1")]
    [TestCase("""{"id2label": {}}""", 2, "LABEL_0 LABEL_1")]
    [TestCase("""{"id2label": {}, "num_labels": 3}""", 3, "LABEL_0 LABEL_1 LABEL_2")]
    [TestCase("""{"_num_labels": 1}""", 1, "LABEL_0")]
    [TestCase("""{"id2label": {"0": "no", "1": "yes", "2": "perhaps"}, "num_labels": 2}""", 3, "no yes perhaps")]
    public void A_head_has_as_many_labels_as_the_pipelines_name(string config, int count, string names)
    {
        Assert.That(Configs.Read(config).Labels(), Is.EqualTo(count));
        Assert.That(string.Join(' ', LabelNames.Read(Configs.Read(config))), Is.EqualTo(names));
    }

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
        Assert.That(plan.IgnoredKeys, Is.EqualTo(new IgnoredKey[]
        {
            new("$.use_cache", "which results the reference's Python object returns"), new("$.torch_dtype", "the element type comes from the checkpoint and from --precision"), new("$.hidden_dropout_prob", "training only"),
        }));
    }
}
