using NUnit.Framework;

namespace OnnxTransformers.Pipelines;

internal sealed class SentenceSimilarityTests
{
    private const string Modules = """[{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},{"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"}]""";
    private const string Normalized = """[{"idx":0,"name":"0","path":"","type":"a.Transformer"},{"idx":1,"name":"1","path":"1_Pooling","type":"b.Pooling"},{"idx":2,"name":"2","path":"2_Normalize","type":"c.Normalize"}]""";

    // A token's vector is its id and 1.
    private static TinyPackage Package(string modules = Modules, string pooling = """{"word_embedding_dimension":2,"pooling_mode_mean_tokens":true}""", string sentence = "{}") =>
        TinyPackage.PerToken("""{"model_type":"bert"}""", 2, t => [Array.IndexOf(TinyPackage.Vocabulary, t), 1], 16, "last_hidden_state")
            .With("modules.json", modules).With("1_Pooling/config.json", pooling).With("sentence_bert_config.json", """{"max_seq_length":6,"do_lower_case":false}""").With("config_sentence_transformers.json", sentence);

    [TestCase("pooling_mode_cls_token", "2 1")]
    [TestCase("pooling_mode_mean_tokens", "4 1")]
    [TestCase("pooling_mode_max_tokens", "6 1")]
    [TestCase("pooling_mode_mean_sqrt_len_tokens", "8 2")]
    [TestCase("pooling_mode_weightedmean_tokens", "4.2 1")]
    [TestCase("pooling_mode_lasttoken", "3 1")]
    public void Pools_outside_the_graph_where_that_does_not(string mode, string embedding)
    {
        // [CLS] good bad [SEP] are 2 5 6 3; the second row is padded.
        using var package = Package(pooling: mode == "pooling_mode_mean_tokens" ? "{}" : $$"""{"pooling_mode_mean_tokens":false,"{{mode}}":true}""");
        using var pipeline = SentenceSimilarity.Load(package.Path);
        var both = pipeline.Embed(["good bad it is", "good bad"]);
        Assert.That(string.Join(' ', both[1].Select(v => Math.Round(v, 4).ToString(System.Globalization.CultureInfo.InvariantCulture))), Is.EqualTo(embedding));
        Assert.That(pipeline.Embed("good bad"), Is.EqualTo(both[1]));
    }

    [Test]
    public void Several_modes_are_concatenated_in_the_references_order()
    {
        using var package = Package(pooling: """{"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true,"pooling_mode_max_tokens":true}""");
        using var pipeline = SentenceSimilarity.Load(package.Path);
        Assert.That(pipeline.Embed("good bad"), Is.EqualTo(new float[] { 2, 1, 6, 1, 4, 1 }));
    }

    [TestCase("""{"pooling_mode":"max","include_prompt":true}""", "6 1")]
    [TestCase("""{"pooling_mode":"mean+cls"}""", "2 1 4 1")]
    [TestCase("""{"pooling_mode":["mean","cls"]}""", "2 1 4 1")]
    public void The_newer_layout_names_the_mode(string pooling, string embedding)
    {
        using var package = Package(pooling: pooling);
        using var pipeline = SentenceSimilarity.Load(package.Path);
        Assert.That(string.Join(' ', pipeline.Embed("good bad")), Is.EqualTo(embedding));
    }

    [Test]
    public void The_last_module_normalizes()
    {
        using var package = Package(Normalized);
        using var pipeline = SentenceSimilarity.Load(package.Path);
        var embedding = pipeline.Embed("good bad");
        Assert.That(embedding, Is.EqualTo(new[] { 4 / MathF.Sqrt(17), 1 / MathF.Sqrt(17) }).Within(1e-6));
    }

    [Test]
    public void Texts_are_cut_to_the_models_own_limit()
    {
        using var package = Package();
        using var pipeline = SentenceSimilarity.Load(package.Path);
        Assert.That(pipeline.Embed("good good good good bad bad bad"), Is.EqualTo(pipeline.Embed("good good good good")));
    }

    private const string Prompts = """{"prompts":{"query":"bad ","passage":"film "},"default_prompt_name":null,"similarity_fn_name":"dot"}""";

    [TestCase("""{"sentences":"good"}""", """{"embeddings":[3.3333,1]}""")]
    [TestCase("""{"sentences":["good"],"prompt_name":"query"}""", """{"embeddings":[[4,1]]}""")]
    [TestCase("""{"sentences":["good"],"method":"encode_query"}""", """{"embeddings":[[4,1]]}""")]
    [TestCase("""{"sentences":["good"],"method":"encode_document"}""", """{"embeddings":[[4.25,1]]}""")]
    [TestCase("""{"sentences":["good"],"prompt":"a "}""", """{"embeddings":[[4.5,1]]}""")]
    [TestCase("""{"sentences":["good"],"truncate_dim":1,"normalize_embeddings":true}""", """{"embeddings":[[1]]}""")]
    [TestCase("""{"sentences":["good","good bad"],"similarity_fn_name":"dot"}""", """{"embeddings":[[3.3333,1],[4,1]],"similarity":[[12.1111,14.3333],[14.3333,17]]}""")]
    [TestCase("""{"sentences":["good","good bad"],"similarity_fn_name":"euclidean"}""", """{"embeddings":[[3.3333,1],[4,1]],"similarity":[[0,-0.6667],[-0.6667,0]]}""")]
    [TestCase("""{"sentences":["good","good bad"],"similarity_fn_name":"manhattan"}""", """{"embeddings":[[3.3333,1],[4,1]],"similarity":[[0,-0.6667],[-0.6667,0]]}""")]
    public void Answers_as_the_reference_does(string line, string answer)
    {
        using var package = Package(sentence: Prompts);
        using var pipeline = SentenceSimilarity.Load(package.Path);
        Assert.That(pipeline.Ask(line).Replace("-0,", "0,", StringComparison.Ordinal).Replace("-0]", "0]", StringComparison.Ordinal), Is.EqualTo(answer));
    }

    [Test]
    public void The_packages_own_function_compares()
    {
        using var package = Package(sentence: Prompts);
        using var pipeline = SentenceSimilarity.Load(package.Path);
        Assert.Multiple(() =>
        {
            Assert.That(pipeline.Similarity, Is.EqualTo(SimilarityFunction.Dot));
            Assert.That(pipeline.Compare([1, 2], [3, 4]), Is.EqualTo(11));
            Assert.That(pipeline.PromptNames, Is.EquivalentTo(new[] { "query", "passage" }));
        });
    }

    [Test]
    public void A_prompt_can_be_left_out_of_pooling()
    {
        using var package = Package(pooling: """{"pooling_mode_mean_tokens":true,"include_prompt":false}""", sentence: Prompts);
        using var pipeline = SentenceSimilarity.Load(package.Path);
        // [CLS] bad good [SEP]: the prompt with [CLS] is two tokens, so 5 and 3 remain.
        Assert.That(pipeline.Ask("""{"sentences":["good"],"prompt_name":"query"}"""), Is.EqualTo("""{"embeddings":[[4,1]]}"""));
        Assert.That(pipeline.Ask("""{"sentences":["good"]}"""), Is.EqualTo("""{"embeddings":[[3.3333,1]]}"""));
    }

    [TestCase("""{"sentences":["a"],"prompt_name":"question"}""", "embedding texts: prompt_name: \"question\"; supported: passage, query")]
    [TestCase("""{"sentences":["a"],"precision":"int8"}""", "answering a line of sentence-similarity: precision: \"int8\"; supported: float32")]
    [TestCase("""{"sentences":["a"],"show_progress_bar":true}""", "answering a line of sentence-similarity: show_progress_bar: no such argument; supported: inputs, method, normalize_embeddings, output_value, precision, prompt, prompt_name, sentences, similarity_fn_name, truncate_dim")]
    public void A_bad_line_is_refused_with_the_reason(string line, string reason)
    {
        using var package = Package(sentence: Prompts);
        using var pipeline = SentenceSimilarity.Load(package.Path);
        Assert.That(() => pipeline.Ask(line), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo(reason));
    }

    [Test]
    public void A_module_that_only_a_graph_could_compute_is_refused()
    {
        using var package = Package("""[{"path":"","type":"a.Transformer"},{"path":"1_Pooling","type":"b.Pooling"},{"path":"2_Dense","type":"c.Dense"}]""");
        Assert.That(() => SentenceSimilarity.Load(package.Path), Throws.InstanceOf<UnsupportedCheckpointException>().With.Message.EqualTo(
            $"opening {package.Path} for sentence-similarity: modules.json: a module Dense, and a graph without output sentence_embedding; supported: Transformer, Pooling, Normalize outside the graph. Next: export the model with --task sentence-similarity"));
    }

    [Test]
    public void A_list_of_modules_that_is_none_is_refused()
    {
        using var package = Package("""{"modules":[]}""");
        Assert.That(() => SentenceSimilarity.Load(package.Path), Throws.InstanceOf<CorruptCheckpointException>().With.Message.EqualTo("reading modules.json: $: a JSON Object; supported: a list of modules"));
    }

    [TestCase("../elsewhere")]
    [TestCase("/etc")]
    [TestCase(@"\\server\\share")]
    public void A_module_outside_the_package_is_refused(string path)
    {
        using var package = Package($$"""[{"path":"","type":"a.Transformer"},{"path":"{{path}}","type":"b.Pooling"}]""");
        Assert.That(() => SentenceSimilarity.Load(package.Path), Throws.InstanceOf<CorruptCheckpointException>().With.Message.EqualTo(
            $"reading modules.json: $[1].path: \"{path.Replace(@"\\", "/", StringComparison.Ordinal)}\", outside the folder of modules.json; supported: a folder inside it"));
    }

    [Test]
    public void Pooling_inside_the_graph_is_the_graph_s_own_business()
    {
        using var package = TinyPackage.Classifier("""{"model_type":"bert"}""", 2, t => [Array.IndexOf(TinyPackage.Vocabulary, t), 1], output: "sentence_embedding")
            .With("modules.json", Modules).With("1_Pooling/config.json", """{"pooling_mode":"of tomorrow","include_prompt":true}""");
        using var pipeline = SentenceSimilarity.Load(package.Path);
        Assert.That(pipeline.Embed("good"), Is.EqualTo(new float[] { 10, 3 }));
    }

    [TestCase("""{"pooling_mode":"median"}""", "$.pooling_mode: \"median\"; supported: cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken")]
    [TestCase("""{"pooling_mode_mean_tokens":false}""", "$.pooling_mode: no mode; supported: cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken")]
    public void Unknown_pooling_is_refused(string pooling, string reason)
    {
        using var package = Package(pooling: pooling);
        Assert.That(() => SentenceSimilarity.Load(package.Path), Throws.InstanceOf<UnsupportedCheckpointException>().With.Message.EqualTo($"reading {Path.Combine(package.Path, "1_Pooling", "config.json")}: {reason}"));
    }
}
