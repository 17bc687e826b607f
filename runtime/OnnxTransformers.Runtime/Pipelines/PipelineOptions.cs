namespace OnnxTransformers;

/// <summary>How a pipeline opens its graphs and how much it gives them at once.</summary>
public sealed record PipelineOptions : RuntimeOptions
{
    /// <summary>The defaults.</summary>
    public static new PipelineOptions Default { get; } = new();

    /// <summary>Tokens that one run may hold, padding included; a longer row runs alone. Rows are sorted by length first, and answers come back in the caller's order.</summary>
    public int BatchTokens { get; init; } = 4096;

    /// <summary>Rows that one run may hold.</summary>
    public int BatchRows { get; init; } = 128;
}
