using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Converters;

internal sealed class PackageCheckTests
{
    private ScratchFolder _scratch = null!;

    [SetUp]
    public void Create()
    {
        _scratch = new ScratchFolder();
        Packages.Copy(Packages.Export(Fixtures.Find("text/bert-base"), new ExportOptions { Verify = VerificationLevel.None }), _scratch["package"]);
    }

    [TearDown]
    public void Delete() => _scratch.Dispose();

    [Test]
    public async Task A_whole_package_passes()
    {
        var result = await PackageCheck.RunAsync(_scratch["package"]);
        Assert.Multiple(() =>
        {
            Assert.That(result.Hashed, Is.EqualTo(result.Files).And.GreaterThan(1));
            Assert.That(result.Verified.Single().Comparisons.Select(c => c.What), Does.Contain("padding changes nothing"));
        });
    }

    [Test]
    public void Everything_that_is_wrong_is_told_at_once()
    {
        File.AppendAllText(_scratch["package", "config.json"], " ");
        File.Delete(_scratch["package", "onnx", "model.onnx"]);
        var e = Assert.ThrowsAsync<CorruptCheckpointException>(() => PackageCheck.RunAsync(_scratch["package"]))!;
        var length = new FileInfo(_scratch["package", "config.json"]).Length;
        Assert.That(e.Message, Is.EqualTo($"comparing {_scratch["package"]} with its receipt: 2 problems\n  onnx/model.onnx: missing\n  config.json: {length} bytes; supported: {length - 1}, as the receipt says"));
    }

    [Test]
    public void A_receipt_can_not_name_files_elsewhere()
    {
        var path = _scratch["package", "receipt.json"];
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"file\": \"config.json\"", "\"file\": \"../config.json\"", StringComparison.Ordinal));
        Assert.That(Assert.ThrowsAsync<CorruptCheckpointException>(() => PackageCheck.RunAsync(_scratch["package"]))!.Message, Does.EndWith("../config.json: missing"));
    }

    [Test]
    public void A_receipt_of_another_format_is_refused()
    {
        var path = _scratch["package", "receipt.json"];
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"format\": 1", "\"format\": 2", StringComparison.Ordinal));
        Assert.That(Assert.ThrowsAsync<CorruptCheckpointException>(() => PackageCheck.RunAsync(_scratch["package"]))!.Message, Does.Contain("$.format: 2; supported: 1. Next: use the version of this program that wrote it"));
    }

    [Test]
    public void A_folder_without_a_receipt_is_no_package()
    {
        File.Delete(_scratch["package", "receipt.json"]);
        Assert.That(Assert.ThrowsAsync<InvalidInputException>(() => PackageCheck.RunAsync(_scratch["package"]))!.Message,
            Is.EqualTo($"verifying {_scratch["package"]}: it has no receipt.json; supported: a package that export has made. Next: export the checkpoint again"));
    }
}
