using System.Collections.Immutable;
using System.Security.Cryptography;

namespace OnnxTransformers.Converters.Receipts;

/// <summary>Hashes of files, several at once.</summary>
internal static class FileHashes
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Files from this size on are weights, whose hashes take as long as copying them does.</summary>
    internal const long Large = 16L << 20;

    /// <summary>Hashes files, in the order given.</summary>
    /// <param name="files">Full path and name of each.</param>
    /// <param name="large">Whether files from <see cref="Large"/> on are hashed, too.</param>
    /// <param name="cancellation">Stops between two blocks.</param>
    internal static ImmutableArray<HashedFile> Of(IEnumerable<(string Path, string Name)> files, bool large, CancellationToken cancellation)
    {
        var asked = files.ToArray();
        var hashed = new HashedFile[asked.Length];
        void Hash(int i) => hashed[i] = Of(asked[i].Path, asked[i].Name, large, cancellation);
        // Starting threads takes longer than hashing what a tokenizer needs.
        if (!large) for (var i = 0; i < asked.Length; i++) Hash(i);
        else Parallel.For(0, asked.Length, new ParallelOptions { CancellationToken = cancellation }, Hash);
        return [.. hashed];
    }

    private static HashedFile Of(string path, string name, bool large, CancellationToken cancellation)
    {
        using var file = File.OpenHandle(path, options: FileOptions.SequentialScan);
        var length = RandomAccess.GetLength(file);
        if (length >= Large && !large) return new HashedFile(name, length, null);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            long at = 0;
            for (int n; (n = RandomAccess.Read(file, buffer, at)) > 0; at += n)
            {
                cancellation.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, n);
            }
            return new HashedFile(name, length, Convert.ToHexStringLower(hash.GetHashAndReset()));
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
