using System.Collections.Immutable;
using OnnxTransformers.Graphs.Onnx;

namespace OnnxTransformers.Converters;

/// <summary>Tensors of one element type.</summary>
/// <param name="Type">The type.</param>
/// <param name="Tensors">How many tensors.</param>
/// <param name="Elements">How many elements, all together.</param>
/// <param name="Bytes">Their bytes.</param>
public sealed record TensorTotal(ElementType Type, int Tensors, long Elements, long Bytes);

/// <summary>What a checkpoint or a package says of its model.</summary>
/// <param name="Folder">The full path.</param>
/// <param name="ModelType">The <c>model_type</c>, or null.</param>
/// <param name="Architectures">The classes of the reference.</param>
public abstract record InspectedModel(string Folder, string? ModelType, ImmutableArray<string> Architectures);

/// <summary>A checkpoint, looked at without reading its weights.</summary>
/// <param name="Folder">The full path.</param>
/// <param name="ModelType">The <c>model_type</c>, or null.</param>
/// <param name="Architectures">The classes of the reference.</param>
/// <param name="Format">How it is stored: safetensors or torch.</param>
/// <param name="WeightFiles">Number of weight files.</param>
/// <param name="Totals">Its tensors by element type.</param>
/// <param name="Task">The task that it would be exported for; null where it can't be exported as it is.</param>
/// <param name="Tasks">The tasks that its family has graphs for; empty where the family is not supported.</param>
/// <param name="Refusal">Why it can't be exported as it is; null where it can.</param>
public sealed record InspectedCheckpoint(string Folder, string? ModelType, ImmutableArray<string> Architectures, string Format, int WeightFiles, ImmutableArray<TensorTotal> Totals, string? Task,
    ImmutableArray<string> Tasks, string? Refusal) : InspectedModel(Folder, ModelType, Architectures);

/// <summary>A graph of a package.</summary>
/// <param name="File">Its file within the package.</param>
/// <param name="Producer">Who made it.</param>
/// <param name="Opsets">Operator sets, as "ai.onnx 21".</param>
/// <param name="Nodes">Number of operators.</param>
/// <param name="Totals">Its stored tensors by element type.</param>
/// <param name="Inputs">What it takes.</param>
/// <param name="Outputs">What it gives.</param>
public sealed record InspectedGraph(string File, string Producer, ImmutableArray<string> Opsets, int Nodes, ImmutableArray<TensorTotal> Totals, ImmutableArray<OnnxValue> Inputs, ImmutableArray<OnnxValue> Outputs);

/// <summary>A package of ONNX graphs, whoever made it.</summary>
/// <param name="Folder">The full path.</param>
/// <param name="ModelType">The <c>model_type</c>, or null.</param>
/// <param name="Architectures">The classes of the reference.</param>
/// <param name="Task">The task that the receipt names, or that the modules or the architecture imply; null where nothing says it.</param>
/// <param name="Tasks">The tasks that have a pipeline for its graph, that one among them.</param>
/// <param name="Graphs">The graphs.</param>
public sealed record InspectedPackage(string Folder, string? ModelType, ImmutableArray<string> Architectures, string? Task, ImmutableArray<string> Tasks, ImmutableArray<InspectedGraph> Graphs)
    : InspectedModel(Folder, ModelType, Architectures);
