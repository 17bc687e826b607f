using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Processors;

[TestFixture]
public class ImageProcessorRefusalTests
{
    private static Image Gray(int width, int height) => new(width, height, ImageMode.Gray, new byte[width * height]);

    [Test]
    public void Unknown_class()
    {
        var e = Assert.Throws<UnsupportedCheckpointException>(() => ImageProcessor.Parse("""{"image_processor_type": "NoSuchImageProcessor"}"""));
        Assert.That(e!.Message, Does.StartWith("reading preprocessor_config.json: $.image_processor_type: \"NoSuchImageProcessor\"; supported: BeitImageProcessor, BitImageProcessor, "));
    }

    [Test]
    public void No_class()
    {
        var e = Assert.Throws<UnsupportedCheckpointException>(() => ImageProcessor.Parse("{}"));
        Assert.That(e!.Message, Is.EqualTo("reading preprocessor_config.json: $.image_processor_type: nothing; supported: the name of an image processor. Next: add the name that the model's documentation gives"));
    }

    [Test]
    public void Unknown_keys_and_wrong_values_all_at_once()
    {
        var e = Assert.Throws<UnsupportedCheckpointException>(() => ImageProcessor.Parse("""{"image_processor_type": "ViTImageProcessor", "do_sharpen": true, "resample": 9, "size": "large", "processor_class": "X"}"""));
        Assert.That(e!.Message, Is.EqualTo("""
            reading preprocessor_config.json: 3 problems
              $.size: "large"; supported: a number, [height, width], or an object of height and width or edges
              $.resample: 9; supported: 0 to 5, Pillow's numbers of filters
              $.do_sharpen: a key that is not known; supported: the keys of ViTImageProcessor in transformers. Next: remove it where it changes nothing
            """.ReplaceLineEndings("\n")));
    }

    [Test]
    public void Unknown_argument_of_a_call()
    {
        var processor = ImageProcessor.Parse("""{"image_processor_type": "ViTImageProcessor"}""");
        var e = Assert.Throws<UnsupportedCheckpointException>(() => processor.With(JsonSerializer.SerializeToElement(new { do_blur = true })));
        Assert.That(e!.Message, Does.Contain("$.do_blur: a key that is not known"));
    }

    [Test]
    public void Size_of_the_wrong_kind()
    {
        var e = Assert.Throws<UnsupportedCheckpointException>(() => ImageProcessor.Parse("""{"image_processor_type": "SamImageProcessor", "size": {"height": 5, "width": 5}}"""));
        Assert.That(e!.Message, Is.EqualTo("""reading preprocessor_config.json: $.size: {"height":5,"width":5}; supported: longest_edge"""));
    }

    [Test]
    public void Reading_words_from_pages()
    {
        var e = Assert.Throws<UnsupportedCheckpointException>(() => ImageProcessor.Parse("""{"image_processor_type": "LayoutLMv2ImageProcessor"}"""));
        Assert.That(e!.Message, Does.Contain("$.apply_ocr: true (or absent, which means the same); supported: false. Next: read the words with a program of your own"));
    }

    [Test]
    public void Folder_without_a_configuration()
    {
        using var folder = new ScratchFolder();
        var e = Assert.Throws<CorruptCheckpointException>(() => ImageProcessor.Load(folder.FullName));
        Assert.That(e!.Message, Does.Contain("no preprocessor_config.json; supported: preprocessor_config.json, processor_config.json with image_processor, or config.json with pretrained_cfg"));
    }

    [Test]
    public void Images_of_different_sizes_in_a_batch_that_keeps_sizes()
    {
        var processor = ImageProcessor.Parse("""{"image_processor_type": "GLPNImageProcessor"}""");
        var e = Assert.Throws<InvalidInputException>(() => processor.Process(Gray(64, 64), Gray(64, 96)));
        Assert.That(e!.Message, Is.EqualTo("stacking images: sizes of 64 x 64, 64 x 96 in one batch; supported: one size in a batch. Next: give the images one by one"));
    }

    [Test]
    public void No_images() =>
        Assert.That(() => ImageProcessor.Parse("""{"image_processor_type": "ViTImageProcessor"}""").Process(),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("processing images: images: none; supported: at least one image, and none of the lists empty"));

    [Test]
    public void A_picture_that_shrinks_to_nothing()
    {
        var processor = ImageProcessor.Parse("""{"image_processor_type": "GLPNImageProcessor"}""");
        Assert.That(() => processor.Process(Gray(8, 8)),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("resizing an image: a target of 0 x 0 pixels; supported: at least one pixel on each side"));
    }

    [Test]
    public void Every_row_can_be_read_with_its_defaults()
    {
        // Those that need a key say so.
        string[] needy = ["ImageGPTImageProcessor", "LayoutLMv2ImageProcessor", "LayoutLMv3ImageProcessor", "LlavaNextImageProcessor", "LlavaOnevisionImageProcessor"];
        foreach (var type in ProcessorTable.Types.Except(needy))
            Assert.That(() => ImageProcessor.Parse($$"""{"image_processor_type": "{{type}}"}"""), Throws.Nothing, type);
    }

    [Test]
    public void Settings_come_from_processor_config_too()
    {
        using var folder = new ScratchFolder();
        File.WriteAllText(folder["processor_config.json"], """{"image_processor": {"image_processor_type": "ViTImageProcessorFast", "size": {"height": 8, "width": 6}}, "processor_class": "X"}""");
        var processor = ImageProcessor.Load(folder.FullName);
        Assert.That(processor.Type, Is.EqualTo("ViTImageProcessor"));
        Assert.That(processor.Process(Gray(20, 20))["pixel_values"].Shape, Is.EqualTo(new long[] { 1, 3, 8, 6 }));
    }
}
