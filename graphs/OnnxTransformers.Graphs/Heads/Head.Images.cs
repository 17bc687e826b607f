using OnnxTransformers.Graphs.Models;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Heads;

/// <remarks>What networks of images have in common behind their hidden states.</remarks>
internal static partial class Head
{
    /// <summary>The hidden states and their mean. [B, N, D] -> last_hidden_state [B, N, D], pooler_output [B, D].</summary>
    internal static GraphOutputs MeanFeatures(Value h) => [("last_hidden_state", h), ("pooler_output", Op.ReduceMean(h, 1, keep: false))];

    /// <summary>An image whose hidden patches are made up again (SimMIM, Xie et al., 2021). Declares pixel_values and bool_masked_pos. -> loss [], reconstruction [B, C, H, W].</summary>
    /// <param name="decoder">The convolution that makes all pixels of a cell.</param>
    /// <param name="channels">C.</param>
    /// <param name="image">Its size, the trained one.</param>
    /// <param name="grid">Its patches.</param>
    /// <param name="stride">Pixels along a side of a cell of the map.</param>
    /// <param name="map">The network: from pixels and the patches that are hidden [B, N] to a map [B, D, h, w].</param>
    internal static GraphOutputs Reconstruction(Module decoder, int channels, PixelSize image, PixelSize grid, int stride, Func<Value, Value, Value> map)
    {
        Value pixels = FixedPixelValues(decoder.Graph, channels, image.Pixels), hidden = HiddenPatches(decoder.Graph, grid.Cells);
        var made = PixelsOfCells(decoder, map(pixels, hidden), channels, stride);
        return [("loss", DistanceInHidden(pixels, made, hidden, grid.Height, grid.Width)), ("reconstruction", made)];
    }
}
