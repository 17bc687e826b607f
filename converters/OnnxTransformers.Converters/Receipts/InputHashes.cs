using System.Collections.Immutable;
using OnnxTransformers.Converters.Sources;

namespace OnnxTransformers.Converters.Receipts;

/// <summary>The hashes of what an export reads, computed while it works.</summary>
internal sealed class InputHashes : IDisposable
{
    private readonly CancellationTokenSource _cancellation;
    private readonly Task<ImmutableArray<HashedFile>> _hashing;

    internal InputHashes(ExportSource source, bool large, CancellationToken cancellation)
    {
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var files = source.Inputs.Select(f => (f.From, f.Name)).ToList();
        var token = _cancellation.Token;
        _hashing = Task.Run(() => FileHashes.Of(files, large, token), token);
    }

    /// <summary>The hashes, when they are done.</summary>
    internal ImmutableArray<HashedFile> Result => _hashing.GetAwaiter().GetResult();

    /// <summary>Stops what is not done yet.</summary>
    public void Dispose()
    {
        _cancellation.Cancel();
        // Its outcome matters to nobody any more, but it must not be left running.
        ((IAsyncResult)_hashing).AsyncWaitHandle.WaitOne();
        _cancellation.Dispose();
    }
}
