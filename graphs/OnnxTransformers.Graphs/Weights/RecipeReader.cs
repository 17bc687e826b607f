namespace OnnxTransformers.Graphs.Weights;

/// <summary>Makes the bytes of recipes, as the writer does, for those who want to look at them. Not thread-safe.</summary>
/// <param name="source">Where the stored tensors are.</param>
public sealed unsafe class RecipeReader(ITensorSource source) : IDisposable
{
    private readonly StoredBytes _stored = new(source);

    /// <summary>The bytes of a recipe's result: row-major, little-endian.</summary>
    /// <param name="weight">Its name, for messages, and its recipe.</param>
    /// <exception cref="UnsupportedCheckpointException">A value becomes infinite by a conversion, a conversion is unknown, or elements smaller than a byte would have to be moved.</exception>
    /// <exception cref="CorruptCheckpointException">A file ends too early.</exception>
    public byte[] Read(WeightInitializer weight)
    {
        var bytes = GC.AllocateUninitializedArray<byte>(checked((int)weight.Recipe.Bytes));
        Read(weight, bytes);
        return bytes;
    }

    /// <summary>Writes the bytes of a recipe's result into memory of exactly that size.</summary>
    /// <inheritdoc cref="Read(WeightInitializer)"/>
    public void Read(WeightInitializer weight, Span<byte> destination)
    {
        var plan = RecipePlan.Of(weight.Recipe, weight.Name);
        if (destination.Length != plan.Bytes) throw new ArgumentException($"{destination.Length} bytes for {plan.Bytes}", nameof(destination));
        using var reader = new PlanReader(_stored);
        fixed (byte* to = destination) reader.Fill(plan, weight.Name, to);
    }

    /// <summary>Where in a checkpoint's file the result stands as it is; null where it has to be made (an element moves or changes, or the checkpoint isn't a file of safetensors).</summary>
    public TensorLocation? Locate(WeightInitializer weight) => Locate(RecipePlan.Of(weight.Recipe, weight.Name), _stored);

    /// <inheritdoc/>
    public void Dispose() => _stored.Dispose();

    internal static TensorLocation? Locate(RecipePlan plan, StoredBytes stored)
    {
        if (plan.Copies is not [{ IsContiguous: true, Steps.Length: 0, Source: PlanSource.Stored { Tensor: var tensor } } copy]) return null;
        return stored.Locate(tensor) is { } file ? new TensorLocation(file.Path, file.Offset + copy.From * plan.ElementSize, plan.Bytes) : null;
    }
}
