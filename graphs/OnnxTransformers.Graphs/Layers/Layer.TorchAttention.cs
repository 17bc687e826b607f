namespace OnnxTransformers.Graphs.Layers;

internal static partial class Layer
{
    /// <summary>torch.nn.MultiheadAttention with queries, keys and values of one width: in_proj_weight and in_proj_bias hold the three projections one below the other, then out_proj. query [B, S, D], keys and values [B, T, D] -> [B, S, D].</summary>
    internal static Value TorchAttention(Module m, Value query, Value keys, Value values, int heads, AttentionMask? mask = null)
    {
        var d = LastSize(query);
        Weight weight = m.Weight("in_proj_weight", 3 * d, d), bias = m.Weight("in_proj_bias", 3 * d);
        Value Projected(Value x, int part)
        {
            using var scope = m.Enter();
            return Product(x, weight.Slice(0, part * d, d), bias.Slice(0, part * d, d));
        }
        return Linear(m["out_proj"], Attend(m, Projected(query, 0), Projected(keys, 1), Projected(values, 2), heads, mask), d);
    }
}
