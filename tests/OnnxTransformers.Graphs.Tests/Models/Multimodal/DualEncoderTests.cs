using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>What checkpoints of texts and images become, and what is refused of them.</summary>
public sealed class DualEncoderTests
{
    [TestCase("clip", "CLIPModel", "zero-shot-image-classification")]
    [TestCase("clip", "CLIPForImageClassification", "image-classification")]
    [TestCase("clip_text_model", "CLIPTextModelWithProjection", "feature-extraction")]
    [TestCase("clip_vision_model", "CLIPVisionModel", "feature-extraction")]
    [TestCase("clipseg", "CLIPSegForImageSegmentation", "image-segmentation")]
    [TestCase("clipseg", "CLIPSegModel", "zero-shot-image-classification")]
    [TestCase("owlvit", "OwlViTForObjectDetection", "zero-shot-object-detection")]
    [TestCase("siglip", "SiglipModel", "zero-shot-image-classification")]
    [TestCase("siglip2", "Siglip2ForImageClassification", "image-classification")]
    [TestCase("xclip", "XCLIPModel", "zero-shot-video-classification")]
    public void A_class_tells_the_task(string type, string architecture, string task) =>
        Assert.That(Configs.Plan($$"""{"model_type": "{{type}}", "architectures": ["{{architecture}}"]}""").Task, Is.EqualTo(task));

    [Test]
    public void Texts_and_images_have_rows_of_their_own_where_they_meet()
    {
        var folder = Fixtures.Find("multimodal/clip");
        var plan = ModelCatalog.Plan(Configs.Read(File.ReadAllText(Path.Combine(folder, "config.json"))), DumpTests.Index(Path.Combine(folder, "model.safetensors")), new PlanRequest());
        var shapes = plan.Build(new BuildOptions()).Select(g => $"{g.Name}: {string.Join(' ', g.ToModel().Proto.Graph.Output.Select(o => $"{o.Name}[{string.Join(',', o.Type.TensorType.Shape.Dim.Select(d => d.DimParam.Length > 0 ? d.DimParam : $"{d.DimValue}"))}]"))}");
        Assert.That(shapes, Is.EqualTo(new[]
        {
            "model: logits_per_image[image_batch_size,text_batch_size] logits_per_text[text_batch_size,image_batch_size] text_embeds[text_batch_size,24] image_embeds[image_batch_size,24]",
            "text_model: text_features[batch_size,24] text_embeds[batch_size,24] last_hidden_state[batch_size,sequence_length,32] pooler_output[batch_size,32]",
            "vision_model: image_features[batch_size,24] image_embeds[batch_size,24] last_hidden_state[batch_size,1 + (((height - 6) / 6 + 1)) * (((width - 6) / 6 + 1)),32] pooler_output[batch_size,32]",
        }));
    }

    [Test]
    public void An_older_configuration_of_a_tower_comes_first()
    {
        var json = """{"model_type": "clip", "architectures": ["CLIPModel"], "text_config": {"hidden_size": 7, "no_such_key": 1}, "text_config_dict": {"max_position_embeddings": 5}}""";
        var graphs = Assert.Throws<CorruptCheckpointException>(() => Configs.Plan(json).Build(new BuildOptions()))!.Problems;
        Assert.That(graphs.Single(p => p.Where == "text_model.embeddings.position_embedding.weight").Supported, Is.EqualTo("a tensor [5, 512]"));
    }

    /// <summary>Older versions of the reference wrote every key there is into each tower.</summary>
    [Test]
    public void Towers_with_all_the_keys_of_older_versions_are_read()
    {
        const string Old = """
            "_name_or_path": "", "add_cross_attention": false, "architectures": null, "bad_words_ids": null, "chunk_size_feed_forward": 0, "cross_attention_hidden_size": null, "decoder_start_token_id": null, "diversity_penalty": 0.0,
            "do_sample": false, "early_stopping": false, "encoder_no_repeat_ngram_size": 0, "exponential_decay_length_penalty": null, "finetuning_task": null, "id2label": {"0": "LABEL_0"}, "is_decoder": false, "is_encoder_decoder": false,
            "length_penalty": 1.0, "max_length": 20, "num_beam_groups": 1, "output_scores": false, "prefix": null, "problem_type": null, "pruned_heads": {}, "remove_invalid_values": false, "return_dict": true, "sep_token_id": null,
            "temperature": 1.0, "tf_legacy_loss": false, "tie_encoder_decoder": false, "tie_word_embeddings": true, "top_k": 50, "torch_dtype": null, "torchscript": false, "transformers_version": "4.24.0", "typical_p": 1.0, "use_bfloat16": false
            """;
        var json = $$"""{"model_type": "clip", "architectures": ["CLIPModel"], "text_config": { {{Old}} }, "text_config_dict": null, "vision_config": { {{Old}} }, "vision_config_dict": null, "projection_dim": 512, "initializer_factor": 1.0}""";
        Assert.That(() => Configs.Plan(json), Throws.Nothing);
    }

    [TestCase("""{"model_type": "clip", "architectures": ["CLIPModel"], "vision_config": {"patch_stride": 4}}""",
        "reading config.json: $.vision_config.patch_stride: a key that nothing reads; supported: the keys of clip and those that never change a graph. Next: if it changes nothing, remove it from config.json")]
    [TestCase("""{"model_type": "clip", "architectures": ["CLIPModel"], "text_config": {"is_decoder": true}}""",
        "reading config.json: $.text_config.is_decoder: true; supported: false (the encoder; as a decoder it is not supported yet)")]
    [TestCase("""{"model_type": "clipseg", "architectures": ["CLIPSegForImageSegmentation"], "extract_layers": [3, 12]}""",
        "reading config.json: $.extract_layers: [3, 12]; supported: numbers of the 12 layers of the image tower")]
    [TestCase("""{"model_type": "align", "architectures": ["AlignModel"], "projection_dim": 24}""",
        "reading config.json: $.projection_dim: 24; supported: the hidden_dim of the image tower")]
    [TestCase("""{"model_type": "xclip", "architectures": ["XCLIPModel"], "vision_config": {"mit_hidden_size": 256}}""",
        "reading config.json: $.vision_config.mit_hidden_size: 256; supported: the projection_dim 512")]
    [TestCase("""{"model_type": "vision-text-dual-encoder", "architectures": ["VisionTextDualEncoderModel"], "text_config": {"model_type": "t5"}, "vision_config": {"model_type": "vit"}}""",
        "reading config.json: $.text_config.model_type: \"t5\"; supported: encoders with a feature-extraction graph (docs/families)")]
    [TestCase("""{"model_type": "vision-text-dual-encoder", "architectures": ["VisionTextDualEncoderModel"], "text_config": {"model_type": "bert"}}""",
        "reading config.json: $.vision_config: missing; supported: the configuration of an encoder")]
    public void What_is_not_supported_is_refused(string json, string message) =>
        Assert.That(Assert.Throws<UnsupportedCheckpointException>(() => Configs.Plan(json))!.Message, Is.EqualTo(message));

    [TestCase("""{"model_type": "siglip", "architectures": ["SiglipModel"], "vision_config": {"vision_use_head": false}}""",
        "building the vector of an image: $.vision_config.vision_use_head: false; supported: true, where images and texts are compared. Next: ask for image-classification")]
    [TestCase("""{"model_type": "vision-text-dual-encoder", "architectures": ["VisionTextDualEncoderModel"], "text_config": {"model_type": "distilbert"}, "vision_config": {"model_type": "clip_vision_model"}}""",
        "building text_model: text_model: distilbert without pooler_output; supported: encoders that pool what they read, with the weights of their pooler")]
    public void What_a_graph_has_no_vector_for_is_refused(string json, string message) =>
        Assert.That(Assert.Throws<UnsupportedCheckpointException>(() => Configs.Plan(json).Build(new BuildOptions()))!.Message, Is.EqualTo(message));
}
