namespace OnnxTransformers.Graphs.Layers;

/// <summary>How positions come in.</summary>
internal enum PositionKind
{
    /// <summary>A learned vector for each position is added to the embeddings.</summary>
    Absolute,
    /// <summary>Queries are scored against learned vectors of distances.</summary>
    RelativeKey,
    /// <summary>Queries and keys are.</summary>
    RelativeKeyQuery,
}

/// <summary>The sizes of BERT's block, which many encoders share under the same checkpoint names.</summary>
internal sealed record BertBlock(int HiddenSize, int Heads, int IntermediateSize, Activation Activation, float Epsilon, PositionKind Positions, int MaxPositions);

internal static partial class Layer
{
    /// <summary>A stack of BERT's blocks: attention.self.{query,key,value}, attention.output.{dense,LayerNorm}, intermediate.dense, output.{dense,LayerNorm}. [B, S, D] -> [B, S, D].</summary>
    internal static Value BertEncoder(Module layers, int count, Value start, TextInputs x, BertBlock c) => layers.Fold(count, start, (m, h) =>
    {
        var self = m["attention.self"];
        Value q = Linear(self["query"], h, c.HiddenSize), k = Linear(self["key"], h, c.HiddenSize), v = Linear(self["value"], h, c.HiddenSize);
        var bias = c.Positions == PositionKind.Absolute ? null : RelativeKeyBias(self["distance_embedding"], x, q, k, c.Heads, c.MaxPositions, c.Positions == PositionKind.RelativeKeyQuery);
        var context = Attend(self, q, k, v, c.Heads, x.Mask, bias);
        h = AddNorm(m["attention.output.LayerNorm"], Linear(m["attention.output.dense"], context, c.HiddenSize), h, c.Epsilon);
        var wide = Linear(m["intermediate.dense"], h, c.IntermediateSize, c.Activation);
        return AddNorm(m["output.LayerNorm"], Linear(m["output.dense"], wide, c.HiddenSize), h, c.Epsilon);
    });
}
