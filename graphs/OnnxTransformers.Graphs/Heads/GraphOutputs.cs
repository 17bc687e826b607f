using System.Collections;
using System.Runtime.CompilerServices;

namespace OnnxTransformers.Graphs.Heads;

/// <summary>Outputs of a graph by the reference's names, in its order.</summary>
[CollectionBuilder(typeof(GraphOutputs), nameof(Create))]
internal sealed class GraphOutputs : IEnumerable<(string Name, Value Value)>
{
    private readonly (string Name, Value Value)[] _outputs;

    private GraphOutputs((string, Value)[] outputs) => _outputs = outputs;

    /// <summary>For collection expressions.</summary>
    public static GraphOutputs Create(ReadOnlySpan<(string, Value)> outputs) => new(outputs.ToArray());

    /// <summary>The output of a name.</summary>
    /// <exception cref="GraphException">There is none.</exception>
    internal Value this[string name] => Array.Find(_outputs, o => o.Name == name).Value ?? throw _outputs[0].Value.Graph.Error($"no output {name} but {string.Join(", ", _outputs.Select(o => o.Name))}");

    /// <inheritdoc/>
    public IEnumerator<(string Name, Value Value)> GetEnumerator() => ((IEnumerable<(string, Value)>)_outputs).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
