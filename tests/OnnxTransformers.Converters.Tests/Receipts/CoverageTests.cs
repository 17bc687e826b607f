using NUnit.Framework;
using OnnxTransformers.Graphs.Models;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Converters.Receipts;

internal sealed class CoverageTests
{
    [Test]
    public void The_table_names_all_fixtures_of_each_model_type()
    {
        if (Fixtures.Shared is null) Assert.Ignore($"needs the whole collection; here are {Fixtures.Description}");
        var wanted = ForwardTests.Supported().ToLookup(f => f.ModelType, f => f.Name);
        Assert.Multiple(() =>
        {
            foreach (var family in ModelCatalog.Families) Assert.That(Coverage.Of(family.ModelType), Is.EqualTo(wanted[family.ModelType]), family.ModelType);
        });
    }
}
