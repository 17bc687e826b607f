using System.Collections.Immutable;

namespace OnnxTransformers.Checkpoints;

/// <summary>A checked tensor of a torch file: where its first element lies and how to walk from there.</summary>
/// <param name="Info">Name, type and shape.</param>
/// <param name="Start">The first element's position in the file, in bytes.</param>
/// <param name="Extents">The shape without ones and with neighbouring dimensions joined where the strides allow it.</param>
/// <param name="Strides">The distance of two neighbours along each of these, in elements.</param>
internal sealed record TorchLayout(TensorInfo Info, long Start, long[] Extents, long[] Strides)
{
    internal const int MaxRank = 64;

    /// <summary>True where the bytes lie in the file as they are read.</summary>
    internal bool IsContiguous => Extents.Length == 0 || (Extents.Length == 1 && Strides[0] == 1);

    internal int ElementSize => Info.Type.Bits() / 8;

    /// <summary>Checks a tensor against its storage.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="tensor">What the pickle says.</param>
    /// <param name="storageStart">Where the storage's bytes begin in the file.</param>
    /// <param name="storageBytes">The storage's bytes, all of which are in the file.</param>
    /// <param name="mostBytes">The most bytes a tensor may have: more than the file has only a view with strides of zero could claim.</param>
    /// <param name="problem">What is wrong.</param>
    internal static TorchLayout? Of(string name, TorchTensor tensor, long storageStart, long storageBytes, long mostBytes, out string problem)
    {
        problem = "";
        var size = tensor.Type.Bits() / 8;
        var unit = tensor.Storage.ElementSize;
        if (tensor.Shape.Length != tensor.Strides.Length) problem = $"{tensor.Shape.Length} dimensions and {tensor.Strides.Length} strides";
        else if (tensor.Offset < 0 || tensor.Shape.Any(n => n < 0) || tensor.Strides.Any(n => n < 0)) problem = "a negative offset, dimension or stride";
        if (problem.Length > 0) return null;
        try
        {
            var info = new TensorInfo(name, tensor.Type, [.. tensor.Shape]);
            var first = checked(tensor.Storage.First * unit + tensor.Offset * size);
            var end = checked((tensor.Storage.First + tensor.Storage.Length) * unit);
            var span = 0L;
            if (info.Count > 0)
            {
                span = 1;
                for (var i = 0; i < tensor.Shape.Length; i++) span = checked(span + (tensor.Shape[i] - 1) * tensor.Strides[i]);
            }
            if (end > storageBytes || checked(first + span * size) > end) problem = $"it reaches beyond its storage of {Shown.Bytes(Math.Min(end, storageBytes))}";
            else if (info.Bytes > mostBytes) problem = $"{Shown.Bytes(info.Bytes)} from a file of {Shown.Bytes(mostBytes)}";
            if (problem.Length > 0) return null;
            var (extents, strides) = Join(info.Shape, tensor.Strides);
            return new TorchLayout(info, storageStart + first, extents, strides);
        }
        catch (OverflowException)
        {
            problem = "more elements than a file can hold";
            return null;
        }
    }

    private static (long[], long[]) Join(ImmutableArray<long> shape, long[] strides)
    {
        var (extents, steps) = (new List<long>(), new List<long>());
        for (var i = 0; i < shape.Length; i++)
        {
            if (shape[i] == 1) continue;
            if (extents.Count > 0 && steps[^1] == strides[i] * shape[i]) (extents[^1], steps[^1]) = (extents[^1] * shape[i], strides[i]);
            else (extents, steps) = ([.. extents, shape[i]], [.. steps, strides[i]]);
        }
        return ([.. extents], [.. steps]);
    }
}
