using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;

namespace OnnxTransformers.Graphs.Models;

/// <summary>What is asked of a checkpoint.</summary>
public sealed record PlanRequest
{
    /// <summary>The task, or null for the one that the checkpoint was made for.</summary>
    public string? Task { get; init; }

    /// <summary>What follows the network in a sentence-transformers package, in order; empty for other checkpoints.</summary>
    public ImmutableArray<SentenceModule> SentenceModules { get; init; } = [];
}

/// <summary>A checkpoint that is supported: its family, the task, and everything that is needed to build its graphs any number of times.</summary>
public sealed class ModelPlan
{
    private readonly IReadOnlyDictionary<string, TensorInfo> _tensors;
    private readonly ModelFamily.BuildTask _build;
    private readonly ImmutableArray<SentenceModule> _sentence;
    private readonly string _graphTask;
    private readonly string _basePath;

    internal ModelPlan(ModelFamily family, string task, string graphTask, ModelFamily.BuildTask build, IReadOnlyDictionary<string, TensorInfo> tensors, ImmutableArray<SentenceModule> sentence, ImmutableArray<string> ignoredKeys)
    {
        (Family, Task, _graphTask, _build, _tensors, _sentence, IgnoredKeys) = (family, task, graphTask, build, tensors, sentence, ignoredKeys);
        _basePath = tensors.Keys.Any(n => n.StartsWith(family.BasePrefix + ".", StringComparison.Ordinal)) ? family.BasePrefix : "";
    }

    /// <summary>The family of the model type.</summary>
    public ModelFamily Family { get; }

    /// <summary>The task that was asked for or found.</summary>
    public string Task { get; }

    /// <summary>JSON paths of configuration keys that are there and change nothing.</summary>
    public ImmutableArray<string> IgnoredKeys { get; }

    /// <summary>Builds the task's graphs.</summary>
    /// <exception cref="CorruptCheckpointException">Tensors are missing, have other shapes than the configuration leads to, or belong to the network and have no place in it.</exception>
    public IReadOnlyList<Graph> Build(BuildOptions options)
    {
        var graphs = _build(_graphTask, name => new Graph(name, _tensors, options), _basePath, Finish);
        var problems = graphs.SelectMany(g => g.Problems).Distinct().Concat(Unexpected(graphs)).ToList();
        return problems.Count == 0 ? graphs : throw new CorruptCheckpointException($"building {Family.ModelType} for {Task} from the checkpoint's tensors", problems);
    }

    /// <summary>Stored tensors that the graphs don't take: heads of other tasks and what the family leaves out.</summary>
    public ImmutableArray<string> UnusedTensors(IReadOnlyList<Graph> graphs) => [.. Unused(graphs).Order(StringComparer.Ordinal)];

    private void Finish(Graph graph, GraphOutputs outputs)
    {
        if (_sentence.Length > 0) outputs = SentenceEmbedding.Apply(graph, outputs, _sentence);
        foreach (var (name, value) in outputs) graph.Output(name, value);
    }

    private IEnumerable<string> Unused(IReadOnlyList<Graph> graphs) => _tensors.Keys.Where(n => !graphs.Any(g => g.UsedTensors.Contains(n)));

    /// <summary>A tensor of the network that no graph takes means that the network is not what the configuration says.</summary>
    private IEnumerable<Problem> Unexpected(IReadOnlyList<Graph> graphs)
    {
        var prefix = _basePath.Length == 0 ? "" : _basePath + ".";
        return Unused(graphs).Where(n => n.StartsWith(prefix, StringComparison.Ordinal) && !Family.Skipped.Any(s => n.Contains(s.Text, StringComparison.Ordinal))).Order(StringComparer.Ordinal)
            .Select(n => new Problem(n, $"a tensor {_tensors[n].ShapeText} that {Family.ModelType} has no place for", "tensors of the network that config.json describes", "check that config.json belongs to these weights"));
    }
}
