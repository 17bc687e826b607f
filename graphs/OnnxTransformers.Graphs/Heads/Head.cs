using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Heads;

/// <summary>What turns hidden states into a task's outputs, for every model of the same wiring. Results are the graph's outputs by the reference's names.</summary>
internal static partial class Head
{
    /// <summary>The vector of the first token. [B, S, D] -> [B, D].</summary>
    internal static Value FirstToken(Value h) => Op.Select(h, 1, 0);

    /// <summary>tanh of a linear layer over the first token. [B, S, D] -> [B, D].</summary>
    internal static Value Pool(Module m, Value h, int width)
    {
        using var scope = m.Enter();
        return m.Result(Op.Tanh(Linear(m["dense"], FirstToken(h), width)));
    }

    /// <summary>The hidden states, and the pooled first token where the checkpoint has a pooler: some were saved without. [B, S, D] -> last_hidden_state [B, S, D], pooler_output [B, D].</summary>
    internal static GraphOutputs Features(Module pooler, Value h, int width) =>
        pooler["dense"].Has("weight") ? [("last_hidden_state", h), ("pooler_output", Pool(pooler, h, width))] : [("last_hidden_state", h)];

    /// <summary>One number a label, for each vector: [..., D] -> logits [..., labels].</summary>
    internal static GraphOutputs Logits(Module m, Value x, int labels) => [("logits", Linear(m, x, labels, role: MatrixRole.Head))];

    /// <summary>A hidden layer over the first token, then one number a label. [B, S, D] -> logits [B, labels].</summary>
    internal static GraphOutputs DenseClassifier(Module m, Value h, int width, Activation activation, int labels) =>
        Logits(m["out_proj"], Linear(m["dense"], FirstToken(h), width, activation), labels);

    /// <summary>Where an answer begins and ends: [B, S, D] -> start_logits and end_logits [B, S].</summary>
    internal static GraphOutputs Spans(Module m, Value h)
    {
        var both = Linear(m, h, 2, role: MatrixRole.Head);
        using var scope = m.Enter();
        return [("start_logits", Op.Select(both, 2, 0)), ("end_logits", Op.Select(both, 2, 1))];
    }

    /// <summary>One number for each choice: the rows of one question's choices lie one after the other. [B * C, D] -> logits [B, C].</summary>
    internal static GraphOutputs Choices(Module m, Value pooled, TextInputs x)
    {
        var scores = Linear(m, pooled, 1, role: MatrixRole.Head);
        using var scope = m.Enter();
        return [("logits", Op.Reshape(scores, Op.ShapeOf(x.Declared, 0, 2), new Shape(x.Declared.Shape[0], x.Declared.Shape[1])))];
    }

    /// <summary>The layer in front of an output table: linear, activation, normalization. [B, S, D] -> [B, S, width].</summary>
    internal static Value Transform(Module dense, Module norm, Value h, int width, Activation activation, float epsilon) =>
        LayerNorm(norm, Linear(dense, h, width, activation), epsilon);

    /// <summary>One number for each word of the vocabulary: h W^T + b. [B, S, D] -> [B, S, V].</summary>
    /// <param name="decoder">The module of the output table.</param>
    /// <param name="tied">The module of the embeddings whose table it is; null where it has its own.</param>
    /// <param name="h">Hidden states.</param>
    /// <param name="bias">A number for each word [V].</param>
    internal static Value MaskedWords(Module decoder, Module? tied, Value h, Weight bias)
    {
        Value perWord = bias;
        var table = (tied ?? decoder).Weight("weight", perWord.Shape[0].Size!.Value, h.Shape[-1].Size!.Value);
        using var scope = decoder.Enter();
        return decoder.Result(Product(h, table, perWord, MatrixRole.Head));
    }
}
