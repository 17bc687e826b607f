using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Converters.Packaging;
using OnnxTransformers.Converters.Receipts;
using OnnxTransformers.Converters.Verification;
using OnnxTransformers.Graphs;

namespace OnnxTransformers.Converters;

/// <summary>What a check of a package found.</summary>
/// <param name="Package">The package's full path.</param>
/// <param name="Files">Number of files whose length was compared with the receipt.</param>
/// <param name="Hashed">Number of those whose hash was compared, too.</param>
/// <param name="Verified">What was proved of the graphs.</param>
public sealed record PackageCheckResult(string Package, int Files, int Hashed, ImmutableArray<GraphVerification> Verified)
{
    /// <summary>Writes it as one JSON object.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("package", Package);
        json.WriteNumber("files", Files);
        json.WriteNumber("hashed", Hashed);
        ReceiptWriter.WriteVerified(json, Verified);
        json.WriteEndObject();
    }
}

/// <summary>Checks a package without its checkpoint: that its files are those of the receipt, that its graphs open, and that they agree with themselves.</summary>
public static class PackageCheck
{
    /// <summary>Checks a package.</summary>
    /// <param name="package">Its folder.</param>
    /// <param name="cancellation">Stops the check.</param>
    /// <exception cref="InvalidInputException">There is no such folder, or it holds no receipt.json.</exception>
    /// <exception cref="CorruptCheckpointException">Files are missing, or are others than the receipt names: all of them at once.</exception>
    /// <exception cref="VerificationFailedException">A graph doesn't open, or does not agree with itself.</exception>
    public static Task<PackageCheckResult> RunAsync(string package, CancellationToken cancellation = default) =>
        Task.Run(() => Run(package, cancellation), cancellation);

    private static PackageCheckResult Run(string package, CancellationToken cancellation)
    {
        var folder = Path.GetFullPath(package);
        InputFolder.Require(package, $"verifying {package}", "a package that export has made");
        var receipt = Receipt.Read(folder) ?? throw new InvalidInputException($"verifying {package}", new Problem("", $"it has no {PackageFolder.Receipt}", "a package that export has made", "export the checkpoint again"));
        CompareFiles(receipt, folder, cancellation);
        var config = ReadConfig(folder);
        return new(folder, receipt.Outputs.Length, receipt.Outputs.Count(f => f.Sha256 is not null), [.. receipt.Graphs.Select(g => Verify(folder, g.File, g.Precision, receipt.Target, config, cancellation))]);
    }

    private static void CompareFiles(Receipt receipt, string folder, CancellationToken cancellation)
    {
        var problems = new List<Problem>();
        var there = receipt.Outputs.Where(f => IsInside(f.Name) && File.Exists(Path.Combine(folder, f.Name))).ToList();
        problems.AddRange(receipt.Outputs.Except(there).Select(f => new Problem(f.Name, "missing")));
        var hashed = FileHashes.Of(there.Where(f => f.Sha256 is not null).Select(f => (Path.Combine(folder, f.Name), f.Name)), large: true, cancellation).ToDictionary(f => f.Name);
        foreach (var file in there)
        {
            var length = new FileInfo(Path.Combine(folder, file.Name)).Length;
            if (length != file.Bytes) problems.Add(new Problem(file.Name, $"{length} bytes", $"{file.Bytes}, as the receipt says"));
            else if (file.Sha256 is not null && hashed[file.Name].Sha256 != file.Sha256) problems.Add(new Problem(file.Name, $"its SHA-256 is {hashed[file.Name].Sha256}", $"{file.Sha256}, as the receipt says"));
        }
        if (problems.Count > 0) throw new CorruptCheckpointException($"comparing {folder} with its receipt", problems);
    }

    private static GraphVerification Verify(string folder, string file, Precision precision, Target target, ConfigReader config, CancellationToken cancellation)
    {
        using var runner = GraphOpener.Open(Path.Combine(folder, file), file, target, out var provider, out var note);
        if (runner is null) return new(file, null, note, []);
        var traits = runner.Traits ?? NetworkTraits.Default;
        var limits = NetworkLimits.Read(config, traits.MaxTokens, traits.ImageSize, traits.EndOfText);
        var bounds = Bounds.Itself(precision);
        var comparisons = ImmutableArray.CreateBuilder<Comparison>();
        foreach (var invariant in Invariants.Of(new InputGenerator(runner.Inputs, limits), traits))
        {
            var distance = InvariantCheck.Run(runner, invariant, cancellation, out _);
            comparisons.Add(Comparisons.Describe(invariant.What, distance, bounds));
            if (!distance.Within(bounds)) throw Comparisons.Failed(file, comparisons[^1], null, "export the checkpoint again with this version");
        }
        if (CacheCheck.Of(runner, limits, cancellation) is { } cached)
        {
            comparisons.Add(Comparisons.Describe(CacheCheck.What, cached, bounds));
            if (!cached.Within(bounds)) throw Comparisons.Failed(file, comparisons[^1], null, "export the checkpoint again with this version");
        }
        return new(file, provider, note, comparisons.ToImmutable());
    }

    private static ConfigReader ReadConfig(string folder)
    {
        var path = Path.Combine(folder, "config.json");
        return ConfigReader.Parse(File.Exists(path) ? File.ReadAllBytes(path) : "{}"u8.ToArray(), "config.json");
    }

    // A receipt is a file like any other: it can't make this look elsewhere.
    private static bool IsInside(string name) => name.Length > 0 && !Path.IsPathRooted(name) && !name.Split('/', '\\').Contains("..");
}
