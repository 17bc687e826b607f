using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Converters;

internal sealed class InspectTests
{
    [Test]
    public void A_checkpoint_shows_its_parameters_and_tasks()
    {
        var found = (InspectedCheckpoint)Inspect.Run(Fixtures.Find("text/bert-fill-mask"));
        Assert.Multiple(() =>
        {
            Assert.That((found.ModelType, found.Format, found.WeightFiles, found.Task, found.Refusal), Is.EqualTo(("bert", "safetensors", 1, "fill-mask", (string?)null)));
            Assert.That(found.Totals.Single().Type, Is.EqualTo(ElementType.Float));
            Assert.That(found.Tasks, Does.Contain("text-classification"));
        });
    }

    [Test]
    public void What_can_not_be_exported_is_shown_all_the_same()
    {
        var found = (InspectedCheckpoint)Inspect.Run(Fixtures.Find("decoder-broken/unknown-model-type"));
        Assert.Multiple(() =>
        {
            Assert.That((found.ModelType, found.Task), Is.EqualTo(("llamaton", (string?)null)));
            Assert.That(found.Refusal, Does.Contain("\"llamaton\""));
            Assert.That(found.Totals.Sum(t => t.Elements), Is.Positive);
        });
    }

    [Test]
    public void A_package_shows_its_graphs()
    {
        var found = (InspectedPackage)Inspect.Run(Packages.Export(Fixtures.Find("text/bert-fill-mask"), new ExportOptions { Verify = VerificationLevel.None }));
        var graph = found.Graphs.Single();
        Assert.Multiple(() =>
        {
            Assert.That((found.ModelType, found.Task, graph.File), Is.EqualTo(("bert", "fill-mask", "onnx/model.onnx")));
            Assert.That(graph.Inputs.Select(i => i.Name), Is.EqualTo(new[] { "input_ids", "attention_mask", "token_type_ids" }));
            Assert.That(graph.Outputs.Single().Name, Is.EqualTo("logits"));
            Assert.That(graph.Opsets, Is.EqualTo(new[] { "ai.onnx 21" }));
        });
    }

    [Test]
    public void A_folder_that_is_not_there_is_named() =>
        Assert.That(() => Inspect.Run("nowhere"), Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo("inspecting nowhere: there is no such folder; supported: the folder of a checkpoint or a package. Next: check the path"));
}
