using System.Collections.Immutable;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs.Onnx;

/// <summary>A weight, the plan that makes it, and where it goes: into a data file (by its number), to a place in another file (<paramref name="Location"/>), or where both are null into the model's own file.</summary>
internal sealed record PlacedWeight(WeightInitializer Weight, RecipePlan Plan, int? File, string? Location, long Offset);

/// <summary>Which weight goes where: settled before a byte is written, from names, sizes and places alone.</summary>
internal sealed record WeightLayout(ImmutableArray<PlacedWeight> Weights, ImmutableArray<long> FileBytes)
{
    private const long Line = 64;
    private const long Page = 4096;
    private const long LargeTensor = 1L << 20;

    /// <summary>Lays weights out: those in linked files stay there, small ones go into the model, the others follow each other in the order in which they are stored.</summary>
    internal static WeightLayout Of(IReadOnlyList<WeightInitializer> weights, StoredBytes stored, OnnxWriteOptions options)
    {
        var placed = weights.Select(w => Link(w, RecipePlan.Of(w.Recipe, w.Name), stored, options)).ToArray();
        var own = Enumerable.Range(0, placed.Length).Where(i => placed[i].Location is null).ToArray();
        if (own.Sum(i => placed[i].Plan.Bytes) <= options.InlineModelBytes) return new([.. placed], []);

        var files = ImmutableArray.CreateBuilder<long>();
        foreach (var i in own.Where(i => placed[i].Plan.Bytes >= options.InlineTensorBytes).OrderBy(i => StoredPlace.Of(placed[i].Plan, stored)))
        {
            var bytes = placed[i].Plan.Bytes;
            var offset = files.Count == 0 ? 0 : Align(files[^1], bytes);
            if (files.Count == 0 || (files[^1] > 0 && offset + bytes > options.MaxDataFileBytes))
            {
                files.Add(0);
                offset = 0;
            }
            placed[i] = placed[i] with { File = files.Count - 1, Offset = offset };
            files[^1] = offset + bytes;
        }
        return new([.. placed], files.ToImmutable());
    }

    private static long Align(long offset, long bytes)
    {
        var unit = bytes > LargeTensor ? Page : Line;
        return (offset + unit - 1) / unit * unit;
    }

    private static PlacedWeight Link(WeightInitializer weight, RecipePlan plan, StoredBytes stored, OnnxWriteOptions options) =>
        options.LinkedFiles.Count > 0 && RecipeReader.Locate(plan, stored) is { } place && options.LinkedFiles.TryGetValue(place.Path, out var location)
            ? new(weight, plan, null, location, place.Offset)
            : new(weight, plan, null, null, 0);

    /// <summary>Where the first bytes of a weight are stored: by file name, so that a checkpoint gives the same model wherever its folder is; what has no place comes last, as it was given.</summary>
    private readonly record struct StoredPlace(string? Path, long Offset) : IComparable<StoredPlace>
    {
        internal static StoredPlace Of(RecipePlan plan, StoredBytes stored)
        {
            foreach (var copy in plan.Copies)
                if (copy.Source is PlanSource.Stored source && stored.Locate(source.Tensor) is { } place) return new(place.Path, place.Offset + copy.From * source.ElementSize);
            return default;
        }

        public int CompareTo(StoredPlace other)
        {
            if (Path is null || other.Path is null) return (Path is null).CompareTo(other.Path is null);
            var file = string.CompareOrdinal(System.IO.Path.GetFileName(Path), System.IO.Path.GetFileName(other.Path));
            if (file == 0) file = string.CompareOrdinal(Path, other.Path);
            return file != 0 ? file : Offset.CompareTo(other.Offset);
        }
    }
}
