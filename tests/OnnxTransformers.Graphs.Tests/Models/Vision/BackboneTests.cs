using NUnit.Framework;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>What configurations say of a network inside of another one.</summary>
public sealed class BackboneTests
{
    /// <summary>Older versions of the reference wrote every key there is into a configuration inside of another.</summary>
    [TestCase("dpt", "DPTForDepthEstimation", "dinov2")]
    [TestCase("depth_anything", "DepthAnythingForDepthEstimation", "dinov2")]
    [TestCase("detr", "DetrForObjectDetection", "resnet")]
    [TestCase("maskformer", "MaskFormerForInstanceSegmentation", "swin")]
    [TestCase("upernet", "UperNetForSemanticSegmentation", "convnext")]
    public void Backbones_with_all_the_keys_of_older_versions_are_read(string type, string architecture, string backbone)
    {
        var json = $$"""
            {"model_type": "{{type}}", "architectures": ["{{architecture}}"], "backbone_config": {"model_type": "{{backbone}}", "add_cross_attention": false, "bad_words_ids": null, "chunk_size_feed_forward": 0, "do_sample": false,
            "early_stopping": false, "is_decoder": false, "is_encoder_decoder": false, "max_length": 20, "num_beams": 1, "pruned_heads": {}, "temperature": 1.0, "tie_encoder_decoder": false, "tie_word_embeddings": true,
            "torchscript": false, "typical_p": 1.0, "use_bfloat16": false, "out_features": ["stage1", "stage2", "stage3", "stage4"]} }
            """;
        Assert.That(() => Configs.Plan(json), Throws.Nothing);
    }

    [Test]
    public void A_stage_that_a_residual_network_has_not_is_refused()
    {
        const string Json = """{"model_type": "detr", "architectures": ["DetrForObjectDetection"], "backbone": "resnet50", "use_timm_backbone": true, "backbone_kwargs": {"out_indices": [1, 5]}}""";
        Assert.That(() => Configs.Plan(Json), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo("reading config.json: $.backbone_kwargs.out_indices: 5; supported: 0 to 4"));
    }

    [Test]
    public void Padding_without_sides_is_refused() => Assert.That(() => Configs.Plan("""{"model_type": "hiera", "architectures": ["HieraModel"], "patch_padding": []}"""),
        Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo("reading config.json: $.patch_padding: []; supported: height and width"));

    /// <summary>A shortcut that averages does so in a dilated stage, too, where nothing becomes smaller.</summary>
    [TestCase(false, 3)]
    [TestCase(true, 3)]
    public void Shortcuts_average_before_they_project(bool dilation, int pools)
    {
        var json = $$"""
            {"model_type": "detr", "architectures": ["DetrForObjectDetection"], "backbone": "resnet50d", "use_timm_backbone": true, "dilation": {{(dilation ? "true" : "false")}}, "backbone_kwargs": {"layers": [1, 1, 1, 1]},
            "encoder_layers": 1, "decoder_layers": 1}
            """;
        var tensors = new Dictionary<string, TensorInfo>();
        foreach (var (stage, from) in (ReadOnlySpan<(int, int)>)[(1, 64), (2, 256), (3, 512), (4, 1024)])
        {
            var name = $"model.backbone.conv_encoder.model.layer{stage}.0.downsample.1.weight";
            tensors[name] = new TensorInfo(name, ElementType.Float, [128 << stage, from, 1, 1]);
        }
        Complete(json, tensors);
        var nodes = Configs.Plan(json, tensors).Build(new BuildOptions()).Single().ToModel().Proto.Graph.Node;
        Assert.That(nodes.Count(n => n.OpType == "AveragePool"), Is.EqualTo(pools));
    }

    [Test]
    public void Data2vec_segments_by_its_own_layers_where_none_are_named()
    {
        const string Json = """{"model_type": "data2vec-vision", "architectures": ["Data2VecVisionForSemanticSegmentation"]}""";
        var tensors = new Dictionary<string, TensorInfo>();
        Complete(Json, tensors);
        Assert.That(tensors.Keys, Does.Contain("fpn1.0.weight").And.Contain("decode_head.classifier.weight"));
    }

    /// <summary>Adds the tensors that the network asks for.</summary>
    private static void Complete(string json, Dictionary<string, TensorInfo> tensors)
    {
        var missing = Assert.Throws<CorruptCheckpointException>(() => Configs.Plan(json, tensors).Build(new BuildOptions()))!;
        foreach (var problem in missing.Problems)
        {
            var shape = problem.Supported!["a tensor [".Length..].Split(']')[0];
            tensors[problem.Where] = new TensorInfo(problem.Where, ElementType.Float, [.. shape.Split(", ").Select(long.Parse)]);
        }
    }
}
