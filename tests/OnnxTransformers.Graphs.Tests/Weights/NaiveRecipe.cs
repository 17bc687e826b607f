using System.Collections.Immutable;

namespace OnnxTransformers.Graphs.Weights;

/// <summary>What recipes mean, element by element, as slowly and plainly as can be.</summary>
internal static class NaiveRecipe
{
    /// <summary>The elements of a recipe's result in order, each as its bytes.</summary>
    internal static byte[][] Elements(Recipe recipe, MemorySource source) => recipe switch
    {
        Recipe.Stored s => [.. source.Bytes(s.Tensor.Name).Chunk(Math.Max(1, s.Type.Bits() / 8))],
        Recipe.Reshaped r => Elements(r.Of, source),
        Recipe.Transposed t => Pick(t.Shape, t.Of, source, index =>
        {
            var from = new long[index.Length];
            for (var i = 0; i < index.Length; i++) from[t.Permutation[i]] = index[i];
            return from;
        }),
        Recipe.Sliced s => Pick(s.Shape, s.Of, source, index =>
        {
            var from = (long[])index.Clone();
            from[s.Axis] += s.Start;
            return from;
        }),
        Recipe.Concatenated c => Join(c, source),
        Recipe.Converted c => [.. Elements(c.Of, source).Select(e => NaiveFloat.Write(c.To, NaiveFloat.Read(c.Of.Type, e)))],
        Recipe.Scaled s => [.. Elements(s.Of, source).Select(e => NaiveFloat.Write(s.Type, NaiveFloat.Read(s.Type, e) * s.Factor))],
        _ => throw new InvalidOperationException(),
    };

    internal static byte[] Bytes(Recipe recipe, MemorySource source) => [.. Elements(recipe, source).SelectMany(e => e)];

    private static byte[][] Pick(ImmutableArray<long> shape, Recipe of, MemorySource source, Func<long[], long[]> from)
    {
        var elements = Elements(of, source);
        return [.. Indices(shape).Select(index => elements[Linear(from(index), of.Shape)])];
    }

    private static byte[][] Join(Recipe.Concatenated c, MemorySource source)
    {
        var parts = c.Parts.Select(p => Elements(p, source)).ToArray();
        return [.. Indices(c.Shape).Select(index =>
        {
            var (part, at) = (0, (long[])index.Clone());
            while (at[c.Axis] >= c.Parts[part].Shape[c.Axis]) at[c.Axis] -= c.Parts[part++].Shape[c.Axis];
            return parts[part][Linear(at, c.Parts[part].Shape)];
        })];
    }

    private static IEnumerable<long[]> Indices(ImmutableArray<long> shape)
    {
        var count = shape.Aggregate(1L, (n, d) => n * d);
        for (var i = 0L; i < count; i++)
        {
            var (index, rest) = (new long[shape.Length], i);
            for (var d = shape.Length - 1; d >= 0; d--) (index[d], rest) = (rest % shape[d], rest / shape[d]);
            yield return index;
        }
    }

    private static long Linear(long[] index, ImmutableArray<long> shape)
    {
        var linear = 0L;
        for (var d = 0; d < index.Length; d++) linear = linear * shape[d] + index[d];
        return linear;
    }
}
