using System.Security.Cryptography;
using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tool;

/// <summary>An export that is killed at any moment leaves the old package or the new one.</summary>
internal sealed class KillTests
{
    private const int Kills = 25;

    [Test]
    public async Task A_killed_export_leaves_the_old_package_or_the_new_one()
    {
        using var scratch = new ScratchFolder();
        var package = scratch["package"];
        string[] Export(int round) => ["export", Fixtures.Model("sentiment"), package, "--force", "--verify", "none", "--precision", round % 2 == 0 ? "fp32" : "fp16,bf16"];
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Assert.That((await ToolProcess.RunAsync(Export(0))).Code, Is.Zero);
        var whole = clock.Elapsed;
        var random = new Random(11);
        var (old, renewed) = (0, 0);
        for (var round = 1; round <= Kills; round++)
        {
            var before = Identity(package);
            using var process = ToolProcess.Start(Export(round));
            // The end is where the folders change places.
            await Task.Delay(whole * (0.3 + 0.8 * random.NextDouble()));
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            AssertWhole(package);
            if (Identity(package) == before) old++;
            else renewed++;
        }
        TestContext.Progress.WriteLine($"{Kills} kills: {old} left the old package, {renewed} the new one");
        Assert.That((await ToolProcess.RunAsync(Export(1))).Code, Is.Zero);
        Assert.That(Directory.EnumerateFileSystemEntries(scratch.FullName).Select(Path.GetFileName), Is.EqualTo(new[] { "package" }), "the next export removes what killed ones have left");
    }

    /// <summary>Every file is that of the receipt, and no other is there.</summary>
    private static void AssertWhole(string package)
    {
        using var receipt = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(package, "receipt.json")));
        var outputs = receipt.RootElement.GetProperty("outputs").EnumerateArray().ToDictionary(o => o.GetProperty("file").GetString()!, o => o.GetProperty("sha256").GetString());
        var there = Directory.EnumerateFiles(package, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(package, f).Replace('\\', '/')).Where(f => f != "receipt.json");
        Assert.That(there, Is.EquivalentTo(outputs.Keys));
        foreach (var (file, hash) in outputs) Assert.That(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(package, file)))), Is.EqualTo(hash), file);
    }

    private static string Identity(string package) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(package, "receipt.json"))));
}
