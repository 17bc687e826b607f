namespace OnnxTransformers.Converters.Packaging;

/// <summary>Rules for the folder that a package goes to.</summary>
internal static class PackageFolder
{
    internal const string Graphs = "onnx";
    internal const string Receipt = "receipt.json";

    /// <summary>The full path of the package; refuses to write over anything that is not one.</summary>
    /// <exception cref="InvalidInputException">There is something, and it may not be replaced.</exception>
    internal static string Check(string package, string checkpoint, bool force)
    {
        var final = Path.TrimEndingDirectorySeparator(Path.GetFullPath(package));
        var doing = $"exporting to {package}";
        if (File.Exists(final)) throw new InvalidInputException(doing, new Problem("", "a file is there", "a folder that does not exist yet, or is empty"));
        if (Path.GetDirectoryName(final) is null) throw new InvalidInputException(doing, new Problem("", "the root of a file system", "a folder that does not exist yet, or is empty"));
        var source = Path.TrimEndingDirectorySeparator(Path.GetFullPath(checkpoint));
        if (IsSameOrAbove(final, source)) throw new InvalidInputException(doing, new Problem("", $"the checkpoint {checkpoint} lies there", "a folder of its own", "name another folder for the package"));
        if (!Directory.Exists(final) || !Directory.EnumerateFileSystemEntries(final).Any()) return final;
        if (!force) throw new InvalidInputException(doing, new Problem("", "the folder is there already", "a folder that does not exist yet, or is empty", "replace it with --force, or name another folder"));
        if (!File.Exists(Path.Combine(final, Receipt)))
            throw new InvalidInputException(doing, new Problem("", $"the folder holds other things than a package (it has no {Receipt})", "a package that export has made", "name another folder, or remove this one yourself"));
        return final;
    }

    private static bool IsSameOrAbove(string above, string below) => below == above || below.StartsWith(above + Path.DirectorySeparatorChar, StringComparison.Ordinal);
}
