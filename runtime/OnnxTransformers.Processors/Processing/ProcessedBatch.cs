using System.Collections.Immutable;

namespace OnnxTransformers.Processors;

/// <summary>What a processor makes of a batch: the model's inputs by name, and texts that are still to be tokenized.</summary>
/// <param name="Tensors">As "pixel_values" or "pixel_mask"; entries of lists are named "images.0.0".</param>
public sealed record ProcessedBatch(ImmutableDictionary<string, ProcessedTensor> Tensors)
{
    /// <summary>Texts that belong to the batch, as OneFormer's "task_inputs".</summary>
    public ImmutableDictionary<string, ImmutableArray<string>> Texts { get; init; } = ImmutableDictionary<string, ImmutableArray<string>>.Empty;

    /// <summary>A tensor by name.</summary>
    public ProcessedTensor this[string name] => Tensors[name];

    internal static ProcessedBatch Of(params ReadOnlySpan<(string Name, ProcessedTensor Tensor)> tensors)
    {
        var result = ImmutableDictionary.CreateBuilder<string, ProcessedTensor>(StringComparer.Ordinal);
        foreach (var (name, tensor) in tensors) result.Add(name, tensor);
        return new ProcessedBatch(result.ToImmutable());
    }

    internal ProcessedBatch With(string name, ProcessedTensor tensor) => this with { Tensors = Tensors.Add(name, tensor) };
}
