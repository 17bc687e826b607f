using System.Collections.Immutable;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs;

/// <summary>A place in the checkpoint's tree of modules. Weights are asked for by the last part of their name; nodes built under <see cref="Enter"/> are named after the place.</summary>
/// <param name="graph">The graph under construction.</param>
/// <param name="path">Names from the root, joined by dots; empty for the root.</param>
internal sealed class Module(Graph graph, string path)
{
    /// <summary>The graph under construction.</summary>
    internal Graph Graph => graph;

    /// <summary>The path from the root, as "bert.encoder.layer.0".</summary>
    internal string Path => path;

    /// <summary>A module inside this one: "encoder.layer" goes down two steps.</summary>
    internal Module this[string name] => new(graph, Join(name));

    /// <summary>A module of a list.</summary>
    internal Module this[int index] => this[index.ToString(System.Globalization.CultureInfo.InvariantCulture)];

    /// <summary>The top of the tree, where heads are.</summary>
    internal Module Root => new(graph, "");

    /// <summary>Names nodes after this place until the result is disposed.</summary>
    internal Graph.ScopeGuard Enter() => graph.Enter(path);

    /// <summary>True where the checkpoint has a tensor of that name.</summary>
    internal bool Has(string name) => graph.Tensors.ContainsKey(Join(name));

    /// <summary>A stored tensor of known dimensions. A missing or wrongly shaped one is reported when the graph is finished, with all others.</summary>
    internal Weight Weight(string name, params ReadOnlySpan<long> shape) => Weight([name], shape);

    /// <summary>A stored tensor under the first of several names that is there: today's, then those of older checkpoints.</summary>
    internal Weight Weight(ReadOnlySpan<string> names, params ReadOnlySpan<long> shape)
    {
        ImmutableArray<long> expected = [.. shape];
        foreach (var name in names)
        {
            if (!graph.Tensors.TryGetValue(Join(name), out var info)) continue;
            if (!info.Shape.AsSpan().SequenceEqual(shape))
                graph.AddProblem(new Problem(info.Name, $"found {info.ShapeText}", $"[{string.Join(", ", expected)}], which config.json leads to{graph.KeysOf(expected)}"));
            else if (info.Type.Bits() < 8)
                graph.AddProblem(new Problem(info.Name, $"stored as {info.Type}", "float and integer tensors of 8 bits and more"));
            else
                return new Weight(graph, info.Name, new Recipe.Stored(info));
            return new Weight(graph, info.Name, new Recipe.Stored(info with { Shape = expected }));
        }
        var missing = Join(names[0]);
        graph.AddProblem(new Problem(missing, "missing", $"a tensor [{string.Join(", ", expected)}]"));
        return new Weight(graph, missing, new Recipe.Stored(new TensorInfo(missing, ElementType.Float, expected)));
    }

    /// <summary>Marks a value as this module's result.</summary>
    internal Value Result(Value value) => graph.Result(path, value);

    /// <summary>Runs a list of modules one after the other, each on the result of the one before.</summary>
    internal Value Fold(int count, Value start, Func<Module, Value, Value> step) => Fold(count, start, (module, _, value) => step(module, value));

    /// <summary>The same, with the number of each module.</summary>
    internal Value Fold(int count, Value start, Func<Module, int, Value, Value> step)
    {
        var value = start;
        for (var i = 0; i < count; i++)
        {
            var module = this[i];
            using (module.Enter()) value = module.Result(step(module, i, value));
        }
        return value;
    }

    /// <summary>The same, with what each module makes: the start first.</summary>
    internal ImmutableArray<Value> Through(int count, Value start, Func<Module, int, Value, Value> step)
    {
        var values = ImmutableArray.CreateBuilder<Value>(count + 1);
        values.Add(start);
        Fold(count, start, (module, i, value) =>
        {
            values.Add(step(module, i, value));
            return values[^1];
        });
        return values.MoveToImmutable();
    }

    /// <summary>Says that the graph does without this module's tensors, though the checkpoint has them.</summary>
    internal void LeaveOut(string reason) => graph.LeaveOut(path, reason);

    private string Join(string name) => path.Length == 0 ? name : name.Length == 0 ? path : $"{path}.{name}";
}

/// <summary>A weight and what is to be done to it, before it becomes a value of the graph.</summary>
internal sealed class Weight
{
    private readonly Graph _graph;
    private readonly string _name;

    internal Weight(Graph graph, string name, Recipe recipe) => (_graph, _name, Recipe) = (graph, name, recipe);

    /// <summary>The name that its initializer has.</summary>
    internal string Name => _name;

    /// <summary>The graph under construction.</summary>
    internal Graph Graph => _graph;

    /// <summary>How its bytes are made.</summary>
    internal Recipe Recipe { get; }

    /// <summary>Its value without rounding, where the graph can compute with it; see <see cref="Graph.ExactWeight"/>.</summary>
    internal Value Exact => _graph.ExactWeight(_name, Recipe);

    /// <summary>Its value in the type of storage; see <see cref="Graph.StoredWeight(string, Recipe)"/>.</summary>
    internal Value Stored => _graph.StoredWeight(_name, Recipe);

    /// <summary>Exchanges the two axes of a matrix.</summary>
    internal Weight Transpose() => Permute(1, 0);

    /// <summary>Axes in another order.</summary>
    internal Weight Permute(params ReadOnlySpan<int> permutation) => With(new Recipe.Transposed(Recipe, [.. permutation]));

    /// <summary>Some entries along one axis.</summary>
    internal Weight Slice(int axis, long start, long length) => With(new Recipe.Sliced(Recipe, axis, start, length));

    /// <summary>The same elements under another shape.</summary>
    internal Weight Reshape(params ReadOnlySpan<long> shape) => With(new Recipe.Reshaped(Recipe, [.. shape]));

    /// <summary>Times a constant.</summary>
    internal Weight Scale(double factor) => With(new Recipe.Scaled(Recipe, factor));

    /// <summary>Several weights, one after the other along an axis; they become one initializer of the given name.</summary>
    internal static Weight Concat(string name, int axis, params ReadOnlySpan<Weight> parts) =>
        new(parts[0]._graph, name, new Recipe.Concatenated([.. parts.ToArray().Select(p => p.Recipe)], axis));

    /// <summary>A matrix from blocks of 32 four-bit floats [..., n, 16] and the exponents of their common scales [..., n] (OCP Microscaling, MXFP4): [..., n * 32].</summary>
    internal static Weight Mxfp4(string name, Weight blocks, Weight scales) => new(blocks._graph, name, new Recipe.Mxfp4(blocks.Recipe, scales.Recipe));

    /// <summary>Its value in the type that the graph computes in.</summary>
    public static implicit operator Value(Weight weight) => weight._graph.Weight(weight._name, weight.Recipe);

    private Weight With(Recipe recipe) => new(_graph, _name, recipe);
}
