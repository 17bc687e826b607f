using System.Collections.Frozen;

namespace OnnxTransformers.Converters.Verification;

/// <summary>Between caches that have a token at its place in the mask and those that have the real tokens of each row first.</summary>
internal sealed class PackedCache
{
    private const string Key = "packed_cache_layers", Past = "past_key_values.", Present = "present.", MaskName = "attention_mask";
    private const int LengthAxis = 2;
    private readonly FrozenSet<string> _layers;

    private PackedCache(string layers) => _layers = layers.Split(',').ToFrozenSet(StringComparer.Ordinal);

    /// <summary>What a file says of its caches; null where all are as the mask is.</summary>
    internal static PackedCache? Of(IReadOnlyDictionary<string, string> metadata) => metadata.TryGetValue(Key, out var layers) ? new(layers) : null;

    /// <summary>An input as the graph takes it.</summary>
    internal Tensor Pack(Tensor tensor, TestInput input) => IsPacked(tensor, Past) ? Move(tensor, input, (row, from, to) => Array.Copy(tensor.Values, from, row, to.Packed, to.Size)) : tensor;

    /// <summary>An output with each token at its place.</summary>
    internal Tensor Unpack(Tensor tensor, TestInput input) => IsPacked(tensor, Present) ? Move(tensor, input, (row, from, to) => Array.Copy(tensor.Values, to.Packed, row, from, to.Size)) : tensor;

    private bool IsPacked(Tensor tensor, string prefix) => tensor.Spec.Name.StartsWith(prefix, StringComparison.Ordinal) && _layers.Contains(tensor.Spec.Name[prefix.Length..].Split('.')[0]);

    /// <summary>Copies each real token of a cache [B, K, T, d]; what stands at other places is zero.</summary>
    private static Tensor Move(Tensor tensor, TestInput input, Action<double[], int, (int Packed, int Size)> copy)
    {
        var mask = input.Tensors.First(t => t.Spec.Name == MaskName);
        var values = new double[tensor.Values.Length];
        int rows = (int)tensor.Shape[0], heads = (int)tensor.Shape[1], length = (int)tensor.Shape[LengthAxis], size = (int)tensor.Shape[3], total = (int)mask.Shape[1];
        for (var row = 0; row < rows; row++)
        {
            int[] real = [.. Enumerable.Range(0, length).Where(t => mask.Values[(row * total) + t] != 0)];
            for (var head = 0; head < heads; head++)
            {
                var begin = ((row * heads) + head) * length * size;
                for (var i = 0; i < real.Length; i++) copy(values, begin + (real[i] * size), (begin + (i * size), size));
            }
        }
        return tensor with { Values = values };
    }
}
