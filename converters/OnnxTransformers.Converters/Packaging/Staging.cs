namespace OnnxTransformers.Converters.Packaging;

/// <summary>A folder beside the final one in which a package is made. It becomes the package in one step; whatever happens before leaves the old package, or none, under the final name.</summary>
/// <remarks>It is named <c>.name.partial-random</c> and holds <c>package</c>, which becomes the package, <c>scratch</c> for everything else, and <c>lock</c>, which its process keeps locked: a folder whose lock
/// can be taken was left by a killed process and is removed by the next export to the same place. Where the file system can't exchange two folders, the old package is moved into <c>replaced</c> first;
/// if the process is killed just then, the next export puts it back.</remarks>
internal sealed class Staging : IDisposable
{
    private const string LockName = "lock";
    private readonly string _final;
    private readonly string _folder;
    private readonly FileStream _lock;

    private Staging(string final, string folder)
    {
        (_final, _folder) = (final, folder);
        _lock = Lock(folder);
        Package = Directory.CreateDirectory(Path.Combine(folder, "package")).FullName;
        Scratch = Directory.CreateDirectory(Path.Combine(folder, "scratch")).FullName;
    }

    /// <summary>The package under construction.</summary>
    internal string Package { get; }

    /// <summary>A place on the same file system for what does not go into the package.</summary>
    internal string Scratch { get; }

    /// <summary>Prepares the place, and removes what killed exports to <paramref name="final"/> have left.</summary>
    internal static Staging Create(string final)
    {
        var parent = Path.GetDirectoryName(final)!;
        Directory.CreateDirectory(parent);
        RemoveLeftovers(final);
        return new Staging(final, Path.Combine(parent, $"{Prefix(final)}{Path.GetRandomFileName().Replace(".", "", StringComparison.Ordinal)}"));
    }

    /// <summary>Makes the package the one under the final name.</summary>
    internal void Commit()
    {
        if (!Directory.Exists(_final)) Directory.Move(Package, _final);
        else if (!DirectorySwap.TryExchange(Package, _final)) Replace();
    }

    /// <summary>Removes everything that did not become the package.</summary>
    public void Dispose()
    {
        _lock.Dispose();
        Remove(_folder);
    }

    private void Replace()
    {
        var replaced = Path.Combine(_folder, "replaced");
        Directory.Move(_final, replaced);
        try
        {
            Directory.Move(Package, _final);
        }
        catch
        {
            Directory.Move(replaced, _final);
            throw;
        }
    }

    /// <summary>Makes the folder and locks it. Another export may take it for abandoned in between and remove it; then it is made again.</summary>
    private static FileStream Lock(string folder)
    {
        while (true)
        {
            Directory.CreateDirectory(folder);
            try
            {
                return new FileStream(Path.Combine(folder, LockName), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
            }
            catch (DirectoryNotFoundException)
            {
                // Removed before the lock was there: once more.
            }
        }
    }

    private static string Prefix(string final) => $".{Path.GetFileName(final)}.partial-";

    private static void RemoveLeftovers(string final)
    {
        foreach (var folder in Directory.EnumerateDirectories(Path.GetDirectoryName(final)!, $"{Prefix(final)}*"))
        {
            if (!IsAbandoned(folder)) continue;
            var replaced = Path.Combine(folder, "replaced");
            if (Directory.Exists(replaced) && !Directory.Exists(final)) Directory.Move(replaced, final);
            Remove(folder);
        }
    }

    private static bool IsAbandoned(string folder)
    {
        try
        {
            using var taken = new FileStream(Path.Combine(folder, LockName), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return true;
        }
        catch (FileNotFoundException)
        {
            return RemoveUnlocked(folder);
        }
        catch (IOException)
        {
            return false;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>A folder without a lock is empty and just being made, or it is what a killed removal has left. Only an empty one is removed here, in one step that fails if the lock has appeared meanwhile.</summary>
    /// <returns>True where the rest may be removed.</returns>
    private static bool RemoveUnlocked(string folder)
    {
        try
        {
            Directory.Delete(folder);
            return false;
        }
        catch (DirectoryNotFoundException)
        {
            return false;
        }
        catch (IOException)
        {
            return !File.Exists(Path.Combine(folder, LockName));
        }
    }

    private static void Remove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A reader on Windows may still hold a file of the old package; the next export removes the rest.
        }
    }
}
