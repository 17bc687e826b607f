using System.Collections.Immutable;

namespace OnnxTransformers;

/// <summary>A task of the reference: its name, the classes of checkpoints made for it, and the task whose graph it runs on where that is another's.</summary>
/// <param name="Name">The name, as pipelines have it.</param>
/// <param name="Classes">Endings of the class names in <c>architectures</c>.</param>
/// <param name="GraphOf">The task whose graph serves this one; null for its own.</param>
public sealed record ModelTask(string Name, ImmutableArray<string> Classes, string? GraphOf = null)
{
    /// <summary>Other names of the reference for the same task.</summary>
    public ImmutableArray<string> Aliases { get; init; } = [];

    /// <summary>A task by whose name checkpoints of these classes are asked for, too: a backbone gives features of images, though not those of the whole network.</summary>
    public string? AskedAs { get; init; }

    /// <summary>The task whose graph serves this one: itself, or another.</summary>
    public string Graph => GraphOf ?? Name;

    /// <summary>All tasks of the reference (transformers 4.57, models/auto and pipelines), and those of sentence-transformers. Where endings overlap, the longest decides.</summary>
    public static readonly ImmutableArray<ModelTask> All =
    [
        new("feature-extraction", ["Model", "Encoder", "EncoderModel", "ModelWithProjection"]),
        new("fill-mask", ["ForMaskedLM", "WithLMHeadModel"]),
        new("text-classification", ["ForSequenceClassification"]) { Aliases = ["sentiment-analysis"] },
        new("token-classification", ["ForTokenClassification"]) { Aliases = ["ner"] },
        new("question-answering", ["ForQuestionAnswering", "ForQuestionAnsweringSimple"]),
        new("multiple-choice", ["ForMultipleChoice"]),
        new("next-sentence-prediction", ["ForNextSentencePrediction"]),
        new("pretraining", ["ForPreTraining"]),
        new("text-generation", ["ForCausalLM", "LMHeadModel"]),
        new("unconditional-image-generation", ["ForCausalImageModeling"], "text-generation"),
        new("text2text-generation", ["ForConditionalGeneration"]),
        new("automatic-speech-recognition", ["ForCTC", "ForSpeechSeq2Seq"]),
        new("audio-classification", ["ForAudioClassification"]),
        new("audio-frame-classification", ["ForAudioFrameClassification"]),
        new("audio-xvector", ["ForXVector"]),
        new("text-to-audio", ["ForTextToWaveform", "ForTextToSpectrogram"]),
        new("image-classification", ["ForImageClassification", "ForImageClassificationWithTeacher"]),
        new("image-feature-extraction", [], "feature-extraction"),
        new("backbone", ["Backbone"]) { AskedAs = "image-feature-extraction" },
        new("image-segmentation", ["ForSemanticSegmentation", "ForInstanceSegmentation", "ForUniversalSegmentation", "ForSegmentation", "ForImageSegmentation"]),
        new("image-text-to-text", ["ForImageTextToText"]),
        new("image-to-image", ["ForImageToImage", "ForImageSuperResolution"]),
        new("image-to-text", ["ForVision2Seq", "ForSceneTextRecognition"]),
        new("masked-image-modeling", ["ForMaskedImageModeling"]),
        new("mask-generation", ["ForMaskGeneration"]),
        new("depth-estimation", ["ForDepthEstimation"]),
        new("object-detection", ["ForObjectDetection"]),
        new("zero-shot-object-detection", ["ForZeroShotObjectDetection", "ForObjectDetection"]),
        new("video-classification", ["ForVideoClassification"]),
        new("visual-question-answering", ["ForVisualQuestionAnswering"]),
        new("document-question-answering", ["ForDocumentQuestionAnswering"]),
        new("table-question-answering", ["ForTableQuestionAnswering"]),
        new("keypoint-detection", ["ForKeypointDetection"]),
        new("keypoint-matching", ["ForKeypointMatching"]),
        new("time-series-prediction", ["ForPrediction"]),
        new("sentence-similarity", ["SentenceTransformer"]),
        new("zero-shot-classification", [], "text-classification"),
        new("text-ranking", [], "text-classification"),
        new("summarization", [], "text2text-generation"),
        new("translation", [], "text2text-generation"),
        new("zero-shot-image-classification", ["Model", "DualEncoderModel"]),
        new("zero-shot-video-classification", ["Model"]),
        new("zero-shot-audio-classification", []),
    ];

    /// <summary>The task of a name or another name, or null.</summary>
    public static ModelTask? Named(string name) => All.FirstOrDefault(t => t.Name == name || t.Aliases.Contains(name));

    /// <summary>The task that a class of the reference is made for, or null: the longest ending counts.</summary>
    /// <param name="architecture">The class.</param>
    /// <param name="preferred">Of several tasks of one ending, the first that this holds for is taken, else the first: "Model" is a network of texts, or one that compares texts and images.</param>
    public static ModelTask? OfClass(string architecture, Func<ModelTask, bool>? preferred = null)
    {
        var rows = All.SelectMany(t => t.Classes.Select(c => (Task: t, Class: c))).Where(r => architecture.EndsWith(r.Class, StringComparison.Ordinal)).ToList();
        return rows.OrderByDescending(r => r.Class.Length).ThenByDescending(r => preferred?.Invoke(r.Task) ?? true).FirstOrDefault().Task;
    }
}
