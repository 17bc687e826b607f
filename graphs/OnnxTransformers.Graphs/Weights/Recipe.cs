using System.Collections.Immutable;

namespace OnnxTransformers.Graphs.Weights;

/// <summary>How an initializer is made from stored tensors: a name and what is done to it, never the numbers. Shapes and types are known at once; bytes are read when the model is written.</summary>
/// <param name="Type">Element type of the result.</param>
/// <param name="Shape">Dimensions of the result.</param>
public abstract partial record Recipe(ElementType Type, ImmutableArray<long> Shape)
{
    /// <summary>Elements of the result.</summary>
    public long Count => Shape.Aggregate(1L, (a, b) => checked(a * b));

    /// <summary>Bytes of the result.</summary>
    public long Bytes => Type.Bytes(Count);

    /// <summary>The stored tensors it reads, in the order in which they are read.</summary>
    public abstract IEnumerable<TensorInfo> Sources { get; }

    /// <summary>The recipe in words, as "transpose(1, 0) of pooler.dense.weight": equal for equal recipes.</summary>
    public abstract string Description { get; }

    /// <summary>A stored tensor as it is.</summary>
    public sealed record Stored(TensorInfo Tensor) : Recipe(Tensor.Type, Tensor.Shape)
    {
        /// <inheritdoc/>
        public override IEnumerable<TensorInfo> Sources => [Tensor];

        /// <inheritdoc/>
        public override string Description => Tensor.Name;
    }

    /// <summary>Axes in another order: result axis i is axis <paramref name="Permutation"/>[i] of <paramref name="Of"/>.</summary>
    public sealed record Transposed(Recipe Of, ImmutableArray<int> Permutation) : Recipe(Of.Type, [.. Permutation.Select(i => Of.Shape[i])])
    {
        /// <inheritdoc/>
        public override IEnumerable<TensorInfo> Sources => Of.Sources;

        /// <inheritdoc/>
        public override string Description => $"transpose({string.Join(", ", Permutation)}) of {Of.Description}";
    }

    /// <summary>The entries <paramref name="Start"/> to <paramref name="Start"/> + <paramref name="Length"/> along one axis.</summary>
    public sealed record Sliced(Recipe Of, int Axis, long Start, long Length) : Recipe(Of.Type, Of.Shape.SetItem(Axis, Length))
    {
        /// <inheritdoc/>
        public override IEnumerable<TensorInfo> Sources => Of.Sources;

        /// <inheritdoc/>
        public override string Description => $"slice({Axis}, {Start}, {Length}) of {Of.Description}";
    }

    /// <summary>Several tensors, one after the other along one axis.</summary>
    public sealed record Concatenated(ImmutableArray<Recipe> Parts, int Axis) : Recipe(Parts[0].Type, Parts[0].Shape.SetItem(Axis, Parts.Sum(p => p.Shape[Axis])))
    {
        /// <inheritdoc/>
        public override IEnumerable<TensorInfo> Sources => Parts.SelectMany(p => p.Sources);

        /// <inheritdoc/>
        public override string Description => $"concatenate({Axis}) of ({string.Join(", ", Parts.Select(p => p.Description))})";
    }

    /// <summary>The same elements in the same order under another shape.</summary>
    public sealed record Reshaped(Recipe Of, ImmutableArray<long> To) : Recipe(Of.Type, To)
    {
        /// <inheritdoc/>
        public override IEnumerable<TensorInfo> Sources => Of.Sources;

        /// <inheritdoc/>
        public override string Description => $"reshape({string.Join(", ", To)}) of {Of.Description}";
    }

    /// <summary>Elements converted to another floating type, to the nearest even; what is too large for float16 becomes infinite and is refused by the writer.</summary>
    public sealed record Converted(Recipe Of, ElementType To) : Recipe(To, Of.Shape)
    {
        /// <inheritdoc/>
        public override IEnumerable<TensorInfo> Sources => Of.Sources;

        /// <inheritdoc/>
        public override string Description => $"convert({To}) of {Of.Description}";
    }

    /// <summary>float32 from blocks of 32 four-bit floats, two a byte, the first in the lower half, [..., n, 16], each times two to the power of its scale less 127, [..., n] (OCP Microscaling 1.0, MXFP4).</summary>
    public sealed record Mxfp4(Recipe Blocks, Recipe Scales) : Recipe(ElementType.Float, [.. Blocks.Shape[..^2], Blocks.Shape[^2] * 32])
    {
        /// <inheritdoc/>
        public override IEnumerable<TensorInfo> Sources => Blocks.Sources.Concat(Scales.Sources);

        /// <inheritdoc/>
        public override string Description => $"mxfp4 of {Blocks.Description} and {Scales.Description}";
    }

    /// <summary>Floating elements times a constant, computed in double and rounded to the type.</summary>
    public sealed record Scaled(Recipe Of, double Factor) : Recipe(Of.Type, Of.Shape)
    {
        /// <inheritdoc/>
        public override IEnumerable<TensorInfo> Sources => Of.Sources;

        /// <inheritdoc/>
        public override string Description => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"scale({Factor:R}) of {Of.Description}");
    }
}

/// <summary>An initializer of a graph and the recipe that makes it.</summary>
/// <param name="Name">Its name in the graph: the checkpoint's own name.</param>
/// <param name="Recipe">How its bytes are made.</param>
public sealed record WeightInitializer(string Name, Recipe Recipe);
