using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Win32.SafeHandles;

namespace OnnxTransformers.Graphs.Onnx;

/// <summary>An input or output of a graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Element type of a tensor; undefined for sequences and maps.</param>
/// <param name="Shape">Dimensions of a tensor, each a number, a name or "?"; null where the rank is unknown.</param>
/// <param name="Text">Type and shape as "int64[batch_size, sequence_length]".</param>
public sealed record OnnxValue(string Name, ElementType Type, ImmutableArray<string>? Shape, string Text);

/// <summary>A stored tensor of a model.</summary>
/// <param name="Tensor">Name, type and dimensions.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="External">Where its bytes lie, or null where they are in the model's own file.</param>
public sealed record OnnxInitializer(TensorInfo Tensor, long Bytes, ExternalData? External);

/// <summary>Any ONNX file, opened to be looked at: its graph is read, its weights stay where they are and are read when asked for. Safe to use from several threads.</summary>
/// <remarks>Memory goes with the number of nodes and small constants: data of more than 64 KiB is left in the file. Being a source of tensors, it can be written again with other options.</remarks>
public sealed class OnnxReader : ITensorSource, IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly Dictionary<string, Entry> _entries;
    private readonly ConcurrentDictionary<string, Lazy<SafeFileHandle>> _external = new(StringComparer.Ordinal);

    private sealed record Entry(TensorProto Proto, OnnxInitializer Initializer, (long Offset, long Length)? Left);

    private OnnxReader(string path, SafeFileHandle file)
    {
        (_path, _file) = (path, file);
        (Model, var left) = ModelScanner.Read(file, Name);
        var entries = Check(Model.Graph, left);
        _entries = entries.ToDictionary(e => e.Initializer.Tensor.Name, StringComparer.Ordinal);
        Initializers = [.. entries.Select(e => e.Initializer)];
        Tensors = _entries.ToDictionary(e => e.Key, e => e.Value.Initializer.Tensor, StringComparer.Ordinal);
        Inputs = [.. Model.Graph.Input.Where(v => !_entries.ContainsKey(v.Name)).Select(Value)];
        Outputs = [.. Model.Graph.Output.Select(Value)];
    }

    /// <summary>Opens a file.</summary>
    /// <exception cref="CorruptCheckpointException">It is not an ONNX model, is truncated, or its initializers contradict themselves: all of those at once.</exception>
    /// <exception cref="IOException">It can't be opened.</exception>
    public static OnnxReader Open(string path)
    {
        path = Path.GetFullPath(path);
        var file = File.OpenHandle(path, options: FileOptions.SequentialScan);
        try
        {
            return new OnnxReader(path, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The model as it is in the file, but for large data of initializers.</summary>
    public ModelProto Model { get; }

    /// <summary>What the graph has to be given, in its order.</summary>
    public ImmutableArray<OnnxValue> Inputs { get; }

    /// <summary>What the graph gives.</summary>
    public ImmutableArray<OnnxValue> Outputs { get; }

    /// <summary>Stored tensors in the order of the file.</summary>
    public ImmutableArray<OnnxInitializer> Initializers { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>Operator sets by domain; "ai.onnx" for ONNX's own.</summary>
    public IEnumerable<(string Domain, long Version)> Opsets => Model.OpsetImport.Select(o => (OnnxText.Domain(o.Domain), o.Version));

    /// <summary>Who made the file, with the version; empty where it doesn't say.</summary>
    public string Producer => $"{Model.ProducerName} {Model.ProducerVersion}".Trim();

    /// <summary>Pairs of the file's metadata.</summary>
    public IEnumerable<(string Key, string Value)> Metadata => Model.MetadataProps.Select(p => (p.Key, p.Value));

    private string Name => Path.GetFileName(_path);

    /// <summary>The bytes of one tensor.</summary>
    /// <inheritdoc cref="Read(string, long, Span{byte})"/>
    public byte[] Read(string name)
    {
        var entry = Find(name);
        Locate(entry);                                  // a size that the file doesn't have is refused before it is allocated
        var bytes = new byte[entry.Initializer.Tensor.Bytes];
        Read(name, 0, bytes);
        return bytes;
    }

    /// <inheritdoc/>
    /// <exception cref="KeyNotFoundException">There is no such tensor.</exception>
    /// <exception cref="UnsupportedCheckpointException">Its elements are texts or of an unknown type.</exception>
    public void Read(string name, long offset, Span<byte> destination)
    {
        var entry = Find(name);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, entry.Initializer.Tensor.Bytes - destination.Length);
        if (Locate(entry) is not { } place)
        {
            TensorData.Of(entry.Proto).Span.Slice((int)offset, destination.Length).CopyTo(destination);
            return;
        }
        var file = place.Path == _path ? _file : _external.GetOrAdd(place.Path, path => new(() => File.OpenHandle(path))).Value;
        for (var at = place.Offset + offset; destination.Length > 0;)
        {
            var n = RandomAccess.Read(file, destination, at);
            if (n == 0) throw Corrupt(name, $"{Path.GetFileName(place.Path)} ends at byte {at}");
            destination = destination[n..];
            at += n;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="CorruptCheckpointException">The model names a place that doesn't exist or that it may not use.</exception>
    public TensorLocation? Locate(string name) => Locate(Find(name));

    /// <summary>Looks for all external data and compares sizes, without reading it.</summary>
    /// <exception cref="CorruptCheckpointException">Something is missing: everything that is.</exception>
    public void CheckExternalData()
    {
        var problems = Initializers.Where(i => i.External is not null).Select(i => Place(i, out var wrong) is null ? new Problem(i.Tensor.Name, wrong!) : null).OfType<Problem>().ToList();
        if (problems.Count > 0) throw new CorruptCheckpointException($"reading {Name}", problems);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        foreach (var file in _external.Values)
            if (file.IsValueCreated) file.Value.Dispose();
    }

    private Entry Find(string name)
    {
        if (!_entries.TryGetValue(name, out var entry)) throw new KeyNotFoundException($"{Name} has no initializer {name}");
        if (entry.Initializer.Tensor.Type.Bits() == 0)
            throw new UnsupportedCheckpointException($"reading {Name}", new Problem(name, $"elements of type {OnnxText.Element(entry.Proto.DataType)}", "numbers and booleans of 4 bits and more"));
        return entry;
    }

    private TensorLocation? Locate(Entry entry)
    {
        if (entry.Left is { } left) return new TensorLocation(_path, left.Offset, left.Length);
        if (entry.Initializer.External is null) return null;
        return Place(entry.Initializer, out var wrong) ?? throw Corrupt(entry.Initializer.Tensor.Name, wrong!);
    }

    private TensorLocation? Place(OnnxInitializer initializer, out string? wrong)
    {
        var external = initializer.External!;
        if (external.Resolve(Path.GetDirectoryName(_path)!, out wrong) is not { } path) return null;
        var size = new FileInfo(path).Length;
        if (external.Offset <= size && initializer.Bytes <= size - external.Offset) return new TensorLocation(path, external.Offset, initializer.Bytes);
        wrong = $"{external.Location} has {size} bytes, {initializer.Bytes} from byte {external.Offset} on are wanted";
        return null;
    }

    private List<Entry> Check(GraphProto graph, IReadOnlyDictionary<int, (long Offset, long Length)> left)
    {
        var (entries, problems) = (new List<Entry>(), new List<Problem>());
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < graph.Initializer.Count; i++)
        {
            var tensor = graph.Initializer[i];
            (long Offset, long Length)? place = left.TryGetValue(i, out var found) ? found : null;
            string? wrong = "an initializer of this name twice";
            if (names.Add(tensor.Name) && Describe(tensor, place?.Length, out wrong) is { } initializer) entries.Add(new Entry(tensor, initializer, place));
            if (wrong is not null) problems.Add(new Problem(tensor.Name, wrong));
        }
        if (problems.Count > 0) throw new CorruptCheckpointException($"reading {Name}", problems);
        return entries;
    }

    /// <summary>What an initializer says of itself; where that contradicts its data, <paramref name="wrong"/> says how.</summary>
    private static OnnxInitializer? Describe(TensorProto tensor, long? left, out string? wrong)
    {
        var type = (ElementType)tensor.DataType;
        wrong = Overflows(tensor.Dims, type.Bits()) ? $"dimensions [{string.Join(", ", tensor.Dims)}]" : null;
        if (wrong is not null) return null;

        var info = new TensorInfo(tensor.Name, type, [.. tensor.Dims]);
        if (tensor.DataLocation == TensorProto.Types.DataLocation.External)
        {
            if (ExternalData.Read(tensor, out wrong) is not { } external) return null;
            if (type.Bits() > 0 && external.Length is { } length && length != info.Bytes) wrong = $"{length} bytes of external data for {type} {info.ShapeText}, which takes {info.Bytes}";
            return new OnnxInitializer(info, type.Bits() > 0 ? info.Bytes : external.Length ?? 0, external);
        }
        var own = left ?? (type == ElementType.String ? tensor.StringData.Sum(text => (long)text.Length) : TensorData.Of(tensor).Length);
        if (type.Bits() > 0 && own != info.Bytes) wrong = $"{own} bytes of data for {type} {info.ShapeText}, which takes {info.Bytes}";
        return new OnnxInitializer(info, own, null);
    }

    private static bool Overflows(IEnumerable<long> dims, int bits)
    {
        Int128 count = 1;
        foreach (var d in dims)
        {
            if (d < 0) return true;
            count *= d;
            if (count * Math.Max(bits, 1) > long.MaxValue / 2) return true;
        }
        return false;
    }

    private static OnnxValue Value(ValueInfoProto value)
    {
        var tensor = value.Type?.TensorType;
        return new(value.Name, (ElementType)(tensor?.ElemType ?? 0), tensor?.Shape is { } shape ? [.. shape.Dim.Select(OnnxText.Dimension)] : null, OnnxText.Type(value.Type));
    }

    private CorruptCheckpointException Corrupt(string tensor, string found) => new($"reading {Name}", new Problem(tensor, found));
}
