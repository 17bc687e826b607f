using System.Collections.Immutable;

namespace OnnxTransformers;

/// <summary>How a graph is opened and run. Immutable; share one among as many sessions as you like.</summary>
public record RuntimeOptions
{
    /// <summary>The defaults: processor, all optimisations, the widest precision that is there.</summary>
    public static RuntimeOptions Default { get; } = new();

    /// <summary>Execution providers, the preferred one first. Nodes go to the first that can run them. One that can't be loaded is an error, never a silent fallback.</summary>
    public ImmutableArray<Provider> Providers { get; init; } = [Provider.Cpu];

    /// <summary>Which of the package's files is opened; null for the widest that is there.</summary>
    public Precision? Precision { get; init; }

    /// <summary>Threads inside an operator; null for one a physical core.</summary>
    public int? Threads { get; init; }

    /// <summary>What ONNX Runtime may change in the graph when it opens it.</summary>
    public GraphOptimization Optimization { get; init; } = GraphOptimization.All;

    /// <summary>Further entries of ONNX Runtime's session configuration, as <c>session.intra_op.allow_spinning</c>.</summary>
    public ImmutableDictionary<string, string> Entries { get; init; } = ImmutableDictionary<string, string>.Empty;
}

/// <summary>Levels of ONNX Runtime's graph optimisation.</summary>
public enum GraphOptimization
{
    /// <summary>The graph runs as written.</summary>
    None,
    /// <summary>Constant folding and removal of what does nothing.</summary>
    Basic,
    /// <summary>Also fusions.</summary>
    Extended,
    /// <summary>Also memory layouts.</summary>
    All,
}
