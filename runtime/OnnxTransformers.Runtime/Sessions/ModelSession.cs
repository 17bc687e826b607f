using System.Collections.Immutable;
using Microsoft.ML.OnnxRuntime;
using Ort = Microsoft.ML.OnnxRuntime;

namespace OnnxTransformers;

/// <summary>An opened graph. What it takes and gives is read from the graph itself. Thread-safe; may be disposed while other threads run it, which then finish first.</summary>
public sealed class ModelSession : IDisposable
{
    private readonly InferenceSession _native;
    private readonly SessionLease _lease;
    private readonly RunOptions _runOptions = new();
    private readonly Dictionary<string, TensorSpec> _inputs = new(StringComparer.Ordinal);
    private readonly string[] _outputNames;

    private ModelSession(string path, InferenceSession native)
    {
        (Path, _native) = (path, native);
        _lease = new SessionLease(new Natives(native, _runOptions));
        Inputs = [.. native.InputNames.Select(n => OrtTypes.Spec(n, native.InputMetadata[n]))];
        OptionalInputs = [.. native.OverridableInitializerMetadata.Select(p => OrtTypes.Spec(p.Key, p.Value))];
        Outputs = [.. native.OutputNames.Select(n => OrtTypes.Spec(n, native.OutputMetadata[n]))];
        foreach (var input in Inputs) _inputs.Add(input.Name, input);
        foreach (var input in OptionalInputs) _inputs.TryAdd(input.Name, input);
        _outputNames = [.. Outputs.Select(o => o.Name)];
    }

    /// <summary>The file that was opened.</summary>
    public string Path { get; }

    /// <summary>Inputs that every run must be given.</summary>
    public ImmutableArray<TensorSpec> Inputs { get; }

    /// <summary>Inputs that have a value of their own in the graph, which a run may replace.</summary>
    public ImmutableArray<TensorSpec> OptionalInputs { get; }

    /// <summary>What a run can give.</summary>
    public ImmutableArray<TensorSpec> Outputs { get; }

    /// <summary>The input or optional input of that name, or null.</summary>
    public TensorSpec? Input(string name) => _inputs.GetValueOrDefault(name);

    /// <summary>The output of that name, or null.</summary>
    public TensorSpec? Output(string name) => Outputs.FirstOrDefault(o => o.Name == name);

    /// <summary>Opens an ONNX file.</summary>
    /// <param name="path">The file; weights stored beside it are found by the names in it.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="CorruptCheckpointException">The file is missing, or ONNX Runtime refuses it.</exception>
    /// <exception cref="ProviderUnavailableException">A provider of the list can't be loaded.</exception>
    public static ModelSession Open(string path, RuntimeOptions? options = null)
    {
        options ??= RuntimeOptions.Default;
        var doing = $"opening {path}";
        if (!File.Exists(path)) throw new CorruptCheckpointException(doing, new Problem(path, "no such file", null, "export the model again"));
        _ = OrtEnvironment.Instance;
        using var native = new Ort.SessionOptions
        {
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
            GraphOptimizationLevel = Levels[(int)options.Optimization],
        };
        if (options.Threads is { } threads)
        {
            if (threads < 1) throw new InvalidInputException(doing, new Problem("Threads", $"{threads}", "1 or more"));
            native.IntraOpNumThreads = threads;
        }
        foreach (var (key, value) in options.Entries) native.AddSessionConfigEntry(key, value);
        Providers.Append(native, options, doing);
        try
        {
            return new ModelSession(path, new InferenceSession(path, native));
        }
        catch (OnnxRuntimeException e)
        {
            throw new CorruptCheckpointException(doing, new Problem(System.IO.Path.GetFileName(path), $"ONNX Runtime refuses it ({Text(e)})"), e);
        }
    }

    /// <summary>Runs the graph.</summary>
    /// <param name="feeds">The inputs; they stay the caller's.</param>
    /// <param name="outputs">Names of the outputs wanted; none for all.</param>
    /// <param name="cancellation">Stops the run between two operators.</param>
    /// <returns>The outputs, which the caller disposes.</returns>
    /// <exception cref="InvalidInputException">Inputs are missing, unknown, or of a type or shape that the graph does not take; or the graph itself refuses the values.</exception>
    /// <exception cref="ObjectDisposedException">The session was disposed before the run began.</exception>
    public SessionOutputs Run(Feeds feeds, IReadOnlyCollection<string>? outputs = null, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        Check(feeds);
        var wanted = outputs is null || outputs.Count == 0 ? _outputNames : [.. outputs];
        foreach (var name in wanted)
            if (Array.IndexOf(_outputNames, name) < 0)
                throw new InvalidInputException(Doing, new Problem(name, "no such output", string.Join(", ", _outputNames)));
        _lease.Enter();
        try
        {
            return new SessionOutputs(_lease, wanted, RunNative(feeds, wanted, cancellation));
        }
        catch
        {
            _lease.Leave();
            throw;
        }
    }

    /// <summary>What the file says about itself beyond the graph.</summary>
    /// <exception cref="ObjectDisposedException">The session was disposed.</exception>
    public IReadOnlyDictionary<string, string> Metadata => Use(static native => native.ModelMetadata.CustomMetadataMap);

    /// <summary>Inputs and outputs for a decoder's steps, bound to values where they are.</summary>
    /// <exception cref="ObjectDisposedException">The session was disposed.</exception>
    internal Generation.StepBinding Bind(int slots) => new(_native, _lease, Doing, slots);

    /// <summary>Reads something of the native session while it is kept open.</summary>
    /// <exception cref="ObjectDisposedException">The session was disposed.</exception>
    internal T Use<T>(Func<InferenceSession, T> reader)
    {
        _lease.Enter();
        try
        {
            return reader(_native);
        }
        finally
        {
            _lease.Leave();
        }
    }

    /// <summary>Lets go of the graph. Runs that have begun end as usual, and their results stay valid; later ones are refused.</summary>
    public void Dispose() => _lease.Close();

    private static readonly GraphOptimizationLevel[] Levels =
        [GraphOptimizationLevel.ORT_DISABLE_ALL, GraphOptimizationLevel.ORT_ENABLE_BASIC, GraphOptimizationLevel.ORT_ENABLE_EXTENDED, GraphOptimizationLevel.ORT_ENABLE_ALL];

    private string Doing => $"running {System.IO.Path.GetFileName(Path)}";

    private static string Text(OnnxRuntimeException e) => e.Message.ReplaceLineEndings(" ").Trim();

    private IReadOnlyList<OrtValue> RunNative(Feeds feeds, string[] wanted, CancellationToken cancellation)
    {
        var entries = feeds.Entries;
        var names = new string[entries.Count];
        var values = new OrtValue[entries.Count];
        var made = 0;
        using var own = cancellation.CanBeCanceled ? new RunOptions() : null;
        using var registration = cancellation.UnsafeRegister(static o => ((RunOptions)o!).Terminate = true, own);
        try
        {
            for (; made < names.Length; made++) (names[made], values[made]) = (entries[made].Name, entries[made].Native(_inputs[entries[made].Name].Type));
            return _native.Run(own ?? _runOptions, names, values, wanted);
        }
        catch (OnnxRuntimeException e)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new InvalidInputException(Doing, new Problem("inputs", $"ONNX Runtime could not run the graph on them ({Text(e)})"), e);
        }
        finally
        {
            for (var i = 0; i < made; i++) entries[i].Release(values[i]);
        }
    }

    private void Check(Feeds feeds)
    {
        List<Problem>? problems = null;
        void Add(string name, string found, string? supported) => (problems ??= []).Add(new Problem(name, found, supported));
        foreach (var entry in feeds.Entries)
        {
            if (!_inputs.TryGetValue(entry.Name, out var spec)) Add(entry.Name, "no such input", string.Join(", ", _inputs.Keys));
            else if (!entry.Fits(spec.Type)) Add(entry.Name, $"elements of {Lower(entry.Type)}", Lower(spec.Type));
            else if (!ShapeFits(entry.Shape, spec.Shape)) Add(entry.Name, $"shape [{string.Join(", ", entry.Shape.ToArray())}]", $"[{string.Join(", ", spec.Shape)}]");
        }
        foreach (var spec in Inputs)
            if (!Given(feeds, spec.Name)) Add(spec.Name, "not given", spec.ToString());
        if (problems is not null) throw new InvalidInputException(Doing, problems);
    }

    private static bool Given(Feeds feeds, string name)
    {
        foreach (var entry in feeds.Entries)
            if (entry.Name == name) return true;
        return false;
    }

    private static bool ShapeFits(ReadOnlySpan<long> given, ImmutableArray<Dimension> declared)
    {
        if (given.Length != declared.Length) return false;
        for (var i = 0; i < given.Length; i++)
            if (declared[i].Size is { } size && size != given[i]) return false;
        return true;
    }

    private static string Lower(ElementType type) => type.ToString().ToLowerInvariant();

    private sealed class Natives(InferenceSession session, RunOptions runOptions) : IDisposable
    {
        public void Dispose()
        {
            runOptions.Dispose();
            session.Dispose();
        }
    }
}
