using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace OnnxTransformers.Checkpoints;

/// <summary>A file open for reading at any position from any thread, and mapped where a view is asked for.</summary>
/// <remarks>Reads are positional (pread): they don't make a mapping resident, and a file that another program cuts short gives an error instead of a fault of the process.</remarks>
internal sealed class InputFile : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly Lock _mapping = new();
    private MemoryMappedFile? _map;
    private bool _disposed;

    private InputFile(string path, string name, SafeFileHandle handle)
    {
        (FullPath, Name, _handle) = (path, name, handle);
        Length = RandomAccess.GetLength(handle);
    }

    internal string FullPath { get; }

    /// <summary>The name for messages.</summary>
    internal string Name { get; }

    internal long Length { get; }

    internal static InputFile Open(string path, string name)
    {
        try
        {
            // Pipes and devices have no length, and opening a pipe would wait for its writer.
            if (LengthOf(path, name) == 0) throw new CorruptCheckpointException($"opening {name}", new Problem("", "it is empty", Next: "download the file again"));
            var file = new InputFile(Path.GetFullPath(path), name, File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete));
            return file.IsPointer() ? throw file.Pointer() : file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorruptCheckpointException($"opening {name}", new Problem("", $"it can't be read ({e.Message})"), e);
        }
    }

    /// <summary>A file's length, or that of the file that a link leads to.</summary>
    internal static long LengthOf(string path, string name)
    {
        var info = new FileInfo(path);
        if (info.LinkTarget is not null && info.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target) info = target;
        if (info.Exists) return info.Length;
        throw new CorruptCheckpointException($"opening {name}",
            new Problem("", info.FullName == Path.GetFullPath(path) ? "there is no such file" : "a link to a file that is not there", Next: "download the checkpoint again"));
    }

    // A clone without Git LFS holds a few lines in place of each large file.
    private bool IsPointer()
    {
        var mark = "version https://git-lfs"u8;
        if (Length < mark.Length || Length > 1024) return false;
        Span<byte> first = stackalloc byte[mark.Length];
        Read(0, first);
        return first.SequenceEqual(mark);
    }

    private CorruptCheckpointException Pointer()
    {
        Dispose();
        return new CorruptCheckpointException($"opening {Name}",
            new Problem("", "a pointer of Git LFS instead of the file", Next: "run git lfs pull in the checkpoint's folder, or download the file"));
    }

    /// <summary>Fills <paramref name="destination"/> from <paramref name="offset"/> on.</summary>
    internal void Read(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int n;
            try
            {
                n = RandomAccess.Read(_handle, destination, offset);
            }
            catch (IOException e)
            {
                throw new CorruptCheckpointException($"reading {Name}", new Problem("", $"it can't be read at byte {offset} ({e.Message})"), e);
            }
            if (n <= 0) throw new CorruptCheckpointException($"reading {Name}",
                new Problem("", $"it ends at byte {offset}; it was {Shown.Bytes(Length)} long when it was opened", Next: "don't change a checkpoint while it is read"));
            destination = destination[n..];
            offset += n;
        }
    }

    /// <summary>Maps a part of the file; the view lives until it is disposed itself.</summary>
    internal MemoryMappedViewAccessor View(long offset, long length)
    {
        lock (_mapping)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _map ??= MemoryMappedFile.CreateFromFile(_handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            return _map.CreateViewAccessor(offset, length, MemoryMappedFileAccess.Read);
        }
    }

    public void Dispose()
    {
        lock (_mapping)
        {
            _disposed = true;
            _map?.Dispose();
            _handle.Dispose();
        }
    }
}
