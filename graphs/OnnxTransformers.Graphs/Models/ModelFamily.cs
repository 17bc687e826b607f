using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;

namespace OnnxTransformers.Graphs.Models;

/// <summary>One graph of a task: its file's name and how the network of type <typeparamref name="TModel"/> makes its outputs.</summary>
internal sealed record GraphPart<TModel>(string Name, Func<TModel, GraphOutputs> Build);

/// <summary>A task that a family can do, and its graphs. Most tasks have one, called "model".</summary>
internal sealed record TaskGraphs<TModel>(string Task, params ImmutableArray<GraphPart<TModel>> Parts)
{
    internal TaskGraphs(string task, Func<TModel, GraphOutputs> build) : this(task, new GraphPart<TModel>("model", build)) { }

    /// <summary>What holds for these graphs, where it is not what holds for the family's others.</summary>
    internal NetworkTraits? Traits { get; init; }
}

/// <summary>What a task's graphs are built with.</summary>
/// <param name="Task">The family's task.</param>
/// <param name="NewGraph">Begins the graph of a name.</param>
/// <param name="BasePath">The network's place in the checkpoint; empty where that is the network alone.</param>
/// <param name="Finish">Makes the outputs of a graph its own.</param>
internal sealed record BuildContext(string Task, Func<string, Graph> NewGraph, string BasePath, Action<Graph, GraphOutputs> Finish);

/// <summary>Stored tensors that a graph of the family may leave out.</summary>
/// <param name="Path">A tensor or a module below the network, as "pooler"; with a dot in front, the end of a tensor's name, as ".attn.bias".</param>
/// <param name="Reason">Why they are left out.</param>
internal sealed record SkippedTensors(string Path, string Reason)
{
    /// <summary>What BERT's relatives stored in older versions.</summary>
    internal static readonly SkippedTensors Positions = new("embeddings.position_ids", "a buffer of consecutive numbers");

    /// <summary>The reference stores it whatever the kind of positions.</summary>
    internal static readonly SkippedTensors UnreadPositions = new("embeddings.position_embeddings", "vectors of positions, which relative ones do not read");

    /// <summary>What batch normalization counts while it learns.</summary>
    internal static readonly SkippedTensors BatchCounts = new(".num_batches_tracked", "how many batches were seen in training");

    /// <summary>What only some of the tasks read.</summary>
    internal static readonly SkippedTensors MaskToken = new("embeddings.mask_token", "what stands for hidden patches, which the task does not hide");

    /// <summary>What only some of the tasks read.</summary>
    internal static readonly SkippedTensors Pooler = new("pooler", "the pooler, which the task does not read");

    /// <summary>True for a tensor that is meant.</summary>
    /// <param name="name">Its name below the network.</param>
    internal bool Holds(string name) => Path[0] == '.' ? $".{name}".EndsWith(Path, StringComparison.Ordinal) : name == Path || name.StartsWith(Path.TrimEnd('.') + ".", StringComparison.Ordinal);
}

/// <summary>A model type of the reference: how its configuration is read, how its network is built, and what tasks it can do.</summary>
public sealed class ModelFamily
{
    private readonly Func<ConfigReader, BuildTask> _read;

    private readonly ImmutableArray<NetworkTraits?> _traits;

    private ModelFamily(string modelType, ImmutableArray<string> basePrefixes, ImmutableArray<string> tasks, ImmutableArray<NetworkTraits?> traits, ImmutableArray<SkippedTensors> skipped, Func<ConfigReader, BuildTask> read) =>
        (ModelType, BasePrefixes, Tasks, _traits, Skipped, _read) = (modelType, basePrefixes, tasks, traits, skipped, read);

    /// <summary>Builds the graphs of one task from a parsed configuration.</summary>
    internal delegate IReadOnlyList<Graph> BuildTask(BuildContext context);

    /// <summary>The <c>model_type</c> in config.json.</summary>
    public string ModelType { get; }

    /// <summary>The attributes under which classes with a head keep the network, as "bert": most have one. A checkpoint of the network alone has none of them in its names.</summary>
    public ImmutableArray<string> BasePrefixes { get; }

    /// <summary>Names of the tasks that it has graphs for.</summary>
    public ImmutableArray<string> Tasks { get; }

    /// <summary>True for causal language models.</summary>
    public bool IsCausal { get; private init; }

    /// <summary>True for the decoder of a type that is an encoder otherwise: config.json says is_decoder.</summary>
    internal bool IsDecoder { get; private init; }

    /// <summary>What holds for its networks, where a task does not say otherwise.</summary>
    internal NetworkTraits Traits { get; private init; } = NetworkTraits.Default;

    internal ImmutableArray<SkippedTensors> Skipped { get; }

    /// <summary>What holds for the graphs of a task.</summary>
    internal NetworkTraits TraitsOf(string task) => _traits[Tasks.IndexOf(task)] ?? Traits;

    /// <summary>Reads a configuration; what is wrong with it stays in the reader.</summary>
    internal BuildTask Read(ConfigReader json) => _read(json);

    /// <summary>Declares a family.</summary>
    /// <param name="modelType">The <c>model_type</c>.</param>
    /// <param name="basePrefix">The attribute of the network in classes with a head.</param>
    /// <param name="read">Reads the configuration.</param>
    /// <param name="create">Makes the network at a module of a graph.</param>
    /// <param name="skipped">Stored tensors that a graph may leave out.</param>
    /// <param name="tasks">The tasks.</param>
    internal static ModelFamily Of<TConfig, TModel>(string modelType, string basePrefix, Func<ConfigReader, TConfig> read, Func<TConfig, Module, TModel> create, ImmutableArray<SkippedTensors> skipped,
        params ImmutableArray<TaskGraphs<TModel>> tasks) => Of(modelType, [basePrefix], read, create, skipped, tasks);

    /// <summary>Declares a family whose classes keep the network under different attributes.</summary>
    internal static ModelFamily Of<TConfig, TModel>(string modelType, ImmutableArray<string> basePrefixes, Func<ConfigReader, TConfig> read, Func<TConfig, Module, TModel> create, ImmutableArray<SkippedTensors> skipped,
        params ImmutableArray<TaskGraphs<TModel>> tasks) => new(modelType, basePrefixes, [.. tasks.Select(t => t.Task)], [.. tasks.Select(t => t.Traits)], skipped, json =>
    {
        var config = read(json);
        return context => [.. tasks.Single(t => t.Task == context.Task).Parts.Select(part =>
        {
            var graph = context.NewGraph(part.Name);
            context.Finish(graph, part.Build(create(config, new Module(graph, context.BasePath))));
            return graph;
        })];
    });

    /// <summary>The same network under another model type: a row of the table.</summary>
    internal ModelFamily As(string modelType) => Copy(modelType, IsCausal, IsDecoder, Traits);

    /// <summary>The family as one of causal language models.</summary>
    internal ModelFamily Causal() => Copy(ModelType, causal: true, IsDecoder, Traits);

    /// <summary>The family as the decoders of a type that is an encoder otherwise.</summary>
    internal ModelFamily Decoder() => Copy(ModelType, IsCausal, decoder: true, Traits);

    /// <summary>The family as one whose networks have these traits.</summary>
    internal ModelFamily With(NetworkTraits traits) => Copy(ModelType, IsCausal, IsDecoder, traits);

    /// <summary>The same, where what the graph of one task promises is other.</summary>
    internal ModelFamily With(string task, NetworkTraits traits) => new(ModelType, BasePrefixes, Tasks, _traits.SetItem(Tasks.IndexOf(task), traits), Skipped, _read) { IsCausal = IsCausal, IsDecoder = IsDecoder, Traits = Traits };

    private ModelFamily Copy(string modelType, bool causal, bool decoder, NetworkTraits traits) => new(modelType, BasePrefixes, Tasks, _traits, Skipped, _read) { IsCausal = causal, IsDecoder = decoder, Traits = traits };
}
