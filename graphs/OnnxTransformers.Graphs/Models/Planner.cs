using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;

namespace OnnxTransformers.Graphs.Models;

/// <summary>Decides what a checkpoint is, what is built of it, and whether that can be.</summary>
internal static class Planner
{
    /// <inheritdoc cref="ModelCatalog.Plan(ConfigReader, Func{IReadOnlyDictionary{string, TensorInfo}}, PlanRequest)"/>
    internal static ModelPlan Plan(ConfigReader config, Func<IReadOnlyDictionary<string, TensorInfo>> tensors, PlanRequest request)
    {
        var architectures = config.Strings("architectures", []);
        // timm's own checkpoints name an architecture and no type.
        var isTimm = !config.Has("model_type") && config.Has("architecture") && config.Has("pretrained_cfg");
        var modelType = isTimm ? "timm_wrapper" : config.String("model_type");
        if (isTimm && architectures.IsEmpty) architectures = ["TimmWrapperForImageClassification"];
        var family = ModelCatalog.FamilyOf(config, modelType) ?? throw UnknownType(config, modelType, architectures);
        var choice = Choose(config, family, architectures, request);
        var build = family.Read(config);
        var unread = config.Unread.Select(path => (Path: path, Reason: GenericKeys.ReasonOf(KeyOf(path)))).ToList();
        foreach (var (path, _) in unread.Where(k => k.Reason is null))
            config.Problem(path[2..], "a key that nothing reads", $"the keys of {family.ModelType} and those that never change a graph", "if it changes nothing, remove it from config.json");
        if (config.Problems.Count > 0)
            throw new UnsupportedCheckpointException($"reading {config.File}", config.Problems) { ModelType = modelType, Architectures = architectures, Key = config.Problems[0].Where, Nearest = family.ModelType };
        return new ModelPlan(family, choice, request.SentenceModules, build, tensors(), config, [.. unread.Select(k => new IgnoredKey(k.Path, k.Reason!))]);
    }

    /// <summary>The key of a JSON path: within the configuration of a part, that part's own.</summary>
    private static string KeyOf(string path)
    {
        const string part = "_config.";
        var inner = path.LastIndexOf(part, StringComparison.Ordinal);
        return inner < 0 ? path[2..] : path[(inner + part.Length)..];
    }

    private static TaskChoice Choose(ConfigReader config, ModelFamily family, ImmutableArray<string> architectures, PlanRequest request)
    {
        var hasModules = !request.SentenceModules.IsEmpty;
        UnsupportedCheckpointException Refuse(string where, string found, string? next = null) =>
            new($"choosing the task of {config.File}", new Problem(where, found, $"for {family.ModelType}: {string.Join(", ", Offered(family, hasModules))}", next))
            {
                ModelType = family.ModelType,
                Architectures = architectures,
                Key = where == "architectures" ? "$.architectures" : null,
                Nearest = family.ModelType,
            };

        if (request.Task is { } asked)
        {
            const string option = "--task";
            var row = ModelTask.Named(asked) ?? throw Refuse(option, $"\"{asked}\", which is not a task of the reference");
            if (hasModules && row.Name is ("feature-extraction" or "sentence-similarity")) return OfSentences(row.Name, request);
            if (architectures is [var made, ..] && ModelTask.OfClass(made) is { } own && own.AskedAs == row.Name && family.Tasks.Contains(own.Graph)) row = own;
            if (row.Name == "sentence-similarity") throw Refuse(option, $"\"{asked}\", but the folder has no modules.json that says how to pool", "ask for feature-extraction");
            return family.Tasks.Contains(row.Graph) ? new(row.Name, row.Graph, TakesModules: false) : throw Refuse(option, $"\"{asked}\"");
        }
        if (hasModules) return OfSentences("sentence-similarity", request);
        if (architectures.Length == 0) throw Refuse("architectures", "no class is named", "name the task with --task");
        var found = ModelTask.OfClass(architectures[0], t => family.Tasks.Contains(t.Graph)) ?? throw Refuse("architectures", $"\"{architectures[0]}\"", "name the task with --task");
        if (!family.Tasks.Contains(found.Graph)) throw Refuse("architectures", $"\"{architectures[0]}\", a class for {found.Name}", "name another task with --task");
        // A cross-encoder is a classifier of pairs that sentence-transformers has left its mark on.
        return new(found.Name == "text-classification" && config.Has("sentence_transformers") ? "text-ranking" : found.Name, found.Graph, TakesModules: false);
    }

    private static TaskChoice OfSentences(string task, PlanRequest request) =>
        new(task, request.SentenceModules.Any(m => m is SentenceModule.Splade) ? "fill-mask" : "feature-extraction", TakesModules: true);

    /// <summary>Every name that can be asked for: the family's tasks, their other names, and the tasks that run on their graphs.</summary>
    private static IEnumerable<string> Offered(ModelFamily family, bool hasModules)
    {
        if (hasModules) yield return "sentence-similarity";
        foreach (var task in family.Tasks)
        {
            yield return task;
            foreach (var alias in ModelTask.Named(task)!.Aliases) yield return alias;
            // A task with classes of its own is some type's own, as pictures made of tokens are.
            foreach (var other in ModelTask.All.Where(t => t.GraphOf == task && t.Classes.IsEmpty && (!IsOfImages(t.Name) || family.Tasks.Any(IsOfImages)))) yield return other.Name;
        }
    }

    private static bool IsOfImages(string task) => task.Contains("image", StringComparison.Ordinal);

    private static UnsupportedCheckpointException UnknownType(ConfigReader config, string? modelType, ImmutableArray<string> architectures)
    {
        var nearest = modelType is null ? null : NearestType.Of(modelType, architectures);
        return new UnsupportedCheckpointException($"reading {config.File}", Describe(modelType, architectures, nearest)) { ModelType = modelType, Architectures = architectures, Key = "$.model_type", Nearest = nearest };
    }

    private static Problem Describe(string? modelType, ImmutableArray<string> architectures, string? nearest)
    {
        var supported = NearestType.Shown(modelType);
        if (modelType is null) return new("$.model_type", "missing", supported, "use a checkpoint whose config.json was saved by transformers");
        var known = ReferenceTypes.Contains(modelType);
        var found = $"\"{modelType}\" ({string.Join(", ", architectures)}), {(known ? "a type of transformers that is not supported yet" : "which is not a type of transformers")}";
        var elsewhere = known ? "export this one with optimum" : "check the type's spelling";
        return new("$.model_type", found, supported, nearest is null ? elsewhere : $"{elsewhere}; the nearest that is supported is {nearest}, another network");
    }
}
