namespace OnnxTransformers.Graphs.Weights;

internal sealed unsafe partial class PlanReader
{
    /// <summary>The parts of quantized matrices: as many rows each as the budget has room for with their numbers; null where the plan is no such matrix, nor a stack of them.</summary>
    private static IEnumerable<Piece>? RowBlocks(RecipePlan plan, long budget) =>
        plan.Copies.All(c => c is { Source: PlanSource.Quantized { Recipe: var recipe }, From: 0, Steps: [], Axes: [{ From: 1, To: 1 } axis] } && axis.Extent * plan.ElementSize == recipe.Bytes)
            ? plan.Copies.SelectMany(c => RowBlocks(plan, c, ((PlanSource.Quantized)c.Source).Recipe, budget)) : null;

    private static IEnumerable<Piece> RowBlocks(RecipePlan plan, Copy copy, Recipe.Quantized recipe, long budget)
    {
        var (rows, count) = (recipe.Of.Shape[0], copy.Count);
        // What has to be held anyway is made once.
        var most = RecipePlan.Of(recipe.Of, "").Copies.Any(c => c.Source.IsMade) ? rows : budget / (recipe.Of.Shape[1] * sizeof(float) + recipe.RowBits / 8);
        // Two rows fill whole bytes, whatever their length.
        most = Math.Max(2, most - most % 2);
        var unit = plan.ElementSize * 8;
        return Enumerable.Range(0, checked((int)((rows + most - 1) / most))).Select(i =>
        {
            var start = i * most * recipe.RowBits / unit;
            return new Piece(plan, copy, new Box([start], [Math.Min(count, ((i + 1) * most * recipe.RowBits + unit - 1) / unit) - start]));
        });
    }

    /// <param name="recipe">The part.</param>
    /// <param name="box">Which of its units.</param>
    /// <param name="elementSize">Bytes of a unit.</param>
    /// <param name="at">The byte of the result that the part begins at.</param>
    /// <param name="name">Of the result, for errors.</param>
    /// <param name="sink">What takes the bytes.</param>
    private void Quantize(Recipe.Quantized recipe, Box box, int elementSize, long at, string name, PieceSink sink)
    {
        var (start, bytes) = (box.Start[0] * elementSize, box.Extent[0] * elementSize);
        var first = start * 8 / recipe.RowBits;
        var rows = Math.Min(recipe.Of.Shape[0] - first, bytes * 8 / recipe.RowBits);
        using var to = new NativeBuffer();
        Quantize(recipe, first, rows, name, to.Get(bytes));
        for (var done = 0L; done < bytes; done += LargestWrite) sink(at + start + done, new ReadOnlySpan<byte>(to.Get(0) + done, (int)Math.Min(LargestWrite, bytes - done)));
    }

    private void FillQuantized(Recipe.Quantized recipe, string name, NativeBuffer target) => Quantize(recipe, 0, recipe.Of.Shape[0], name, target.Get(recipe.Bytes));

    private void Quantize(Recipe.Quantized recipe, long first, long rows, string name, byte* to)
    {
        var plan = RecipePlan.Of(rows == recipe.Of.Shape[0] ? recipe.Of : new Recipe.Sliced(recipe.Of, 0, first, rows), name);
        var numbers = _slab.Get(plan.Bytes);
        Fill(plan, name, numbers);
        var bad = BlockQuantizer.Make(recipe, (float*)numbers, rows, to);
        if (bad < 0) return;
        var row = first + bad / (recipe.Of.Shape[1] / BlockFormat.Size);
        var column = bad % (recipe.Of.Shape[1] / BlockFormat.Size) * BlockFormat.Size;
        throw new UnsupportedCheckpointException($"quantizing weights to {recipe.Format}",
            new Problem(recipe.Of.Sources.First().Name, $"row {row} has numbers from column {column} on that are not finite or too large", "finite numbers up to 1E+38", "mend the checkpoint: no network computes with such values"));
    }
}
