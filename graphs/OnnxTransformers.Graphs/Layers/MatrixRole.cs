namespace OnnxTransformers.Graphs.Layers;

/// <summary>What a matrix is for, which decides whether the integer precisions take it.</summary>
internal enum MatrixRole
{
    /// <summary>A layer of the network: always.</summary>
    Layer,
    /// <summary>In front of the outputs: if asked for.</summary>
    Head,
    /// <summary>Says how fast a state forgets: never, as its errors add up over a text.</summary>
    Rate,
    /// <summary>Chooses experts: never, as the choice of others would change more than any rounding.</summary>
    Router,
    /// <summary>Words by number: if asked for.</summary>
    Embeddings,
}
