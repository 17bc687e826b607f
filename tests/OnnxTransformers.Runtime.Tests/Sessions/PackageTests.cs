using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Sessions;

internal sealed class PackageTests
{
    [Test]
    public void The_widest_precision_is_opened_unless_one_is_asked_for()
    {
        using var folder = new ScratchFolder();
        folder.Write("onnx/model_q4.onnx", "").Write("onnx/model_fp16.onnx", "").Write("onnx/model_int8.onnx", "");
        var package = Package.Open(folder.FullName);
        Assert.Multiple(() =>
        {
            Assert.That(package.PrecisionsOf("model"), Is.EqualTo(new[] { Precision.Fp16, Precision.Int8, Precision.Int4 }));
            Assert.That(package.PathOf("model", null), Is.EqualTo(folder["onnx/model_fp16.onnx"]));
            Assert.That(package.PathOf("model", Precision.Int4), Is.EqualTo(folder["onnx/model_q4.onnx"]));
            Assert.That(() => package.PathOf("model", Precision.Fp32), Throws.InstanceOf<CorruptCheckpointException>().With.Message.EqualTo(
                $"opening {folder.FullName}: onnx/model.onnx: not there; the package has only fp16, int8, int4. Next: ask for a precision that is there, or export the model with this one"));
        });
    }

    [Test]
    public void A_graph_beside_the_configuration_is_found_too()
    {
        using var folder = new ScratchFolder();
        folder.Write("model.onnx", "").Write("config.json", """{"model_type":"bert"}""");
        Assert.That(Package.Open(folder.FullName).PathOf("model", null), Is.EqualTo(folder["model.onnx"]));
    }

    [Test]
    public void What_is_not_there_is_named()
    {
        using var folder = new ScratchFolder();
        folder.Write("onnx/encoder_model.onnx", "");
        Assert.Multiple(() =>
        {
            Assert.That(() => Package.Open(folder["nowhere"]), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo(
                $"opening {folder["nowhere"]}: there is no such folder; supported: a package that export has made, or another with ONNX files. Next: check the path"));
            Assert.That(() => Package.Open(folder.FullName).PathOf("model", null), Throws.InstanceOf<CorruptCheckpointException>().With.Message.EqualTo(
                $"opening {folder.FullName}: onnx/model.onnx: not there; the package has only encoder_model.onnx. Next: export the model for this task"));
        });
    }

    [TestCase("""{"id2label":{"1":"b","0":"a"}}""", "a b")]
    [TestCase("""{"num_labels":3}""", "LABEL_0 LABEL_1 LABEL_2")]
    [TestCase("""{}""", "LABEL_0 LABEL_1")]
    [TestCase("""{"id2label":null}""", "LABEL_0 LABEL_1")]
    public void Labels_are_the_configurations(string config, string labels)
    {
        using var folder = new ScratchFolder();
        Assert.That(string.Join(' ', Package.Open(folder.Write("config.json", config).FullName).Config.Labels), Is.EqualTo(labels));
    }

    [Test]
    public void A_folder_without_a_configuration_has_the_defaults()
    {
        using var folder = new ScratchFolder();
        var config = Package.Open(folder.FullName).Config;
        Assert.Multiple(() =>
        {
            Assert.That(config.ModelType, Is.Empty);
            Assert.That(config.Architectures, Is.Empty);
            Assert.That(config.Labels, Is.EqualTo(new[] { "LABEL_0", "LABEL_1" }));
        });
    }

    [TestCase("""{"id2label":{"0":"a","2":"c"}}""", "$.id2label: 2 labels, and \"2\"; supported: numbers from 0 without a gap")]
    [TestCase("""{"id2label":{"0":"a","00":"c"}}""", "$.id2label: 2 labels, and \"00\"; supported: numbers from 0 without a gap")]
    [TestCase("""{"id2label":{"x":"a"}}""", "$.id2label: \"x\": a; supported: whole numbers with a text each")]
    [TestCase("""{"architectures":"BertModel"}""", "$.architectures: \"BertModel\"; supported: a list of texts")]
    public void A_wrong_configuration_is_refused(string config, string message)
    {
        using var folder = new ScratchFolder();
        var package = Package.Open(folder.Write("config.json", config).FullName);
        Assert.That(() => package.Config, Throws.InstanceOf<UnsupportedCheckpointException>().With.Message.EndsWith(message));
    }
}
