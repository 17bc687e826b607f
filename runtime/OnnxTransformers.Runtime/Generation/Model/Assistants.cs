namespace OnnxTransformers.Generation;

/// <summary>The smaller packages that guess for a model, each opened when it is first named. Thread-safe.</summary>
/// <param name="folder">The model's package, from which names go on.</param>
/// <param name="options">How they are opened.</param>
internal sealed class Assistants(string folder, RuntimeOptions? options) : IDisposable
{
    private readonly Dictionary<string, CausalModel> _opened = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private bool _disposed;

    /// <summary>The model of a package.</summary>
    /// <exception cref="OnnxTransformersException">It can't be opened.</exception>
    internal ICausalModel Get(string name)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_opened.TryGetValue(name, out var model)) _opened.Add(name, model = CausalModel.Open(Package.Open(Path.Combine(folder, name)), options));
            return model;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (var model in _opened.Values) model.Dispose();
        }
    }
}
