using System.Text.Json;

namespace OnnxTransformers;

/// <summary>Labels videos, which come as their frames. Reference: pipelines/video_classification.py. Thread-safe.</summary>
public sealed class VideoClassification : IPipeline
{
    internal const string Name = "video-classification";
    private static readonly string[] Outputs = ["logits"];
    private readonly VisionModel _model;
    private readonly PipelineOptions _options;
    private readonly int? _frames;

    private VideoClassification(VisionModel model, PipelineOptions options)
    {
        (_model, _options) = (model, options);
        _frames = model.Config.Json?.IntOrNull("num_frames") ?? model.Config.Json?.IntOrNull("frames_per_clip") ?? FramesOf(model.Session);
    }

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package of a model that classifies videos.</summary>
    /// <exception cref="UnsupportedCheckpointException">It has no such head, or its image processor is not known.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static VideoClassification Load(string package, PipelineOptions? options = null) => new(VisionModel.Load(package, Name, Outputs, options), options ?? PipelineOptions.Default);

    /// <summary>The best labels of a video.</summary>
    /// <param name="frames">Its frames from the beginning; as many are used as the model takes.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="samplingRate">Of so many frames one is used.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <exception cref="InvalidInputException">There are fewer frames than the model takes, or one can't be read.</exception>
    public IReadOnlyList<LabelScore> Run(IReadOnlyList<PictureInput> frames, ImageClassificationOptions? options = null, int samplingRate = 1, CancellationToken cancellation = default) =>
        Run([[.. frames]], options ?? new(), _frames, samplingRate, cancellation)[0];

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var asked = new PictureLine(Name, line, _options);
        var given = asked.Call.Inputs("inputs", "video", "videos", "frames");
        if (given.ValueKind != JsonValueKind.Array || given.GetArrayLength() == 0) throw asked.Call.Wrong("inputs", given, "a list of the names of a video's frames, or a list of such lists");
        var many = given[0].ValueKind == JsonValueKind.Array;
        PictureInput[][] videos = many ? [.. given.EnumerateArray().Select(v => Frames(asked, v))] : [Frames(asked, given)];
        var (options, count, rate) = (PictureLabels.Options(asked.Call), asked.Call.Count("num_frames", 1) ?? _frames, asked.Call.Count("frame_sampling_rate", 1) ?? 1);
        asked.Call.RefuseOthers();
        var answers = Run(videos, options, count, rate, cancellation);
        asked.Write(output, answers, many, (_, labels) => PictureLabels.Write(output, labels));
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    /// <summary>What the graph says where config.json doesn't.</summary>
    private static int? FramesOf(ModelSession session) => (session.Input("pixel_values") ?? session.Input("pixel_values_videos")) is { Shape: [_, { Size: { } frames }, _, _, _] } ? checked((int)frames) : null;

    private static PictureInput[] Frames(PictureLine asked, JsonElement video) =>
        video.ValueKind == JsonValueKind.Array ? [.. video.EnumerateArray().Select(asked.Picture)] : throw asked.Call.Wrong("inputs", video, "a list of the names of a video's frames");

    private IReadOnlyList<LabelScore>[] Run(PictureInput[][] videos, ImageClassificationOptions options, int? count, int rate, CancellationToken cancellation)
    {
        // The reference scores with a softmax whatever the model was trained for.
        options = options with { Function = options.Function ?? ScoreFunction.Softmax };
        var answers = new IReadOnlyList<LabelScore>[videos.Length];
        _model.Forward([.. videos.Select(v => Sampled(v, count ?? v.Length, rate))], Outputs, (i, outputs) => answers[i] = PictureLabels.Best(_model.Package, outputs.Float("logits"), options), cancellation);
        return answers;
    }

    /// <summary>As numpy's linspace from the first frame to the last of count x rate, cut to whole numbers.</summary>
    private static PictureInput[] Sampled(PictureInput[] frames, int count, int rate)
    {
        var last = (long)count * rate - 1;
        if (last >= frames.Length)
            throw new InvalidInputException("classifying a video", new Problem("frames", $"{frames.Length}", $"{last + 1} or more: {count} frames, of {rate} each one", "give more frames, or ask for fewer with num_frames"));
        return [.. Enumerable.Range(0, count).Select(i => frames[count == 1 ? 0 : (int)(i * ((double)last / (count - 1)))])];
    }
}
