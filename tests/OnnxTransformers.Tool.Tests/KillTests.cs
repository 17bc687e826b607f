using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tool;

/// <summary>An export that is killed at any moment leaves the old package or the new one. Each kill waits for its moment, and what is left tells which moment it was.</summary>
internal sealed class KillTests
{
    private const int Each = 3;
    private const int MostKills = 120;

    /// <summary>How far a killed export came.</summary>
    private enum Phase
    {
        BeforeStaging,
        Writing,
        AroundTheSwap,
    }

    [Test]
    public async Task A_killed_export_leaves_the_old_package_or_the_new_one()
    {
        using var scratch = new ScratchFolder();
        var package = scratch["package"];
        string[] Export(int round) => ["export", Fixtures.Model("sentiment"), package, "--force", "--verify", "none", "--precision", round % 2 == 0 ? "fp32" : "fp16,bf16"];
        Assert.That((await ToolProcess.RunAsync(Export(0))).Code, Is.Zero);
        var seen = Enum.GetValues<Phase>().ToDictionary(p => p, _ => 0);
        var (kills, old, renewed) = (0, 0, 0);
        for (; kills < MostKills && seen.Values.Min() < Each; kills++)
        {
            var wanted = seen.MinBy(p => p.Value).Key;
            var before = Identity(package);
            using (var process = ToolProcess.Start(Export(kills + 1)))
            {
                WaitFor(wanted, scratch.FullName, process);
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync();
            }
            AssertWhole(package);
            var isOld = Identity(package) == before;
            if (isOld) old++;
            else renewed++;
            if (isOld || Staging(scratch.FullName).Any()) seen[Reached(scratch.FullName)]++;
            foreach (var left in Staging(scratch.FullName)) Directory.Delete(left, recursive: true);
        }
        TestContext.Progress.WriteLine($"{kills} kills, {string.Join(", ", seen.Select(p => $"{p.Value} {p.Key}"))}: {old} left the old package, {renewed} the new one");
        Assert.That(seen.Values, Has.All.GreaterThanOrEqualTo(Each), "kills fell into every phase");
    }

    [Test]
    public async Task What_a_killed_export_has_left_is_removed_by_the_next()
    {
        using var scratch = new ScratchFolder();
        string[] export = ["export", Fixtures.Model("sentiment"), scratch["package"], "--verify", "none"];
        using (var process = ToolProcess.Start(export))
        {
            WaitFor(Phase.Writing, scratch.FullName, process);
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }
        Assert.That(Staging(scratch.FullName), Is.Not.Empty);
        Assert.That((await ToolProcess.RunAsync(export)).Code, Is.Zero);
        Assert.That(Directory.EnumerateFileSystemEntries(scratch.FullName).Select(Path.GetFileName), Is.EqualTo(new[] { "package" }));
    }

    /// <summary>Returns when the export is in a phase, or at its end.</summary>
    private static void WaitFor(Phase phase, string folder, Process process)
    {
        if (phase == Phase.BeforeStaging)
        {
            Thread.Sleep(TimeSpan.FromMilliseconds(30));
            return;
        }
        while (!process.HasExited && Reached(folder) < phase) Thread.Yield();
    }

    /// <summary>The phase that the staging folder tells of; where there is none, nothing was begun, or it is all done.</summary>
    private static Phase Reached(string folder)
    {
        var staging = Staging(folder).FirstOrDefault();
        if (staging is null) return Phase.BeforeStaging;
        return File.Exists(Path.Combine(staging, "package", "receipt.json")) ? Phase.AroundTheSwap : Phase.Writing;
    }

    private static IEnumerable<string> Staging(string folder) => Directory.EnumerateDirectories(folder, ".package.partial-*");

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
