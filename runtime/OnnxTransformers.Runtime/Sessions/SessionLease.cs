namespace OnnxTransformers;

/// <summary>Counts who still needs a native object: it is freed when its owner has let go and the last run and the last result are gone, in whatever order that happens.</summary>
internal sealed class SessionLease(IDisposable native)
{
    private int _holders = 1;
    private int _closed;

    /// <summary>Takes a share.</summary>
    /// <exception cref="ObjectDisposedException">The owner has let go.</exception>
    internal void Enter()
    {
        while (true)
        {
            var holders = Volatile.Read(ref _holders);
            ObjectDisposedException.ThrowIf(holders == 0 || Volatile.Read(ref _closed) != 0, typeof(ModelSession));
            if (Interlocked.CompareExchange(ref _holders, holders + 1, holders) == holders) return;
        }
    }

    /// <summary>Gives a share back.</summary>
    internal void Leave()
    {
        if (Interlocked.Decrement(ref _holders) == 0) native.Dispose();
    }

    /// <summary>The owner lets go; again does nothing.</summary>
    internal void Close()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0) Leave();
    }
}
