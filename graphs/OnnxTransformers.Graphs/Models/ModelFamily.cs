using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;

namespace OnnxTransformers.Graphs.Models;

/// <summary>One graph of a task: its file's name and how the network of type <typeparamref name="TModel"/> makes its outputs.</summary>
internal sealed record GraphPart<TModel>(string Name, Func<TModel, GraphOutputs> Build);

/// <summary>A task that a family can do, and its graphs. Most tasks have one, called "model".</summary>
internal sealed record TaskGraphs<TModel>(string Task, params ImmutableArray<GraphPart<TModel>> Parts)
{
    internal TaskGraphs(string task, Func<TModel, GraphOutputs> build) : this(task, new GraphPart<TModel>("model", build)) { }
}

/// <summary>Stored tensors that a graph of the family may leave out, and why. A name matches where it ends with, or holds, the text.</summary>
internal sealed record SkippedTensors(string Text, string Reason);

/// <summary>A model type of the reference: how its configuration is read, how its network is built, and what tasks it can do.</summary>
public sealed class ModelFamily
{
    private readonly Func<ConfigReader, BuildTask> _read;

    private ModelFamily(string modelType, string basePrefix, ImmutableArray<string> tasks, ImmutableArray<SkippedTensors> skipped, Func<ConfigReader, BuildTask> read) =>
        (ModelType, BasePrefix, Tasks, Skipped, _read) = (modelType, basePrefix, tasks, skipped, read);

    /// <summary>Builds the graphs of one task from a parsed configuration.</summary>
    internal delegate IReadOnlyList<Graph> BuildTask(string task, Func<string, Graph> newGraph, string basePath, Action<Graph, GraphOutputs> finish);

    /// <summary>The <c>model_type</c> in config.json.</summary>
    public string ModelType { get; }

    /// <summary>The attribute under which classes with a head keep the network, as "bert".</summary>
    public string BasePrefix { get; }

    /// <summary>Names of the tasks that it has graphs for.</summary>
    public ImmutableArray<string> Tasks { get; }

    internal ImmutableArray<SkippedTensors> Skipped { get; }

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
        params ImmutableArray<TaskGraphs<TModel>> tasks) => new(modelType, basePrefix, [.. tasks.Select(t => t.Task)], skipped, json =>
    {
        var config = read(json);
        return (task, newGraph, basePath, finish) => [.. tasks.Single(t => t.Task == task).Parts.Select(part =>
        {
            var graph = newGraph(part.Name);
            finish(graph, part.Build(create(config, new Module(graph, basePath))));
            return graph;
        })];
    });

    /// <summary>The same network under another model type: a row of the table.</summary>
    internal ModelFamily As(string modelType) => new(modelType, BasePrefix, Tasks, Skipped, _read);
}
