namespace OnnxTransformers;

/// <summary>The check of a folder that somebody has named: that it is there, that it is a folder, and that it can be read.</summary>
public static class InputFolder
{
    /// <summary>Refuses a path that isn't a readable folder.</summary>
    /// <param name="folder">The path as it was given.</param>
    /// <param name="doing">What is being done, as "opening packages/sentiment".</param>
    /// <param name="expected">What the folder should be, as "a package that export has made".</param>
    /// <exception cref="InvalidInputException">It is missing, a file, or closed to this user.</exception>
    public static void Require(string folder, string doing, string expected)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (Fault(folder) is var (found, next)) throw new InvalidInputException(doing, new Problem("", found, expected, next));
    }

    private static (string Found, string Next)? Fault(string folder)
    {
        try
        {
            if (!File.GetAttributes(folder).HasFlag(FileAttributes.Directory)) return ("it is a file, not a folder", "name the folder that holds it");
            using var first = Directory.EnumerateFileSystemEntries(folder).GetEnumerator();
            first.MoveNext();
            return null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return ("there is no such folder", "check the path");
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            return ($"it can't be read ({e.Message})", "check who may read it");
        }
    }
}
