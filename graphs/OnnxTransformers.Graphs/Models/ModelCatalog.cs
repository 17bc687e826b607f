using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Models.Text;

namespace OnnxTransformers.Graphs.Models;

/// <summary>The table of model types.</summary>
public static class ModelCatalog
{
    /// <summary>All families that are supported: each passes its own fixtures of the reference.</summary>
    public static readonly ImmutableArray<ModelFamily> Families =
    [
        Bert.Family,
        DistilBert.Family,
        Electra.Family,
        MpNet.Family,
        Roberta.Family,
        Roberta.Family.As("xlm-roberta"),
        Roberta.Family.As("camembert"),
    ];

    /// <summary>Decides what a checkpoint is and whether it can be built. No weight is read.</summary>
    /// <param name="config">config.json.</param>
    /// <param name="tensors">The checkpoint's index.</param>
    /// <param name="request">What is asked of it.</param>
    /// <exception cref="UnsupportedCheckpointException">The model type, a configuration value or the task is not supported.</exception>
    public static ModelPlan Plan(ConfigReader config, IReadOnlyDictionary<string, TensorInfo> tensors, PlanRequest request)
    {
        var architectures = config.Strings("architectures", []);
        var modelType = config.String("model_type");
        var family = Families.FirstOrDefault(f => f.ModelType == modelType) ?? throw UnknownType(config, modelType, architectures);
        var (task, graphTask) = ChooseTask(config, family, architectures, request);
        var build = family.Read(config);
        var unread = config.Unread.ToList();
        foreach (var path in unread.Where(p => !GenericKeys.Contains(p[2..])))
            config.Problem(path[2..], "a key that nothing reads", $"the keys of {family.ModelType} and those that never change a graph", "if it changes nothing, remove it from config.json");
        if (config.Problems.Count > 0)
            throw new UnsupportedCheckpointException($"reading {config.File}", config.Problems) { ModelType = modelType, Architectures = architectures, Key = config.Problems[0].Where, Nearest = family.ModelType };
        return new ModelPlan(family, task, graphTask, build, tensors, request.SentenceModules, [.. unread.Where(p => GenericKeys.Contains(p[2..]))]);
    }

    private static (string Task, string GraphTask) ChooseTask(ConfigReader config, ModelFamily family, ImmutableArray<string> architectures, PlanRequest request)
    {
        UnsupportedCheckpointException Refuse(string found, string? next = null) =>
            new($"choosing the task of {config.File}", new Problem("architectures", found, $"for {family.ModelType}: {string.Join(", ", family.Tasks)}", next)) { ModelType = family.ModelType, Architectures = architectures, Key = "$.architectures", Nearest = family.ModelType };

        if (request.Task is { } asked)
        {
            var row = ModelTask.Named(asked) ?? throw Refuse($"the task \"{asked}\" was asked for, which is not one of the reference's");
            var graphTask = row.GraphOf ?? row.Name;
            if (request.SentenceModules.Length > 0 && graphTask is "feature-extraction" or "sentence-similarity") return (asked, SentenceTask(request));
            if (asked == "sentence-similarity") throw Refuse("the task \"sentence-similarity\" was asked for, but the folder has no modules.json that says how to pool", "ask for feature-extraction");
            return family.Tasks.Contains(graphTask) ? (asked, graphTask) : throw Refuse($"the task \"{asked}\" was asked for");
        }
        if (request.SentenceModules.Length > 0) return ("sentence-similarity", SentenceTask(request));
        if (architectures.Length == 0) throw Refuse("no class is named", "name the task with --task");
        var found = ModelTask.OfClass(architectures[0]) ?? throw Refuse($"\"{architectures[0]}\"", "name the task with --task");
        // A cross-encoder is a classifier of pairs that sentence-transformers has left its mark on.
        if (found.Name == "text-classification" && config.Has("sentence_transformers") && family.Tasks.Contains(found.Name)) return ("text-ranking", found.Name);
        return family.Tasks.Contains(found.Name) ? (found.Name, found.Name) : throw Refuse($"\"{architectures[0]}\", a class for {found.Name}");
    }

    private static string SentenceTask(PlanRequest request) => request.SentenceModules.Any(m => m is SentenceModule.Splade) ? "fill-mask" : "feature-extraction";

    private static UnsupportedCheckpointException UnknownType(ConfigReader config, string? modelType, ImmutableArray<string> architectures)
    {
        var supported = string.Join(", ", Families.Select(f => f.ModelType));
        var nearest = modelType is null ? null : Nearest(modelType, architectures);
        var problem = modelType is null
            ? new Problem("$.model_type", "missing", supported, "use a checkpoint whose config.json was saved by transformers")
            : new Problem("$.model_type", $"\"{modelType}\" ({string.Join(", ", architectures)}), {(ReferenceTypes.Contains(modelType) ? "a type of transformers that is not supported yet" : "which is not a type of transformers")}", supported,
                nearest is null ? null : $"the nearest that is supported is {nearest}, another network");
        return new UnsupportedCheckpointException($"reading {config.File}", problem) { ModelType = modelType, Architectures = architectures, Key = "$.model_type", Nearest = nearest };
    }

    /// <summary>The type of the most similar name, else the first that does the task.</summary>
    private static string? Nearest(string modelType, ImmutableArray<string> architectures)
    {
        var similar = Families.Select(f => f.ModelType).Where(t => Distance(t, modelType) <= Math.Max(2, modelType.Length / 3)).MinBy(t => Distance(t, modelType));
        var task = architectures.Select(ModelTask.OfClass).FirstOrDefault(t => t is not null);
        return similar ?? Families.FirstOrDefault(f => task is not null && f.Tasks.Contains(task.Name))?.ModelType;
    }

    /// <summary>Levenshtein's distance.</summary>
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[^1];
    }
}
