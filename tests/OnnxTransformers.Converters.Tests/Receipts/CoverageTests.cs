using NUnit.Framework;
using OnnxTransformers.Graphs.Models;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Converters.Receipts;

/// <summary>The receipt's list of fixtures is the list that the tests run. UPDATE_COVERAGE=1 writes it anew, from the whole collection.</summary>
internal sealed class CoverageTests
{
    private static readonly string Path = System.IO.Path.Combine(Fixtures.Root, "converters", "OnnxTransformers.Converters", "Receipts", "coverage.txt");

    [Test]
    public void The_table_names_all_fixtures_of_each_model_type()
    {
        var wanted = ForwardTests.Supported().Select(f => $"{f.ModelType} {f.Name}").Order(StringComparer.Ordinal).ToList();
        // The selection in this repository is a part of the collection.
        if (Fixtures.Shared is null)
        {
            Assert.That(wanted, Is.SubsetOf(File.ReadLines(Path)), "a fixture is not in coverage.txt: add its line");
            return;
        }
        if (Environment.GetEnvironmentVariable("UPDATE_COVERAGE") == "1") File.WriteAllText(Path, string.Concat(wanted.Select(l => $"{l}\n")));
        Assert.That(File.ReadLines(Path), Is.EqualTo(wanted), "write it anew with UPDATE_COVERAGE=1");
    }

    [Test]
    public void Every_model_type_has_a_fixture() => Assert.Multiple(() =>
    {
        foreach (var family in ModelCatalog.Families) Assert.That(Coverage.Of(family.ModelType), Is.Not.Empty, family.ModelType);
    });
}
