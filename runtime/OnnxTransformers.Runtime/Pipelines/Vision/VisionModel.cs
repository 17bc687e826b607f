using OnnxTransformers.Processors;

namespace OnnxTransformers;

/// <summary>What all pipelines over pictures share: a package's image processor and its graph, and pictures run in batches.</summary>
internal sealed class VisionModel : IDisposable
{
    // Pictures that are decoded and processed side by side before their graph runs.
    private const int Window = 32;
    private readonly PipelineOptions _options;
    private readonly bool _batches;

    private VisionModel(Package package, ImageProcessor processor, ModelSession session, PipelineOptions options)
    {
        (Package, Processor, Session, _options) = (package, processor, session, options);
        Loader = new ImageLoader(options.ImageDecoder, options.ImageLimits);
        _batches = (NetworkTraits.Read(session.Metadata) ?? NetworkTraits.Default).RowsAreIndependent && AllowsBatches(session);
    }

    internal Package Package { get; }

    internal ModelConfig Config => Package.Config;

    internal ImageProcessor Processor { get; }

    internal ImageLoader Loader { get; }

    internal ModelSession Session { get; }

    /// <summary>Opens a package.</summary>
    /// <param name="folder">The package.</param>
    /// <param name="task">What it is opened for.</param>
    /// <param name="outputs">Outputs that the graph must have; of a list of alternatives, joined by |, one.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="graph">Which graph of the package.</param>
    /// <exception cref="UnsupportedCheckpointException">The graph has no such outputs, or the processor is not known.</exception>
    internal static VisionModel Load(string folder, string task, IReadOnlyList<string> outputs, PipelineOptions? options, string graph = "model")
    {
        options ??= PipelineOptions.Default;
        var package = Package.Open(folder);
        var processor = ImageProcessor.Load(folder);
        return Owned.By(ModelSession.Open(package.PathOf(graph, options.Precision), options), session =>
        {
            Match(package, session, outputs, $"opening {folder} for {task}", task);
            return new VisionModel(package, processor, session, options);
        });
    }

    /// <summary>Runs pictures, each as if it were alone, and gives each one's outputs to <paramref name="reader"/>, in order.</summary>
    /// <param name="inputs">Pictures.</param>
    /// <param name="outputs">Outputs wanted.</param>
    /// <param name="reader">Reads the outputs of one; what it needs of them it copies.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <param name="processor">Another processor than the package's.</param>
    /// <param name="beside">Fills inputs that are no pictures, as texts that every picture is compared with.</param>
    internal void Forward(IReadOnlyList<PictureInput> inputs, IReadOnlyCollection<string> outputs, PictureReader reader, CancellationToken cancellation, ImageProcessor? processor = null, Beside? beside = null) =>
        Forward(inputs.Count, i => inputs[i].Load(Loader) is var image ? new(image, new ImageInputs([image])) : default, outputs, reader, processor ?? Processor, beside, cancellation);

    /// <summary>Runs videos: each row is a list of frames.</summary>
    internal void Forward(IReadOnlyList<IReadOnlyList<PictureInput>> videos, IReadOnlyCollection<string> outputs, PictureReader reader, CancellationToken cancellation) =>
        Forward(videos.Count, i => videos[i].Select(f => f.Load(Loader)).ToArray() is var frames ? new(frames[0], new ImageInputs((IReadOnlyList<IReadOnlyList<Image>>)[frames])) : default, outputs, reader, Processor, null, cancellation);

    public void Dispose() => Session.Dispose();

    private void Forward(int count, Func<int, Loaded> load, IReadOnlyCollection<string> outputs, PictureReader reader, ImageProcessor processor, Beside? beside, CancellationToken cancellation)
    {
        for (var start = 0; start < count; start += Window)
        {
            var rows = new Row[Math.Min(Window, count - start)];
            void Prepare(int i) => rows[i] = Prepared(load(start + i), processor);
            if (rows.Length == 1) Prepare(0);
            else Each(rows.Length, Prepare, cancellation);
            for (var first = 0; first < rows.Length;)
            {
                var end = first + 1;
                while (end < rows.Length && _batches && end - first < _options.BatchRows && (long)(end - first + 1) * rows[first].Elements <= _options.BatchPixels && rows[end].Shapes == rows[first].Shapes) end++;
                Run(rows.AsSpan(first, end - first), start + first, outputs, reader, beside, cancellation);
                first = end;
            }
        }
    }

    private void Run(ReadOnlySpan<Row> rows, int start, IReadOnlyCollection<string> outputs, PictureReader reader, Beside? beside, CancellationToken cancellation)
    {
        var batches = new ProcessedBatch[rows.Length];
        for (var i = 0; i < batches.Length; i++) batches[i] = rows[i].Batch;
        using var feeds = new Feeds();
        foreach (var input in Session.Inputs)
            if (VisionFeeds.Knows(input.Name, batches[0])) VisionFeeds.Fill(feeds, input, batches);
        beside?.Invoke(feeds, Session, rows.Length);
        using var results = Session.Run(feeds, outputs, cancellation);
        for (var i = 0; i < rows.Length; i++) reader(start + i, new PictureOutputs(results, i, rows.Length, rows[i].Picture));
    }

    private static Row Prepared(Loaded loaded, ImageProcessor processor)
    {
        var batch = processor.Process(loaded.Inputs);
        var shapes = string.Join(";", batch.Tensors.OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => $"{t.Key}{string.Join(",", t.Value.Shape)}"));
        var elements = batch.Tensors.Values.Max(t => t.Shape.Aggregate(1L, (a, b) => a * b));
        return new(loaded.Picture, batch, shapes, elements);
    }

    // What one picture's file did wrong is told as it would be alone.
    private static void Each(int count, Action<int> run, CancellationToken cancellation)
    {
        try
        {
            Parallel.For(0, count, new ParallelOptions { CancellationToken = cancellation }, run);
        }
        catch (AggregateException e)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }

    // A graph whose first dimension is a number was made for just so many.
    private static bool AllowsBatches(ModelSession session) => session.Inputs.All(i => i.Shape.Length == 0 || i.Shape[0].Size is null);

    private static void Match(Package package, ModelSession session, IReadOnlyList<string> outputs, string doing, string task)
    {
        foreach (var output in outputs)
        {
            if (output.Split('|').Any(o => session.Output(o) is not null)) continue;
            throw new UnsupportedCheckpointException(doing, new Problem(output.Replace("|", " or ", StringComparison.Ordinal), $"the graph has no such output; it has {string.Join(", ", session.Outputs.Select(o => o.Name))}", null, $"export the model with --task {task}"))
            {
                ModelType = package.Config.ModelType,
                Architectures = package.Config.Architectures,
            };
        }
    }

    private readonly record struct Loaded(Image Picture, ImageInputs Inputs);

    private readonly record struct Row(Image Picture, ProcessedBatch Batch, string Shapes, long Elements);
}

/// <summary>Reads the outputs of one picture.</summary>
internal delegate void PictureReader(int index, PictureOutputs outputs);

/// <summary>Fills inputs that are no pictures, for a run over so many pictures.</summary>
internal delegate void Beside(Feeds feeds, ModelSession session, int pictures);

/// <summary>What one picture of a batch gave.</summary>
internal readonly ref struct PictureOutputs(SessionOutputs outputs, int row, int rows, Image picture)
{
    /// <summary>The picture (the first frame of a video), in RGB.</summary>
    internal Image Picture => picture;

    /// <summary>True where the run gave that output.</summary>
    internal bool Has(string name) => outputs.Names.Contains(name);

    /// <summary>The elements of an output, row-major, without the batch.</summary>
    internal ReadOnlySpan<float> Float(string name)
    {
        var all = outputs.Float(name);
        var share = all.Length / rows;
        return all.Slice(row * share, share);
    }

    /// <summary>The dimensions of an output without the batch; where a row has several entries of the first dimension, it stays.</summary>
    internal ReadOnlySpan<long> Shape(string name)
    {
        var shape = outputs.Shape(name);
        return shape[0] == rows ? shape[1..] : (long[])[shape[0] / rows, .. shape[1..]];
    }
}
