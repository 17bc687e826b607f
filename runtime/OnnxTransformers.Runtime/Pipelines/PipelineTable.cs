using System.Collections.Immutable;

namespace OnnxTransformers;

/// <summary>The table of tasks: what each is called and what answers it.</summary>
public static class PipelineTable
{
    private static readonly ImmutableArray<Row> Rows =
    [
        new(TextClassification.Name, TextClassification.Load),
        new(TokenClassification.Name, TokenClassification.Load),
        new(QuestionAnswering.Name, QuestionAnswering.Load),
        new(FillMask.Name, FillMask.Load),
        new(FeatureExtraction.Name, FeatureExtraction.Load),
        new(ZeroShotClassification.Name, ZeroShotClassification.Load),
        new(SentenceSimilarity.Name, SentenceSimilarity.Load),
        new(TextRanking.Name, TextRanking.Load),
        new(TextGeneration.Name, TextGeneration.Load),
        new(ImageClassification.Name, ImageClassification.Load),
        new(ZeroShotImageClassification.Name, ZeroShotImageClassification.Load),
        new(ImageFeatureExtraction.Name, ImageFeatureExtraction.Load),
        new(ObjectDetection.Name, ObjectDetection.Load),
        new(ZeroShotObjectDetection.Name, ZeroShotObjectDetection.Load),
        new(ImageSegmentation.Name, ImageSegmentation.Load),
        new(DepthEstimation.Name, DepthEstimation.Load),
        new(ImageToImage.Name, ImageToImage.Load),
        new(VideoClassification.Name, VideoClassification.Load),
    ];

    /// <summary>The names of the tasks, other names left out.</summary>
    public static ImmutableArray<string> Tasks { get; } = [.. Rows.Select(r => r.Task)];

    /// <summary>Opens a package for a task.</summary>
    /// <param name="package">The folder.</param>
    /// <param name="task">The task; null for the one that the package was exported for.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="InvalidInputException">There is no such folder, or it can't be read.</exception>
    /// <exception cref="UnsupportedCheckpointException">There is no such task, the package doesn't say which it is for, or its graph can't do it.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static IPipeline Load(string package, string? task = null, PipelineOptions? options = null)
    {
        // Loading ONNX Runtime takes longer than reading what the task is.
        return OrtEnvironment.LoadBeside(() =>
        {
            var asked = task ?? TaskOf(Package.Open(package));
            var row = Rows.FirstOrDefault(r => r.Task == ModelTask.Named(asked)?.Name);
            if (row is null) throw new UnsupportedCheckpointException($"opening {package}", new Problem("task", $"\"{asked}\"", string.Join(", ", Tasks)));
            return row.Load(package, options);
        });
    }

    /// <summary>The task that a package is for: the one its receipt names, else what its modules or its architecture imply.</summary>
    /// <exception cref="UnsupportedCheckpointException">None of these says it.</exception>
    public static string TaskOf(Package package)
    {
        if (package.ReadJson("receipt.json")?.String("task") is { } written) return written == FeatureExtraction.Name && IsOfPictures(package) ? ImageFeatureExtraction.Name : written;
        if (File.Exists(package.PathOf("modules.json"))) return SentenceSimilarity.Name;
        var config = package.Config;
        // Cross-encoders are classifiers with a note from sentence-transformers.
        if (config.Json?.Has("sentence_transformers") == true || config.Json?.Has("sbert_ce_default_activation_function") == true) return TextRanking.Name;
        if (config.Architectures.Select(a => ModelTask.OfClass(a)?.Name).FirstOrDefault(t => t is not null && Tasks.Contains(t)) is { } found) return found == FeatureExtraction.Name && IsOfPictures(package) ? ImageFeatureExtraction.Name : found;
        throw new UnsupportedCheckpointException($"opening {package.Folder}", new Problem("task", $"neither receipt.json, modules.json nor the architectures ({string.Join(", ", config.Architectures)}) say it", string.Join(", ", Tasks), "name it with --task"))
        {
            ModelType = config.ModelType,
            Architectures = config.Architectures,
        };
    }

    // Vision models without a head are exported for feature-extraction, as all of their kind; what they take tells them apart.
    private static bool IsOfPictures(Package package) => File.Exists(package.PathOf("preprocessor_config.json")) && !File.Exists(package.PathOf("tokenizer_config.json")) && !File.Exists(package.PathOf("tokenizer.json"));

    /// <param name="Task">The name.</param>
    /// <param name="Load">Opens a package.</param>
    private sealed record Row(string Task, Func<string, PipelineOptions?, IPipeline> Load);
}
