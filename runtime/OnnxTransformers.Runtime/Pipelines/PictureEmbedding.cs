namespace OnnxTransformers;

/// <summary>Pictures and texts as vectors of one space, to index and to search: the towers of CLIP, SigLIP and their kind, each run alone. Vectors have length 1, so that their inner product is their
/// similarity. A tower is opened when it is first needed. Thread-safe.</summary>
public sealed class PictureEmbedding : IDisposable
{
    private const string Doing = "picture-embedding", Images = "image_embeds", Texts = "text_embeds";
    private readonly Lazy<VisionModel> _pictures;
    private readonly Lazy<(PictureTexts Rows, ModelSession Session)> _texts;
    private readonly int _batch;

    private PictureEmbedding(Package package, PipelineOptions options)
    {
        _batch = options.BatchRows;
        _pictures = new(() => VisionModel.Load(package.Folder, Doing, [Images], options, "vision_model"));
        _texts = new(() => (PictureTexts.Load(package), ModelSession.Open(package.PathOf("text_model", options.Precision), options)));
    }

    /// <summary>Opens a package with the graphs text_model and vision_model.</summary>
    /// <exception cref="InvalidInputException">There is no such folder.</exception>
    /// <exception cref="CorruptCheckpointException">A graph is missing.</exception>
    public static PictureEmbedding Load(string package, PipelineOptions? options = null)
    {
        options ??= PipelineOptions.Default;
        var opened = Package.Open(package);
        foreach (var graph in (ReadOnlySpan<string>)["vision_model", "text_model"]) opened.PathOf(graph, options.Precision);
        return new(opened, options);
    }

    /// <summary>The vector of each picture.</summary>
    /// <exception cref="InvalidInputException">A picture can't be read.</exception>
    public IReadOnlyList<float[]> EmbedPictures(IReadOnlyList<PictureInput> pictures, CancellationToken cancellation = default)
    {
        var vectors = new float[pictures.Count][];
        _pictures.Value.Forward(pictures, [Images], (i, outputs) => vectors[i] = Unit(outputs.Float(Images)), cancellation);
        return vectors;
    }

    /// <summary>The vector of each text.</summary>
    /// <exception cref="InvalidInputException">A text has more tokens than the model has positions.</exception>
    public IReadOnlyList<float[]> EmbedTexts(IReadOnlyList<string> texts, CancellationToken cancellation = default)
    {
        var (rows, session) = _texts.Value;
        var vectors = new List<float[]>(texts.Count);
        foreach (var part in rows.Encode(texts).Chunk(_batch))
        {
            using var feeds = new Feeds();
            rows.Fill(feeds, session, part);
            using var outputs = session.Run(feeds, [Texts], cancellation);
            var all = outputs.Float(Texts);
            var width = all.Length / part.Length;
            for (var i = 0; i < part.Length; i++) vectors.Add(Unit(all.Slice(i * width, width)));
        }
        return vectors;
    }

    /// <summary>Lets go of the graphs; runs that have begun end as usual.</summary>
    public void Dispose()
    {
        if (_pictures.IsValueCreated) _pictures.Value.Dispose();
        if (_texts.IsValueCreated) _texts.Value.Session.Dispose();
    }

    private static float[] Unit(ReadOnlySpan<float> values)
    {
        var vector = values.ToArray();
        Similarities.Normalize(vector);
        return vector;
    }
}
