namespace OnnxTransformers.Graphs.Layers;

internal static partial class Layer
{
    private static readonly Activation Rectifier = Activation.Named("relu");

    /// <summary>Linear layers "layers.0", "layers.1", ... with ReLU between them. [..., D] -> [..., result].</summary>
    /// <param name="m">Where the list "layers" is.</param>
    /// <param name="x">The value.</param>
    /// <param name="hidden">Width of all layers but the last.</param>
    /// <param name="result">Width of the last.</param>
    /// <param name="layers">How many there are.</param>
    internal static Value Perceptron(Module m, Value x, long hidden, long result, int layers) =>
        m["layers"].Fold(layers, x, (layer, i, h) => i < layers - 1 ? Linear(layer, h, hidden, Rectifier) : Linear(layer, h, result, role: MatrixRole.Head));
}
