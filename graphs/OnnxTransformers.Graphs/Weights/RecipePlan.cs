using System.Collections.Immutable;
using System.Diagnostics;

namespace OnnxTransformers.Graphs.Weights;

/// <summary>Extent of one loop of a copy and how far a step of it goes in the source and in the result, in elements.</summary>
internal sealed record Axis(long Extent, long From, long To);

/// <summary>Something done to each element, after those before it in the list.</summary>
/// <param name="From">Type before.</param>
/// <param name="To">Type after.</param>
/// <param name="Factor">What the value is multiplied with; 1 for a conversion.</param>
internal sealed record Step(ElementType From, ElementType To, double Factor);

/// <summary>What a copy reads: a stored tensor, or a result that has to be held in memory because its elements can't be walked with strides.</summary>
internal abstract record PlanSource(int ElementSize)
{
    internal sealed record Stored(TensorInfo Tensor, int ElementSize) : PlanSource(ElementSize);

    internal sealed record Held(RecipePlan Plan) : PlanSource(Plan.ElementSize);

    internal sealed record Mxfp4(RecipePlan Blocks, RecipePlan Scales) : PlanSource(sizeof(float));

    internal sealed record Quantized(Recipe.Quantized Recipe, int ElementSize) : PlanSource(ElementSize);

    /// <summary>True where it has to be made in memory first.</summary>
    internal bool IsMade => this is not Stored;
}

/// <summary>Elements of one source that go to one result.</summary>
/// <param name="Source">Where they come from.</param>
/// <param name="From">The first element in the source.</param>
/// <param name="To">The first element in the result.</param>
/// <param name="Axes">Loops, in the order of the result; none has extent 1, so a single element has none.</param>
/// <param name="Steps">What is done to each element.</param>
internal sealed record Copy(PlanSource Source, long From, long To, ImmutableArray<Axis> Axes, ImmutableArray<Step> Steps)
{
    internal long Count => Axes.Aggregate(1L, (n, a) => n * a.Extent);

    /// <summary>True where the elements are in one piece on both sides.</summary>
    internal bool IsContiguous => Axes.Length == 0 || (Axes.Length == 1 && Axes[0] is { From: 1, To: 1 });

    /// <summary>The same copy with its loops sorted by the result's strides and those joined that continue each other.</summary>
    internal Copy Normalized()
    {
        var axes = new List<Axis>(Axes.Length);
        foreach (var axis in Axes.Where(a => a.Extent != 1).OrderByDescending(a => a.To))
        {
            if (axes.Count > 0 && axes[^1] is var outer && outer.From == axis.From * axis.Extent && outer.To == axis.To * axis.Extent)
                axes[^1] = new Axis(outer.Extent * axis.Extent, axis.From, axis.To);
            else
                axes.Add(axis);
        }
        return this with { Axes = [.. axes] };
    }
}

/// <summary>A recipe as the strided copies that make its result. Layouts and conversions commute, so that any chain of both becomes one pass over the stored bytes.</summary>
/// <param name="Type">Element type of the result.</param>
/// <param name="ElementSize">Bytes of a unit of the copies: of an element, or 1 where elements are smaller than a byte and the copies count bytes.</param>
/// <param name="Count">Units of the result.</param>
/// <param name="Copies">Together they fill the result, each part of it once.</param>
internal sealed record RecipePlan(ElementType Type, int ElementSize, long Count, ImmutableArray<Copy> Copies)
{
    internal long Bytes => Count * ElementSize;

    /// <summary>Plans a recipe.</summary>
    /// <exception cref="UnsupportedCheckpointException">Elements that don't fill whole bytes would have to be moved one by one, or a type can't be converted.</exception>
    internal static RecipePlan Of(Recipe recipe, string name)
    {
        if (recipe.Type.Bits() == 0) throw Unsupported(name, $"elements of type {recipe.Type}", "numbers and booleans");
        var view = new Planner(name).Visit(recipe);
        return Finish(view, recipe.Type, name);
    }

    private static RecipePlan Finish(View view, ElementType type, string name)
    {
        var bits = type.Bits();
        var count = view.Count;
        if (bits % 8 == 0) return new RecipePlan(type, bits / 8, count, [.. view.Copies.Select(c => c.Normalized())]);

        var copies = view.Copies.Select(c => c.Normalized()).ToList();
        foreach (var copy in copies)
        {
            if (!copy.IsContiguous || copy.Steps.Length > 0 || copy.From * bits % 8 != 0 || copy.To * bits % 8 != 0 || (copy.Count * bits % 8 != 0 && copies.Count > 1))
                throw Unsupported(name, $"{type} elements, {bits} bits each, would have to be moved one by one", "whole tensors and parts of whole bytes");
        }
        return new RecipePlan(type, 1, type.Bytes(count), [.. copies.Select(c => InBytes(c, type))]);
    }

    private static Copy InBytes(Copy copy, ElementType type)
    {
        var bytes = type.Bytes(copy.Count);
        return copy with { From = type.Bytes(copy.From), To = type.Bytes(copy.To), Axes = bytes == 1 ? [] : [new Axis(bytes, 1, 1)] };
    }

    private static UnsupportedCheckpointException Unsupported(string name, string found, string supported) => new("planning weights", new Problem(name, found, supported));

    /// <summary>Copies together with the shape of what they fill; <see cref="Copy.To"/> and the axes are offsets into that shape, row-major.</summary>
    private sealed record View(ImmutableArray<long> Shape, ImmutableArray<Copy> Copies)
    {
        internal long Count => Shape.Aggregate(1L, (n, d) => checked(n * d));
    }

    /// <summary>An axis, or a part of one, that stays inside one dimension.</summary>
    private readonly record struct Part(int Dimension, long Extent, long From, long Stride);

    private sealed class Planner(string name)
    {
        internal View Visit(Recipe recipe) => recipe switch
        {
            Recipe.Stored stored => Whole(stored.Shape, new PlanSource.Stored(stored.Tensor, Math.Max(1, stored.Type.Bits() / 8))),
            Recipe.Reshaped reshaped => Reshape(Visit(reshaped.Of), reshaped.To),
            Recipe.Converted converted => WithStep(Visit(converted.Of), converted.Of.Type, converted.To, 1),
            Recipe.Scaled scaled => WithStep(Visit(scaled.Of), scaled.Of.Type, scaled.Of.Type, scaled.Factor),
            Recipe.Transposed transposed => Transpose(Visit(transposed.Of), transposed),
            Recipe.Sliced sliced => Slice(Visit(sliced.Of), sliced),
            Recipe.Concatenated concatenated => Concatenate(concatenated),
            Recipe.Mxfp4 packed => Whole(packed.Shape, new PlanSource.Mxfp4(Finish(Visit(packed.Blocks), packed.Blocks.Type, name), Finish(Visit(packed.Scales), packed.Scales.Type, name))),
            Recipe.Quantized quantized => Whole(quantized.Shape, new PlanSource.Quantized(quantized, Math.Max(1, quantized.Type.Bits() / 8))),
            Recipe.QuantizedStack stack => Stack(stack),
            _ => throw new UnreachableException(),
        };

        private static View Whole(ImmutableArray<long> shape, PlanSource source)
        {
            var count = shape.Aggregate(1L, (n, d) => checked(n * d));
            return new View(shape, count == 0 ? [] : [new Copy(source, 0, 0, [new Axis(count, 1, 1)], [])]);
        }

        private static View Stack(Recipe.QuantizedStack stack)
        {
            var size = stack.Parts[0].Count;
            return new View(stack.Shape, [.. stack.Parts.SelectMany((part, i) => Whole(part.Shape, new PlanSource.Quantized(part, part.Type.Bits() / 8)).Copies.Select(c => c with { To = i * size }))]);
        }

        private static View Reshape(View view, ImmutableArray<long> shape)
        {
            var to = new View(shape, view.Copies);
            if (to.Count != view.Count) throw new ArgumentException($"[{string.Join(", ", view.Shape)}] can't be reshaped to [{string.Join(", ", shape)}]");
            return to;
        }

        private View WithStep(View view, ElementType from, ElementType to, double factor)
        {
            if (from == to && factor == 1) return view;
            if (!FloatConversion.CanConvert(from, to)) throw Unsupported(name, $"a conversion from {from} to {to}", "conversions between floating types of 8, 16, 32 and 64 bits, to 16 bits and more");
            return view with { Copies = [.. view.Copies.Select(c => c with { Steps = c.Steps.Add(new Step(from, to, factor)) })] };
        }

        private View Transpose(View view, Recipe.Transposed recipe)
        {
            var strides = Strides(recipe.Shape);
            var placed = new long[strides.Length];                       // the stride in the result of each dimension before
            for (var i = 0; i < strides.Length; i++) placed[recipe.Permutation[i]] = strides[i];
            return Rebuild(view, recipe.Of, recipe.Shape, (parts, index) => Place(parts, index, placed));
        }

        private View Slice(View view, Recipe.Sliced recipe)
        {
            if (recipe.Start < 0 || recipe.Length < 0 || recipe.Start + recipe.Length > view.Shape[recipe.Axis])
                throw new ArgumentException($"entries {recipe.Start} to {recipe.Start + recipe.Length} of axis {recipe.Axis} of [{string.Join(", ", view.Shape)}]");
            var strides = Strides(recipe.Shape);
            if (recipe.Count == 0) return new View(recipe.Shape, []);
            return Rebuild(view, recipe.Of, recipe.Shape, (parts, index) => Cut(parts, index, recipe) is { } cut ? Place(cut.Parts, cut.Index, strides, cut.Skip) : null, parts => CanCut(parts, recipe.Axis));
        }

        private View Concatenate(Recipe.Concatenated recipe)
        {
            var strides = Strides(recipe.Shape);
            var copies = ImmutableArray.CreateBuilder<Copy>();
            var at = 0L;
            foreach (var part in recipe.Parts)
            {
                if (part.Type != recipe.Type || part.Shape.Length != recipe.Shape.Length || Enumerable.Range(0, part.Shape.Length).Any(i => i != recipe.Axis && part.Shape[i] != recipe.Shape[i]))
                    throw new ArgumentException($"{part.Type} [{string.Join(", ", part.Shape)}] can't be joined on axis {recipe.Axis} to {recipe.Type} [{string.Join(", ", recipe.Shape)}]");
                var view = Visit(part);
                var start = at;
                at += part.Shape[recipe.Axis];
                if (view.Count == 0) continue;
                var outermost = recipe.Shape.Take(recipe.Axis).All(d => d == 1);
                copies.AddRange(outermost
                    ? view.Copies.Select(c => c with { To = c.To + start * strides[recipe.Axis] })
                    : Rebuild(view, part, recipe.Shape, (parts, index) =>
                    {
                        index[recipe.Axis] += start;
                        return Place(parts, index, strides);
                    }).Copies);
            }
            return new View(recipe.Shape, copies.ToImmutable());
        }

        /// <summary>Gives each copy of a view its place under a new shape; what can't be walked with strides is held in memory first.</summary>
        private View Rebuild(View view, Recipe of, ImmutableArray<long> shape, Func<List<Part>, long[], (ImmutableArray<Axis> Axes, long To, long Skip)?> place, Predicate<List<Part>>? supported = null)
        {
            var located = view.Copies.Select(c => Locate(c, view.Shape)).ToList();
            if (located.Any(l => l is null || (supported is not null && !supported(l.Value.Parts))))
            {
                if (of.Type.Bits() % 8 != 0) throw Unsupported(name, $"{of.Type} elements, {of.Type.Bits()} bits each, would have to be moved one by one", "whole tensors and parts of whole bytes");
                view = Whole(view.Shape, new PlanSource.Held(Finish(view, of.Type, name)));
                located = [.. view.Copies.Select(c => Locate(c, view.Shape))];
            }
            var copies = ImmutableArray.CreateBuilder<Copy>();
            foreach (var (copy, where) in view.Copies.Zip(located))
            {
                if (place(where!.Value.Parts, where.Value.Index) is not { } placed) continue;
                copies.Add(new Copy(copy.Source, copy.From + placed.Skip, placed.To, placed.Axes, copy.Steps).Normalized());
            }
            return new View(shape, copies.ToImmutable());
        }

        private static (ImmutableArray<Axis> Axes, long To, long Skip)? Place(List<Part> parts, long[] index, long[] strides, long skip = 0)
        {
            var to = 0L;
            for (var i = 0; i < index.Length; i++) to += index[i] * strides[i];
            return ([.. parts.Select(p => new Axis(p.Extent, p.From, p.Stride * strides[p.Dimension]))], to, skip);
        }

        private static bool CanCut(List<Part> parts, int axis) => parts.Count(p => p.Dimension == axis) < 2;

        /// <summary>What of a copy lies in a slice; null where nothing does.</summary>
        private static (List<Part> Parts, long[] Index, long Skip)? Cut(List<Part> parts, long[] index, Recipe.Sliced slice)
        {
            var at = parts.FindIndex(p => p.Dimension == slice.Axis);
            var part = at < 0 ? new Part(slice.Axis, 1, 0, 1) : parts[at];
            var origin = index[slice.Axis];
            var first = origin >= slice.Start ? 0 : (slice.Start - origin + part.Stride - 1) / part.Stride;
            var end = Math.Min(part.Extent, slice.Start + slice.Length <= origin ? 0 : (slice.Start + slice.Length - origin + part.Stride - 1) / part.Stride);
            if (first >= end) return null;
            if (at >= 0) parts[at] = part with { Extent = end - first };
            index[slice.Axis] = origin + first * part.Stride - slice.Start;
            return (parts, index, first * part.From);
        }

        /// <summary>Splits the axes of a copy at the borders of the dimensions; null where one crosses a border in between.</summary>
        private static (List<Part> Parts, long[] Index)? Locate(Copy copy, ImmutableArray<long> shape)
        {
            var strides = Strides(shape);
            var index = new long[shape.Length];
            for (var i = 0; i < shape.Length; i++) index[i] = copy.To / strides[i] % shape[i];

            var parts = new List<Part>();
            foreach (var axis in copy.Axes)
            {
                var rest = axis;
                while (rest.Extent > 1)
                {
                    var d = Enumerable.Range(0, shape.Length).First(i => strides[i] <= rest.To && rest.To < strides[i] * shape[i]);
                    if (rest.To % strides[d] != 0) return null;
                    var step = rest.To / strides[d];
                    var extent = rest.Extent;
                    if (step * (extent - 1) >= shape[d])
                    {
                        extent = shape[d] / step;
                        if (shape[d] % step != 0 || rest.Extent % extent != 0) return null;
                    }
                    parts.Add(new Part(d, extent, rest.From, step));
                    rest = new Axis(rest.Extent / extent, rest.From * extent, rest.To * extent);
                }
            }
            for (var d = 0; d < shape.Length; d++)
                if (index[d] + parts.Where(p => p.Dimension == d).Sum(p => p.Stride * (p.Extent - 1)) >= shape[d]) return null;
            return (parts, index);
        }
    }

    /// <summary>Row-major strides; dimensions without entries count as one.</summary>
    private static long[] Strides(ImmutableArray<long> shape)
    {
        var strides = new long[shape.Length];
        var stride = 1L;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= Math.Max(1, shape[i]);
        }
        return strides;
    }
}
