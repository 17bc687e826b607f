using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs.Onnx;

/// <summary>Writes the data files of a layout. Every part has its place from the start, so that threads write side by side and the files are the same whatever the order.</summary>
internal static class WeightFiles
{
    internal static void Write(WeightLayout layout, IReadOnlyList<string> paths, StoredBytes stored, OnnxWriteOptions options, CancellationToken cancellation)
    {
        var handles = new List<SafeFileHandle>();
        try
        {
            foreach (var (path, bytes) in paths.Zip(layout.FileBytes))
            {
                File.Delete(path);                                  // not overwritten: it may be a hard link of something else
                var handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
                handles.Add(handle);
                RandomAccess.SetLength(handle, bytes);
            }
            Write(layout, handles, stored, options, cancellation);
        }
        finally
        {
            handles.ForEach(h => h.Dispose());
        }
    }

    private static void Write(WeightLayout layout, List<SafeFileHandle> files, StoredBytes stored, OnnxWriteOptions options, CancellationToken cancellation)
    {
        var threads = Math.Max(1, options.Threads);
        var weights = layout.Weights.Where(w => w.File is not null).OrderBy(w => w.File).ThenBy(w => w.Offset);
        var parts = weights.SelectMany(w => PlanReader.Pieces(w.Plan, options.BufferBytes / threads).Select(piece => (Weight: w, Piece: piece))).ToArray();
        var failures = new Exception?[parts.Length];
        var (next, failed, written) = (-1, false, 0L);

        Parallel.For(0, Math.Min(threads, parts.Length), new ParallelOptions { MaxDegreeOfParallelism = threads }, _ =>
        {
            using var reader = new PlanReader(stored);
            while (!Volatile.Read(ref failed) && !cancellation.IsCancellationRequested && Interlocked.Increment(ref next) is var i && i < parts.Length)
            {
                var (weight, piece) = parts[i];
                try
                {
                    var file = files[weight.File!.Value];
                    reader.Make(piece, weight.Weight.Name, (offset, bytes) => RandomAccess.Write(file, bytes, weight.Offset + offset));
                    options.Progress?.Report(Interlocked.Add(ref written, piece.Bytes));
                }
                catch (Exception e)
                {
                    failures[i] = e;
                    Volatile.Write(ref failed, true);
                }
            }
        });
        cancellation.ThrowIfCancellationRequested();
        if (Array.Find(failures, f => f is not null) is { } first) ExceptionDispatchInfo.Throw(first);
    }
}
