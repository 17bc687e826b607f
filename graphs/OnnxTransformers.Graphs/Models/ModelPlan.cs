using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using OnnxTransformers.Graphs.Heads;

namespace OnnxTransformers.Graphs.Models;

/// <summary>What is asked of a checkpoint.</summary>
public sealed record PlanRequest
{
    /// <summary>The task, or null for the one that the checkpoint was made for.</summary>
    public string? Task { get; init; }

    /// <summary>What follows the network in a sentence-transformers package, in order; empty for other checkpoints. They are built where the task takes them.</summary>
    public ImmutableArray<SentenceModule> SentenceModules { get; init; } = [];
}

/// <summary>A configuration key that is there and changes nothing.</summary>
/// <param name="Key">Its JSON path.</param>
/// <param name="Reason">Why it changes nothing.</param>
public sealed record IgnoredKey(string Key, string Reason);

/// <summary>A stored tensor that no graph takes.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Reason">Why it is left out.</param>
public sealed record UnusedTensor(string Name, string Reason);

/// <summary>A task and how it is built.</summary>
/// <param name="Task">Its name.</param>
/// <param name="Graph">The family's task whose graph serves it.</param>
/// <param name="TakesModules">Whether the modules of a sentence-transformers package follow.</param>
internal sealed record TaskChoice(string Task, string Graph, bool TakesModules);

/// <summary>A checkpoint that is supported: its family, the task, and everything that is needed to build its graphs any number of times.</summary>
public sealed class ModelPlan
{
    private readonly IReadOnlyDictionary<string, TensorInfo> _tensors;
    private readonly ModelFamily.BuildTask _build;
    private readonly TaskChoice _choice;
    private readonly ImmutableArray<SentenceModule> _modules;
    private readonly ImmutableArray<(string Key, long Number)> _numbers;
    private readonly string _basePath;

    internal ModelPlan(ModelFamily family, TaskChoice choice, ImmutableArray<SentenceModule> modules, ModelFamily.BuildTask build, IReadOnlyDictionary<string, TensorInfo> tensors, ConfigReader config,
        ImmutableArray<IgnoredKey> ignoredKeys)
    {
        (Family, _choice, _modules, _build, _tensors, IgnoredKeys) = (family, choice, modules, build, tensors, ignoredKeys);
        _numbers = [.. config.Element.EnumerateObject().Where(p => p.Value.ValueKind == JsonValueKind.Number && GenericKeys.ReasonOf(p.Name) is null && p.Value.TryGetInt64(out var n) && n > 1).Select(p => (p.Name, p.Value.GetInt64()))];
        _basePath = family.BasePrefixes.FirstOrDefault(prefix => tensors.Keys.Any(n => n.StartsWith(prefix + ".", StringComparison.Ordinal)), "");
    }

    /// <summary>The family of the model type.</summary>
    public ModelFamily Family { get; }

    /// <summary>The task that was asked for or found.</summary>
    public string Task => _choice.Task;

    /// <summary>What holds for its graphs.</summary>
    public NetworkTraits Traits => Family.TraitsOf(_choice.Graph);

    /// <summary>Configuration keys that are there and change nothing.</summary>
    public ImmutableArray<IgnoredKey> IgnoredKeys { get; }

    /// <summary>Builds the task's graphs.</summary>
    /// <exception cref="CorruptCheckpointException">Tensors are missing, have other shapes than the configuration leads to, or belong to the network and have no place in it.</exception>
    public IReadOnlyList<Graph> Build(BuildOptions options)
    {
        var graphs = _build(new(_choice.Graph, name => new Graph(name, _tensors, options) { ConfigNumbers = _numbers }, _basePath, Finish));
        var problems = graphs.SelectMany(g => g.Problems).Distinct().Concat(Unexpected(graphs)).ToList();
        return problems.Count == 0 ? graphs : throw new CorruptCheckpointException($"building {Family.ModelType} for {Task} from the checkpoint's tensors", problems);
    }

    /// <summary>Stored tensors that the graphs don't take: heads of other tasks and what the family leaves out.</summary>
    public ImmutableArray<UnusedTensor> UnusedTensors(IReadOnlyList<Graph> graphs) => [.. Unused(graphs).Select(n => new UnusedTensor(n, ReasonOf(n, graphs) ?? "of another head"))];

    /// <summary>What a graph's file says of itself besides the graph: the model type, the task, and what a runtime has to know to batch rows.</summary>
    public IEnumerable<KeyValuePair<string, string>> Metadata(Graph graph)
    {
        yield return new("model_type", Family.ModelType);
        yield return new("task", Task);
        foreach (var pair in (Traits with { MaxTokens = graph.MaxTokens, ImageSize = graph.ImageSize, EndOfText = graph.EndOfText, SwitchesAt = graph.SwitchesAt }).Metadata) yield return pair;
        if (graph.SharesCache) yield return new("past_present_share_buffer", "true");
        if (graph.PackedLayers.Count > 0) yield return new("packed_cache_layers", string.Join(',', graph.PackedLayers.Select(l => l.ToString(CultureInfo.InvariantCulture))));
    }

    private void Finish(Graph graph, GraphOutputs outputs)
    {
        if (_choice.TakesModules) outputs = SentenceEmbedding.Apply(graph, outputs, _modules);
        foreach (var (name, value) in outputs) graph.Output(name, value, asComputed: name.StartsWith("present", StringComparison.Ordinal));
    }

    private IEnumerable<string> Unused(IReadOnlyList<Graph> graphs) => _tensors.Keys.Where(n => !graphs.Any(g => g.UsedTensors.Contains(n))).Order(StringComparer.Ordinal);

    /// <summary>A tensor of the network that no graph takes means that the network is not what the configuration says.</summary>
    private IEnumerable<Problem> Unexpected(IReadOnlyList<Graph> graphs) => Unused(graphs).Where(n => IsOfNetwork(n) && ReasonOf(n, graphs) is null)
        .Select(n => new Problem(n, $"a tensor {_tensors[n].ShapeText} that {Family.ModelType} has no place for", "tensors of the network that config.json describes", "check that config.json belongs to these weights"));

    private bool IsOfNetwork(string name) => _basePath.Length == 0 || IsBelow(name, _basePath);

    private string? ReasonOf(string name, IReadOnlyList<Graph> graphs)
    {
        if (_modules.Any(m => m.Place is { } place && IsBelow(name, place))) return "of a sentence-transformers module that the task does not take";
        var below = _basePath.Length > 0 && IsBelow(name, _basePath) ? name[(_basePath.Length + 1)..] : name;
        return (Family.Skipped.FirstOrDefault(s => s.Holds(below)) ?? graphs.SelectMany(g => g.LeftOut).FirstOrDefault(s => s.Holds(name)))?.Reason;
    }

    private static bool IsBelow(string name, string path) => name.StartsWith(path + ".", StringComparison.Ordinal);
}
