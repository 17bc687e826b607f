namespace OnnxTransformers.Tool.Lines;

/// <summary>A file that gets its name when it is complete.</summary>
internal sealed class AtomicFile : IDisposable
{
    private readonly string _final;
    private readonly string _temporary;

    private AtomicFile(string final)
    {
        _final = Path.GetFullPath(final);
        _temporary = Path.Combine(Path.GetDirectoryName(_final)!, $".{Path.GetFileName(_final)}.partial-{Path.GetRandomFileName()}");
        Stream = new FileStream(_temporary, FileMode.CreateNew, FileAccess.Write);
    }

    /// <summary>Takes the content.</summary>
    internal FileStream Stream { get; }

    internal static AtomicFile Create(string final)
    {
        if (Directory.Exists(final)) throw new InvalidInputException("writing answers", new Problem(final, "a folder", "a file's name"));
        if (Path.GetDirectoryName(Path.GetFullPath(final)) is { } folder && !Directory.Exists(folder)) throw new InvalidInputException("writing answers", new Problem(final, "its folder is not there", "a file in a folder that exists"));
        return new(final);
    }

    /// <summary>Puts the file under its name, in the place of one that is there.</summary>
    internal void Commit()
    {
        Stream.Dispose();
        File.Move(_temporary, _final, overwrite: true);
    }

    /// <summary>Removes the file unless it has got its name.</summary>
    public void Dispose()
    {
        Stream.Dispose();
        File.Delete(_temporary);
    }
}
