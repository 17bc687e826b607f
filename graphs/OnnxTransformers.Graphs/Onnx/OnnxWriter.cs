using System.Collections.Immutable;
using Google.Protobuf;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs.Onnx;

/// <summary>Writes models and their weights. The same model, weights and options give the same bytes; memory stays below 100 MB whatever the weights' size.</summary>
public static class OnnxWriter
{
    /// <summary>Writes <paramref name="model"/> to <paramref name="path"/>. Weights of more than 1 MiB together go to <c>&lt;graph&gt;.onnx_data</c> beside it (then <c>.onnx_data_1</c>, ... if files are limited),
    /// at offsets of whole 64 bytes, of whole 4 KiB for those above 1 MiB; below that, and each weight below 1 KiB, into the model itself.</summary>
    /// <param name="model">The graph, with an initializer (name, type, dimensions, no data) for each weight. It is not changed.</param>
    /// <param name="weights">All weights of the graph.</param>
    /// <param name="source">The stored tensors.</param>
    /// <param name="path">Where the model goes; files of that name are replaced.</param>
    /// <param name="options">How it is laid out.</param>
    /// <param name="cancellation">Stops between two parts.</param>
    /// <exception cref="ArgumentException">Weights and initializers don't agree: all differences at once.</exception>
    /// <exception cref="UnsupportedCheckpointException">The model's own file would exceed 2 GiB, a value becomes infinite by a conversion, or a recipe can't be made.</exception>
    /// <exception cref="CorruptCheckpointException">A file of the checkpoint ends too early.</exception>
    /// <remarks>Nothing is left behind after an exception; until then, the model appears last.</remarks>
    public static OnnxWritten Write(ModelProto model, IReadOnlyList<WeightInitializer> weights, ITensorSource source, string path, OnnxWriteOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new();
        path = Path.GetFullPath(path);
        var written = model.Clone();
        var initializers = Match(written, weights);
        using var stored = new StoredBytes(source);
        var layout = WeightLayout.Of(weights, stored, options);
        ImmutableArray<string> data = [.. Enumerable.Range(0, layout.FileBytes.Length).Select(i => $"{path}_data{(i == 0 ? "" : $"_{i}")}")];

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        // The weights take longest and need nothing of the model, which is finished meanwhile.
        var writing = Task.Run(() => WeightFiles.Write(layout, data, stored, options, stop.Token), CancellationToken.None);
        try
        {
            Finish(written, initializers, layout, data, stored, path, options);
            writing.GetAwaiter().GetResult();
            File.Delete(path);
            using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
            written.WriteTo(file);
        }
        catch
        {
            stop.Cancel();
            ((IAsyncResult)writing).AsyncWaitHandle.WaitOne();
            foreach (var file in data.Prepend(path)) File.Delete(file);
            throw;
        }
        var linked = layout.Weights.Where(w => w.Location is not null).ToList();
        return new([path, .. data], new FileInfo(path).Length, layout.FileBytes.Sum(), linked.Count, linked.Sum(w => w.Plan.Bytes));
    }

    /// <summary>Says in the model where each weight lies, and puts the small ones into it.</summary>
    private static void Finish(ModelProto model, Dictionary<string, TensorProto> initializers, WeightLayout layout, ImmutableArray<string> data, StoredBytes stored, string path, OnnxWriteOptions options)
    {
        var inline = layout.Weights.Where(w => w is { File: null, Location: null }).ToList();
        RefuseTooLarge(model, inline.Sum(w => w.Plan.Bytes), path, options);
        foreach (var weight in layout.Weights)
        {
            if (weight is { File: null, Location: null }) initializers[weight.Weight.Name].RawData = Make(weight, stored);
            else new ExternalData(weight.Location ?? Path.GetFileName(data[weight.File!.Value]), weight.Offset, weight.Plan.Bytes).WriteTo(initializers[weight.Weight.Name]);
        }
        RefuseTooLarge(model, 0, path, options);
    }

    private static Dictionary<string, TensorProto> Match(ModelProto model, IReadOnlyList<WeightInitializer> weights)
    {
        var wrong = new List<string>();
        var initializers = new Dictionary<string, TensorProto>(StringComparer.Ordinal);
        foreach (var tensor in model.Graph?.Initializer ?? [])
            if (!initializers.TryAdd(tensor.Name, tensor)) wrong.Add($"{tensor.Name}: an initializer of this name twice");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, recipe) in weights)
        {
            if (!seen.Add(name)) wrong.Add($"{name}: a weight of this name twice");
            else if (!initializers.TryGetValue(name, out var tensor)) wrong.Add($"{name}: not an initializer of the graph");
            else if (tensor.DataType != (int)recipe.Type || !tensor.Dims.SequenceEqual(recipe.Shape))
                wrong.Add($"{name}: {(ElementType)tensor.DataType} [{string.Join(", ", tensor.Dims)}] in the graph, {recipe.Type} [{string.Join(", ", recipe.Shape)}] as a weight");
            else if (tensor.HasRawData || tensor.ExternalData.Count > 0) wrong.Add($"{name}: has data already");
        }
        wrong.AddRange(initializers.Values.Where(t => !seen.Contains(t.Name) && IsWithoutData(t)).Select(t => $"{t.Name}: neither data nor a weight"));
        if (wrong.Count > 0) throw new ArgumentException($"weights and initializers don't agree: {string.Join("; ", wrong)}", nameof(weights));
        return initializers;
    }

    private static bool IsWithoutData(TensorProto tensor) =>
        !tensor.HasRawData && tensor.ExternalData.Count == 0 && tensor.StringData.Count == 0 && !tensor.Dims.Contains(0) && TensorData.Of(tensor).IsEmpty;

    private static ByteString Make(PlacedWeight weight, StoredBytes stored)
    {
        var bytes = new byte[weight.Plan.Bytes];
        using var reader = new PlanReader(stored);
        foreach (var piece in PlanReader.Pieces(weight.Plan, bytes.Length)) reader.Make(piece, weight.Weight.Name, (offset, part) => part.CopyTo(bytes.AsSpan((int)offset)));
        return UnsafeByteOperations.UnsafeWrap(bytes);
    }

    private static void RefuseTooLarge(ModelProto model, long more, string path, OnnxWriteOptions options)
    {
        var bytes = ModelSize.Of(model) + more;
        if (bytes > options.MaxModelBytes)
            throw new UnsupportedCheckpointException($"writing {Path.GetFileName(path)}", new Problem("", $"the graph takes {bytes} bytes without its external weights", $"at most {options.MaxModelBytes}, the limit of a protobuf", "make large constants of the graph weights"));
    }
}
