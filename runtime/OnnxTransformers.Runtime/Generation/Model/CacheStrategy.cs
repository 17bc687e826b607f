namespace OnnxTransformers.Generation;

/// <summary>How keys and values are kept from step to step. Either way they stay where the provider computes.</summary>
public enum CacheStrategy
{
    /// <summary>What a step gives becomes the next step's past. Every graph can do it; each step copies the cache once, on the device.</summary>
    Growing,
    /// <summary>One buffer of the final length, which the graph's attention writes into. Only graphs that say so can do it.</summary>
    Shared,
}
