using NUnit.Framework;
using OnnxTransformers.Processors;

namespace OnnxTransformers.Pipelines.Vision;

internal sealed class ImageClassificationTests
{
    private const string Config = """{"id2label":{"0":"red","1":"green","2":"blue"}}""";
    private TinyVision _package = null!;
    private ImageClassification _pipeline = null!;

    [OneTimeSetUp]
    public void Open()
    {
        _package = TinyVision.Classifier(Config);
        _package.Picture("red.bmp", 9, 5, 255, 0, 0);
        _package.Picture("blue.bmp", 3, 8, 0, 0, 255);
        _pipeline = ImageClassification.Load(_package.Folder, _package.Options);
    }

    [OneTimeTearDown]
    public void Close()
    {
        _pipeline.Dispose();
        _package.Dispose();
    }

    [TestCase("\"red.bmp\"", """[{"label":"red","score":0.5761},{"label":"green","score":0.2119},{"label":"blue","score":0.2119}]""")]
    [TestCase("""{"inputs":["red.bmp","blue.bmp"],"top_k":1}""", """[[{"label":"red","score":0.5761}],[{"label":"blue","score":0.5761}]]""")]
    [TestCase("""{"images":"blue.bmp","top_k":9,"function_to_apply":"none","timeout":3}""", """[{"label":"blue","score":1},{"label":"red","score":0},{"label":"green","score":0}]""")]
    [TestCase("""{"image":"blue.bmp","top_k":1,"function_to_apply":"sigmoid","task":"image-classification"}""", """{"result":[{"label":"blue","score":0.7311}]}""")]
    public void Answers_as_the_reference_does(string line, string answer) => Assert.That(_pipeline.Ask(line), Is.EqualTo(answer));

    [TestCase("{}", "answering a line of image-classification: inputs or image or images: not given")]
    [TestCase("""{"inputs":[]}""", "answering a line of image-classification: inputs: []; supported: the name of a picture, or a list of names")]
    [TestCase("""{"inputs":[7]}""", "answering a line of image-classification: inputs: 7; supported: the name of a picture, or a list of names")]
    [TestCase("""{"inputs":"red.bmp","topk":2}""", "answering a line of image-classification: topk: no such argument; supported: function_to_apply, image, images, inputs, task, timeout, top_k")]
    [TestCase("""{"inputs":"red.bmp","task":"object-detection"}""", "answering a line of image-classification: task: \"object-detection\"; supported: image-classification")]
    public void A_bad_line_is_refused_with_the_reason(string line, string reason) => Assert.That(() => _pipeline.Ask(line), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo(reason));

    [Test]
    public void A_picture_that_is_not_there_is_named() =>
        Assert.That(() => _pipeline.Ask("""["nothing.png"]""".Replace("[", "{\"inputs\":[", StringComparison.Ordinal).Replace("]", "]}", StringComparison.Ordinal)),
            Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo($"reading an image: {Path.Combine(_package.Folder, "nothing.png")}: no such file; supported: a picture file"));

    [Test]
    public void Without_a_decoder_a_file_of_another_kind_says_what_to_do()
    {
        PngFile.Write(TinyVision.Solid(2, 2, 1, 2, 3), Path.Combine(_package.Folder, "a.png"));
        Assert.That(() => _pipeline.Ask("\"a.png\""), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo(
            $"decoding an image: {Path.Combine(_package.Folder, "a.png")}: a file of format Png, and no decoder; supported: Bmp. Next: give a decoder: VipsDecoder of OnnxTransformers.Processors.Vips or ImageSharpDecoder of OnnxTransformers.Processors.ImageSharp"));
    }

    [Test]
    public void Many_pictures_answer_as_each_alone()
    {
        var random = new Random(1);
        PictureInput[] pictures = [.. Enumerable.Range(0, 70).Select(_ => new PictureInput(TinyVision.Solid(1 + random.Next(9), 1 + random.Next(9), (byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256))))];
        foreach (var batch in (int[])[1, 100, 1 << 20])
        {
            using var pipeline = ImageClassification.Load(_package.Folder, new() { BatchPixels = batch });
            var (together, alone) = (pipeline.Run(pictures), pictures.Select(p => pipeline.Run(p)).ToList());
            Assert.That(together.SelectMany(a => a.Select(l => l.Label)), Is.EqualTo(alone.SelectMany(a => a.Select(l => l.Label))));
            Assert.That(together.SelectMany(a => a.Select(l => l.Score)), Is.EqualTo(alone.SelectMany(a => a.Select(l => l.Score))).Within(1e-6));
        }
    }

    [Test]
    public void Answers_are_drawn_onto_copies()
    {
        _pipeline.Ask("\"red.bmp\"");
        Assert.That(Directory.EnumerateFiles(_package.Options.DrawFolder!).Select(Path.GetFileName), Has.Some.Matches(@"^\d{6}\.0-red\.png$"));
    }

    [Test]
    public void Files_have_the_number_of_their_line_though_one_before_was_refused()
    {
        using var package = TinyVision.Classifier(Config);
        package.Picture("red.bmp", 9, 5, 255, 0, 0);
        using var pipeline = ImageClassification.Load(package.Folder, package.Options);
        Assert.That(() => pipeline.Ask("{}"), Throws.InstanceOf<InvalidInputException>());
        pipeline.Ask("\"red.bmp\"");
        Assert.That(Directory.EnumerateFiles(package.Options.DrawFolder!).Select(Path.GetFileName), Is.EqualTo((string[])["000002.0-red.png"]));
    }

    [Test]
    public void One_label_is_scored_by_itself()
    {
        using var package = TinyVision.Constant("""{"id2label":{"0":"only"}}""", TinyVision.Processor("ViTImageProcessor", 4), ("logits", [1], [2]));
        using var pipeline = ImageClassification.Load(package.Folder);
        Assert.That(pipeline.Run(TinyVision.Solid(3, 3, 0, 0, 0))[0].Score, Is.EqualTo(0.8808f).Within(1e-4));
    }

    [Test]
    public void A_package_of_another_task_is_refused()
    {
        using var package = TinyVision.Classifier(Config, "last_hidden_state");
        Assert.That(() => ImageClassification.Load(package.Folder), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(
            $"opening {package.Folder} for image-classification: logits: the graph has no such output; it has last_hidden_state. Next: export the model with --task image-classification"));
    }

    [Test]
    public void Labels_that_are_not_as_many_as_logits_are_refused()
    {
        using var package = TinyVision.Classifier("""{"id2label":{"0":"a","1":"b"}}""");
        using var pipeline = ImageClassification.Load(package.Folder);
        Assert.That(() => pipeline.Run(TinyVision.Solid(2, 2, 0, 0, 0)), Throws.TypeOf<CorruptCheckpointException>().With.Message.EndsWith("$.id2label: 2 labels, but the graph's logits have 3. Next: export the model again"));
    }
}

internal sealed class ZeroShotImageClassificationTests
{
    [TestCase("""{"candidate_labels":["a film"]}""", ExpectedResult = 0.7311f)]
    [TestCase("""{"candidate_labels":["a film"],"tokenizer_kwargs":{"max_length":32}}""", ExpectedResult = 0.6225f)]
    public float Texts_of_siglip_have_one_length(string line)
    {
        using var package = TinyPackage.Lengths("""{"model_type":"siglip"}""", TinyVision.Processor("SiglipImageProcessor", 4));
        using var pictures = TinyVision.Classifier("{}");
        pictures.Picture("a.bmp", 4, 4, 1, 2, 3);
        using var pipeline = ZeroShotImageClassification.Load(package.Path, pictures.Options);
        return MathF.Round(pipeline.Answer(line.Replace("{\"cand", "{\"inputs\":\"a.bmp\",\"cand", StringComparison.Ordinal))[0].GetProperty("score").GetSingle(), 4);
    }

    [Test]
    public void Other_padding_of_siglip_is_refused()
    {
        using var package = TinyPackage.Lengths("""{"model_type":"siglip"}""", TinyVision.Processor("SiglipImageProcessor", 4));
        using var pipeline = ZeroShotImageClassification.Load(package.Path);
        Assert.That(() => pipeline.Ask("""{"inputs":"a.bmp","candidate_labels":["a film"],"tokenizer_kwargs":{"padding":true}}"""), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(
            "answering a line of zero-shot-image-classification: tokenizer_kwargs.padding: true; supported: none: texts of this model are padded to max_length"));
    }
}

internal sealed class VideoClassificationTests
{
    private const string Config = """{"id2label":{"0":"red","1":"green","2":"blue"},"num_frames":2}""";
    private TinyVision _package = null!;
    private VideoClassification _pipeline = null!;

    [OneTimeSetUp]
    public void Open()
    {
        _package = TinyVision.VideoClassifier(Config);
        _package.Picture("r.bmp", 6, 4, 255, 0, 0);
        _package.Picture("g.bmp", 6, 4, 0, 255, 0);
        _package.Picture("b.bmp", 6, 4, 0, 0, 255);
        _pipeline = VideoClassification.Load(_package.Folder, _package.Options);
    }

    [OneTimeTearDown]
    public void Close()
    {
        _pipeline.Dispose();
        _package.Dispose();
    }

    [TestCase("""{"inputs":["r.bmp","r.bmp","b.bmp"],"top_k":1}""", """[{"label":"red","score":0.5761}]""")]
    [TestCase("""{"frames":["r.bmp","g.bmp","g.bmp","b.bmp"],"frame_sampling_rate":2,"top_k":2,"function_to_apply":"none"}""", """[{"label":"red","score":0.5},{"label":"blue","score":0.5}]""")]
    [TestCase("""{"inputs":[["r.bmp","g.bmp","b.bmp"],["b.bmp","b.bmp","b.bmp"]],"num_frames":3,"top_k":1}""", """[[{"label":"red","score":0.3333}],[{"label":"blue","score":0.5761}]]""")]
    public void Answers_from_frames(string line, string answer) => Assert.That(_pipeline.Ask(line), Is.EqualTo(answer));

    [Test]
    public void The_graph_says_how_many_frames_where_the_configuration_does_not()
    {
        using var package = TinyVision.VideoClassifier("""{"id2label":{"0":"red","1":"green","2":"blue"}}""", 2);
        using var pipeline = VideoClassification.Load(package.Folder);
        PictureInput[] frames = [.. Enumerable.Repeat(new PictureInput(TinyVision.Solid(4, 4, 255, 0, 0)), 2), TinyVision.Solid(4, 4, 0, 0, 255)];
        Assert.That(pipeline.Run(frames)[0].Score, Is.EqualTo(0.5761f).Within(1e-4));
    }

    [TestCase("""{"inputs":["r.bmp"]}""", "classifying a video: frames: 1; supported: 2 or more: 2 frames, of 1 each one. Next: give more frames, or ask for fewer with num_frames")]
    [TestCase("\"film.mp4\"", "answering a line of video-classification: inputs: \"film.mp4\"; supported: a list of the names of a video's frames, or a list of such lists")]
    public void A_bad_line_is_refused_with_the_reason(string line, string reason) => Assert.That(() => _pipeline.Ask(line), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo(reason));

    [Test]
    public void Typed_answers_are_the_same() =>
        Assert.That(_pipeline.Run([TinyVision.Solid(4, 4, 0, 255, 0), TinyVision.Solid(4, 4, 0, 255, 0)])[0].Label, Is.EqualTo("green"));
}

internal sealed class ImageFeatureExtractionTests
{
    [Test]
    public void Gives_the_first_output_and_refuses_what_is_not_there()
    {
        using var package = TinyVision.Same(TinyVision.Processor("ViTImageProcessor", 1), "feature_maps.0");
        package.Picture("a.bmp", 5, 5, 255, 0, 51);
        using var pipeline = ImageFeatureExtraction.Load(package.Folder, package.Options);
        Assert.That(pipeline.Ask("\"a.bmp\""), Is.EqualTo("[[[[1]],[[0]],[[0.2]]]]"));
        Assert.That(pipeline.Ask("""{"inputs":"a.bmp","image_processor_kwargs":{"size":{"height":1,"width":2}}}"""), Is.EqualTo("[[[[1,1]],[[0,0]],[[0.2,0.2]]]]"));
        Assert.That(() => pipeline.Ask("""{"inputs":"a.bmp","pool":true}"""), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(
            "pooling features: pool: true, but the graph has no pooler_output; supported: feature_maps.0. Next: ask without pool"));
    }
}

internal sealed class ObjectDetectionTests
{
    private const string Config = """{"id2label":{"0":"cat","1":"dog"}}""";

    // Two queries: the first says "cat" clearly, the second "nothing" to a softmax over three classes.
    private static readonly (string, long[], float[]) Boxes = ("pred_boxes", [2, 4], [0.5f, 0.5f, 0.5f, 0.5f, 0.1f, 0.5f, 0.4f, 1.1f]);

    [TestCase("DetrImageProcessor", """[{"score":0.9094,"label":"cat","box":{"xmin":10,"ymin":5,"xmax":30,"ymax":15}}]""", 3)]
    [TestCase("RTDetrImageProcessor", """[{"score":0.9526,"label":"cat","box":{"xmin":10,"ymin":5,"xmax":30,"ymax":15}},{"score":0.8808,"label":"dog","box":{"xmin":-4,"ymin":-1,"xmax":12,"ymax":21}}]""", 2)]
    [TestCase("DeformableDetrImageProcessor", """[{"score":0.9526,"label":"cat","box":{"xmin":10,"ymin":5,"xmax":30,"ymax":15}},{"score":0.8808,"label":"dog","box":{"xmin":-4,"ymin":-1,"xmax":12,"ymax":21}}]""", 2)]
    public void Boxes_are_read_as_the_processor_does(string processor, string answer, int classes)
    {
        float[] logits = classes == 3 ? [3, 0, 0, 0, 2, 4] : [3, 0, -9, 2];
        using var package = TinyVision.Constant(Config, TinyVision.Processor(processor, 8), ("logits", [2, classes], logits), Boxes);
        package.Picture("a.bmp", 40, 20, 1, 2, 3);
        using var pipeline = ObjectDetection.Load(package.Folder, package.Options);
        Assert.That(pipeline.Ask("""{"inputs":"a.bmp","threshold":0.6}"""), Is.EqualTo(answer));
        Assert.That(pipeline.Run(TinyVision.Solid(40, 20, 0, 0, 0), 0.99f), Is.Empty);
        Assert.That(Path.Combine(package.Options.DrawFolder!, "000001.0-a.png"), Does.Exist);
    }

    [Test]
    public void A_processor_that_reads_no_boxes_is_refused()
    {
        using var package = TinyVision.Constant(Config, TinyVision.Processor("ViTImageProcessor", 8), ("logits", [2, 3], new float[6]), Boxes);
        Assert.That(() => ObjectDetection.Load(package.Folder), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(
            $"opening {package.Folder} for object-detection: image_processor_type: ViTImageProcessor, which reads no boxes; supported: ConditionalDetrImageProcessor, DeformableDetrImageProcessor, DetrImageProcessor, RTDetrImageProcessor, YolosImageProcessor"));
    }
}

internal sealed class ImageSegmentationTests
{
    private const string Config = """{"id2label":{"0":"sky","1":"cat"}}""";

    [Test]
    public void Queries_are_read_for_each_kind()
    {
        // The first query is sky on the left half, the second a cat on the right one.
        using var package = TinyVision.Constant(Config, """{"image_processor_type": "MaskFormerImageProcessor", "size": {"shortest_edge": 8, "longest_edge": 16}, "do_normalize": false}""",
            ("class_queries_logits", [2, 3], [6, 0, 0, 0, 6, 0]), ("masks_queries_logits", [2, 1, 2], [9, -9, -9, 9]));
        package.Picture("a.bmp", 4, 2, 1, 2, 3);
        using var pipeline = ImageSegmentation.Load(package.Folder, package.Options);
        Assert.That(pipeline.Ask("\"a.bmp\""), Is.EqualTo("""[{"score":0.9951,"label":"sky","mask":{"png":"000001.0.mask.png"}},{"score":0.9951,"label":"cat","mask":{"png":"000001.1.mask.png"}}]"""));
        Assert.That(pipeline.Ask("""{"inputs":"a.bmp","subtask":"semantic"}"""), Is.EqualTo("""[{"score":,"label":"sky","mask":{"png":"000002.0.mask.png"}},{"score":,"label":"cat","mask":{"png":"000002.1.mask.png"}}]""".Replace("\"score\":,", "\"score\":null,", StringComparison.Ordinal)));
        var instances = pipeline.Run(TinyVision.Solid(4, 2, 0, 0, 0), new() { Kind = SegmentationKind.Instance });
        Assert.That(instances.Select(s => s.Label), Is.EquivalentTo((string[])["sky", "cat"]));
        var sky = instances.Single(s => s.Label == "sky").Mask;
        Assert.That(sky.Pixels.ToArray(), Is.EqualTo((byte[])[255, 255, 0, 0, 255, 255, 0, 0]));
    }

    [Test]
    public void A_kind_that_the_model_cannot_do_is_refused()
    {
        using var package = TinyVision.Constant(Config, TinyVision.Processor("SegformerImageProcessor", 8), ("logits", [2, 1, 1], [0, 1]));
        package.Picture("a.bmp", 4, 2, 1, 2, 3);
        using var pipeline = ImageSegmentation.Load(package.Folder, package.Options);
        Assert.That(() => pipeline.Ask("""{"inputs":"a.bmp","subtask":"panoptic"}"""), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("segmenting an image: subtask: panoptic; supported: semantic"));
    }

    [Test]
    public void Logits_that_are_not_of_classes_are_refused()
    {
        using var package = TinyVision.Constant(Config, TinyVision.Processor("ViTImageProcessor", 8), ("logits", [8, 8], new float[64]));
        Assert.That(() => ImageSegmentation.Load(package.Folder), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.Contains("logits: ").And.Message.Contains("supported: [batch_size, classes, height, width]"));
    }

    [Test]
    public void Masks_need_a_folder()
    {
        using var package = TinyVision.Constant(Config, TinyVision.Processor("SegformerImageProcessor", 8), ("logits", [2, 1, 1], [0, 1]));
        package.Picture("a.bmp", 4, 2, 1, 2, 3);
        using var pipeline = ImageSegmentation.Load(package.Folder, package.Options with { FilesFolder = null });
        Assert.That(() => pipeline.Ask("\"a.bmp\""), Throws.TypeOf<InvalidInputException>().With.Message.EqualTo(
            "writing an answer: mask: a picture, and no folder for it; supported: a folder. Next: name one: --files, or PipelineOptions.FilesFolder"));
    }
}

internal sealed class DepthEstimationTests
{
    [Test]
    public void Depth_is_resized_to_the_picture_and_scaled_to_gray()
    {
        using var package = TinyVision.FirstChannel(TinyVision.Processor("DPTImageProcessor", 32), "predicted_depth");
        package.Picture("a.bmp", 2, 1, (x, _) => x == 0 ? ((byte)0, (byte)0, (byte)0) : ((byte)255, (byte)0, (byte)0));
        using var pipeline = DepthEstimation.Load(package.Folder, package.Options);
        var answer = pipeline.Answer("\"a.bmp\"");
        Assert.That(answer.GetProperty("depth").GetProperty("png").GetString(), Is.EqualTo("000001.0.depth.png"));
        Assert.That((answer.GetProperty("predicted_depth").GetArrayLength(), answer.GetProperty("predicted_depth")[0].GetArrayLength()), Is.EqualTo((1, 2)));
        Assert.That(DepthEstimation.ToImage(new DepthMap(3, 1, [2, 4, 3])).Pixels.ToArray(), Is.EqualTo((byte[])[0, 255, 127]));
        Assert.That(DepthEstimation.ToImage(new DepthMap(2, 1, [2, 2])).Pixels.ToArray(), Is.EqualTo((byte[])[0, 0]));
    }
}

internal sealed class ImageToImageTests
{
    [Test]
    public void Values_become_a_picture_with_what_was_padded()
    {
        using var package = TinyVision.Same("""{"image_processor_type": "Swin2SRImageProcessor", "do_rescale": true, "rescale_factor": 0.00392156862745098, "do_pad": true, "pad_size": 8}""", "reconstruction");
        var name = package.Picture("a.bmp", 5, 3, 10, 20, 30);
        using var pipeline = ImageToImage.Load(package.Folder, package.Options);
        Assert.That(pipeline.Ask($"\"{name}\""), Is.EqualTo("""{"png":"000001.0.image.png"}"""));
        var image = pipeline.Run(TinyVision.Solid(5, 3, 10, 20, 30));
        Assert.That((image.Width, image.Height, image.Mode), Is.EqualTo((8, 8, ImageMode.Rgb)));
        Assert.That(image.Pixels.ToArray()[..6], Is.EqualTo((byte[])[10, 20, 30, 10, 20, 30]));
    }
}
