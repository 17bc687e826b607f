using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <remarks>Parts of convolutional networks.</remarks>
internal static partial class Layer
{
    /// <summary>Channels scaled by their part of the whole map, and the map itself (Woo et al., 2023). [B, h, w, C] -> the same.</summary>
    /// <param name="m">For names.</param>
    /// <param name="x">The map, channels last.</param>
    /// <param name="scale">What the scaled channels are multiplied by, each [C].</param>
    /// <param name="shift">What is added to each.</param>
    internal static Value GlobalResponse(Module m, Value x, Value scale, Value shift)
    {
        using var scope = m.Enter();
        var width = LastSize(x);
        var cells = Op.Cast(Op.Reshape(x, [0, -1, width], x.Shape[1] * x.Shape[2]), ElementType.Float);      // a sum of squares
        var whole = Op.ReduceL2(cells, 1, keep: true);                                                       // [B, 1, C]
        var part = Op.Cast(Op.Unsqueeze(whole / (Op.ReduceMean(whole, -1, keep: true) + 1e-6), 1), x.Type);
        return m.Result(scale * (x * part) + shift + x);
    }

    /// <summary>Channels scaled by what two convolutions make of their means (Hu et al., 2018). [B, C, h, w] -> the same.</summary>
    /// <param name="reduce">The first convolution.</param>
    /// <param name="expand">The second one.</param>
    /// <param name="x">The map.</param>
    /// <param name="width">Channels between them.</param>
    /// <param name="activation">What stands between them.</param>
    /// <param name="gate">What makes factors of their result.</param>
    internal static Value SqueezeExcite(Module reduce, Module expand, Value x, int width, Activation activation, Activation gate)
    {
        var h = Activate(reduce, activation, Conv(reduce, Op.GlobalAveragePool(x), width, new Window(1)));
        return x * Activate(expand, gate, Conv(expand, h, (int)x.Shape[1].Size!.Value, new Window(1)));
    }
}
