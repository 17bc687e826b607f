using System.Collections.Immutable;
using System.Numerics.Tensors;

namespace OnnxTransformers;

/// <summary>How near two embeddings are. Greater is nearer for all of them.</summary>
public enum SimilarityFunction
{
    /// <summary>The cosine of the angle between them.</summary>
    Cosine,
    /// <summary>Their inner product.</summary>
    Dot,
    /// <summary>Their distance, negated.</summary>
    Euclidean,
    /// <summary>The sum of the differences of their numbers, negated.</summary>
    Manhattan,
}

/// <summary>The functions and the names that the reference's configuration has for them. Reference: sentence-transformers, similarity_functions.py.</summary>
internal static class Similarities
{
    internal static ImmutableArray<(string Text, SimilarityFunction Value)> Names { get; } =
        [("cosine", SimilarityFunction.Cosine), ("dot", SimilarityFunction.Dot), ("euclidean", SimilarityFunction.Euclidean), ("manhattan", SimilarityFunction.Manhattan)];

    internal static float Of(SimilarityFunction function, ReadOnlySpan<float> a, ReadOnlySpan<float> b) => function switch
    {
        SimilarityFunction.Cosine => TensorPrimitives.Dot(a, b) / (Norm(a) * Norm(b)),
        SimilarityFunction.Dot => TensorPrimitives.Dot(a, b),
        SimilarityFunction.Euclidean => -TensorPrimitives.Distance(a, b),
        _ => -Manhattan(a, b),
    };

    /// <summary>Divides by the norm, as torch does: by 1e-12 at least.</summary>
    internal static void Normalize(Span<float> vector) => TensorPrimitives.Divide(vector, Norm(vector), vector);

    private static float Norm(ReadOnlySpan<float> vector) => MathF.Max(TensorPrimitives.Norm(vector), 1e-12f);

    private static float Manhattan(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var sum = 0f;
        for (var i = 0; i < a.Length; i++) sum += MathF.Abs(a[i] - b[i]);
        return sum;
    }
}
