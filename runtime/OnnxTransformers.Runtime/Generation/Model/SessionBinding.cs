using Microsoft.ML.OnnxRuntime;

namespace OnnxTransformers.Generation;

/// <summary>Inputs and outputs bound to values where they are, for one run. It keeps the graph open until it is disposed.</summary>
internal sealed class SessionBinding : IDisposable
{
    private readonly InferenceSession _session;
    private readonly SessionLease _lease;
    private readonly OrtIoBinding _native;
    private readonly string _doing;
    private readonly List<(Feeds.Entry Entry, OrtValue Value)> _made = new(4);

    internal SessionBinding(InferenceSession session, SessionLease lease, string doing)
    {
        lease.Enter();
        (_session, _lease, _doing) = (session, lease, doing);
        try
        {
            _native = session.CreateIoBinding();
        }
        catch
        {
            lease.Leave();
            throw;
        }
    }

    /// <summary>Binds a buffer, in the type that the graph declares.</summary>
    /// <returns>Its bytes.</returns>
    internal long Input(Feeds.Entry entry, ElementType declared)
    {
        var value = entry.Native(declared);
        _made.Add((entry, value));
        _native.BindInput(entry.Name, value);
        long bytes = declared switch { ElementType.Int64 => 8, ElementType.Bool => 1, _ => 4 };
        foreach (var d in entry.Shape) bytes *= d;
        return bytes;
    }

    /// <summary>Binds a value that stays the caller's.</summary>
    internal void Input(string name, OrtValue value) => _native.BindInput(name, value);

    /// <summary>Lets the run allocate an output in a memory.</summary>
    internal void Output(string name, OrtMemoryInfo memory) => _native.BindOutputToDevice(name, memory);

    /// <summary>Lets the run write an output into a value that stays the caller's.</summary>
    internal void Output(string name, OrtValue value) => _native.BindOutput(name, value);

    /// <summary>Runs the graph.</summary>
    /// <returns>The outputs in the order in which they were bound; they are the caller's.</returns>
    internal IReadOnlyList<OrtValue> Run(CancellationToken cancellation)
    {
        // What fails is thrown; a run that is broken off within a branch would be logged as an error, too.
        using var options = new RunOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
        using var registration = cancellation.UnsafeRegister(static o => ((RunOptions)o!).Terminate = true, options);
        try
        {
            _session.RunWithBinding(options, _native);
            return _native.GetOutputValues();
        }
        catch (OnnxRuntimeException e)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new InvalidInputException(_doing, new Problem("inputs", $"ONNX Runtime could not run the graph on them ({e.Message.ReplaceLineEndings(" ").Trim()})"), e);
        }
    }

    public void Dispose()
    {
        _native.Dispose();
        foreach (var (entry, value) in _made) entry.Release(value);
        _lease.Leave();
    }
}
