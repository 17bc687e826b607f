using NUnit.Framework;

namespace OnnxTransformers.Testing;

/// <summary>Where the fixtures are: the whole collection beside the repository where it is there, otherwise the small set in tests/Fixtures.</summary>
/// <remarks>The variable ONNX_TRANSFORMERS_SHARED names the folder that holds fixtures/ and models/; without it, "shared" beside the repository is looked for. Set to nothing, it hides that folder.</remarks>
public static class Fixtures
{
    private const string Variable = "ONNX_TRANSFORMERS_SHARED";

    /// <summary>The repository's root.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The folder with the whole collection, or null where it is not there.</summary>
    public static string? Shared { get; } = FindShared();

    /// <summary>The small set that the repository carries.</summary>
    public static string Own { get; } = Path.Combine(Root, "tests", "Fixtures");

    /// <summary>Which of the two is used, in words for a summary.</summary>
    public static string Description => Shared is null ? "the repository's own fixtures (tests/Fixtures)" : $"all fixtures ({Path.Combine(Shared, "fixtures")})";

    /// <summary>The folder of a fixture such as "text/bert-base", or null where neither collection has it.</summary>
    public static string? TryFind(string name)
    {
        var path = name.Replace('/', Path.DirectorySeparatorChar);
        string?[] places = [Shared is null ? null : Path.Combine(Shared, "fixtures", path), Path.Combine(Own, path)];
        return places.FirstOrDefault(p => p is not null && (Directory.Exists(p) || File.Exists(p)));
    }

    /// <summary>The folder of a fixture; the running test is skipped with the reason where it is not there.</summary>
    public static string Find(string name) => TryFind(name) ?? Skip(name);

    /// <summary>The names of all fixtures of an area, as "text/bert-base", in order.</summary>
    /// <param name="area">A folder such as "text".</param>
    /// <param name="wanted">Takes the last part of the name; all where it is null.</param>
    public static IReadOnlyList<string> Of(string area, Func<string, bool>? wanted = null)
    {
        var folder = TryFind(area);
        if (folder is null) return [];
        return [.. Directory.EnumerateDirectories(folder).Select(d => Path.GetFileName(d)).Where(n => wanted is null || wanted(n)).Order(StringComparer.Ordinal).Select(n => $"{area}/{n}")];
    }

    /// <summary>The folder of a trained model, "sentiment", "prose-lm" or "all-MiniLM-L6-v2"; the first two are in samples/models, too.</summary>
    public static string Model(string name)
    {
        string?[] places = [Shared is null ? null : Path.Combine(Shared, "models", name), Path.Combine(Root, "samples", "models", name)];
        return places.FirstOrDefault(p => p is not null && Directory.Exists(p)) ?? Skip($"models/{name}");
    }

    /// <summary>A picture or sound that fixtures name, as "media/cat.png"; the running test is skipped with the reason where it is not there.</summary>
    public static string Media(string name)
    {
        var path = Shared is null ? null : Path.Combine(Shared, name.Replace('/', Path.DirectorySeparatorChar));
        return path is not null && File.Exists(path) ? path : Skip(name);
    }

    private static string Skip(string name)
    {
        Assert.Ignore($"{name} is not among the fixtures that are here: {Description}");
        return "";
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Directory.Packages.props"))) return folder.FullName;
        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} is the repository's root");
    }

    private static string? FindShared()
    {
        var named = Environment.GetEnvironmentVariable(Variable);
        var folder = named ?? Path.Combine(Path.GetDirectoryName(Root) ?? Root, "shared");
        return folder.Length > 0 && Directory.Exists(Path.Combine(folder, "fixtures")) ? Path.GetFullPath(folder) : null;
    }
}
