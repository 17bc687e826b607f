using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using OnnxTransformers.Checkpoints;

namespace OnnxTransformers.Converters.Benchmarks;

/// <summary>A sharded BERT of random weights, as large as wanted, written without holding more than one block of it.</summary>
internal static class SyntheticBert
{
    private const int Hidden = 2048;
    private const int Intermediate = 4 * Hidden;
    private const int Vocabulary = 30522;
    private const int Positions = 512;
    private const long ShardBytes = 1_000_000_000;
    private const int BlockBytes = 1 << 20;

    /// <summary>Writes it into a new folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="bytes">About how large it gets.</param>
    internal static void Write(string folder, long bytes)
    {
        Directory.CreateDirectory(folder);
        var layerBytes = Layer(0).Sum(t => t.Bytes);
        var layers = (int)Math.Max(1, (bytes - Around().Sum(t => t.Bytes)) / layerBytes);
        TensorInfo[] tensors = [.. Around(), .. Enumerable.Range(0, layers).SelectMany(Layer)];
        var shards = Split(tensors).ToList();
        var map = new StringBuilder();
        for (var i = 0; i < shards.Count; i++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors");
            WriteShard(Path.Combine(folder, name), shards[i], i);
            foreach (var tensor in shards[i]) map.Append(CultureInfo.InvariantCulture, $"{(map.Length > 0 ? ", " : "")}\"{tensor.Name}\": \"{name}\"");
        }
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), $"{{\"metadata\": {{\"total_size\": {tensors.Sum(t => t.Bytes)}}}, \"weight_map\": {{{map}}}}}");
        File.WriteAllText(Path.Combine(folder, "config.json"),
            $$"""
            {"architectures": ["BertModel"], "model_type": "bert", "hidden_size": {{Hidden}}, "intermediate_size": {{Intermediate}}, "num_hidden_layers": {{layers}}, "num_attention_heads": 32, "vocab_size": {{Vocabulary}},
             "max_position_embeddings": {{Positions}}, "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "pad_token_id": 0}
            """);
    }

    private static IEnumerable<TensorInfo> Around() =>
    [
        Tensor("embeddings.word_embeddings.weight", Vocabulary, Hidden), Tensor("embeddings.position_embeddings.weight", Positions, Hidden), Tensor("embeddings.token_type_embeddings.weight", 2, Hidden),
        .. Norm("embeddings.LayerNorm"), .. Linear("pooler.dense", Hidden, Hidden),
    ];

    private static IEnumerable<TensorInfo> Layer(int i)
    {
        var layer = $"encoder.layer.{i}";
        return
        [
            .. Linear($"{layer}.attention.self.query", Hidden, Hidden), .. Linear($"{layer}.attention.self.key", Hidden, Hidden), .. Linear($"{layer}.attention.self.value", Hidden, Hidden),
            .. Linear($"{layer}.attention.output.dense", Hidden, Hidden), .. Norm($"{layer}.attention.output.LayerNorm"),
            .. Linear($"{layer}.intermediate.dense", Intermediate, Hidden), .. Linear($"{layer}.output.dense", Hidden, Intermediate), .. Norm($"{layer}.output.LayerNorm"),
        ];
    }

    private static TensorInfo[] Linear(string name, long outputs, long inputs) => [Tensor($"{name}.weight", outputs, inputs), Tensor($"{name}.bias", outputs)];

    private static TensorInfo[] Norm(string name) => [Tensor($"{name}.weight", Hidden), Tensor($"{name}.bias", Hidden)];

    private static TensorInfo Tensor(string name, params ReadOnlySpan<long> shape) => new(name, ElementType.Float, [.. shape]);

    private static IEnumerable<List<TensorInfo>> Split(IEnumerable<TensorInfo> tensors)
    {
        var shard = new List<TensorInfo>();
        foreach (var tensor in tensors)
        {
            if (shard.Count > 0 && shard.Sum(t => t.Bytes) + tensor.Bytes > ShardBytes)
            {
                yield return shard;
                shard = [];
            }
            shard.Add(tensor);
        }
        yield return shard;
    }

    private static void WriteShard(string path, List<TensorInfo> tensors, int seed)
    {
        using var writer = SafetensorsWriter.Create(path, tensors);
        var random = new Random(seed);
        var block = new float[BlockBytes / sizeof(float)];
        for (var i = 0; i < block.Length; i++) block[i] = (float)(random.NextDouble() - 0.5) * 0.04f;
        foreach (var tensor in tensors)
            for (var left = tensor.Bytes; left > 0; left -= BlockBytes) writer.Write(tensor.Name, MemoryMarshal.AsBytes(block.AsSpan())[..(int)Math.Min(left, BlockBytes)]);
        writer.Complete();
    }
}
