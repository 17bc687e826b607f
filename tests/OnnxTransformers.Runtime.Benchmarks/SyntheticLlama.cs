using System.Runtime.InteropServices;
using OnnxTransformers.Checkpoints;

namespace OnnxTransformers.Runtime.Benchmarks;

/// <summary>A Llama of random weights with 130 million parameters, output table included: 12 layers of 768, 12 heads over 4 of keys and values, 32,000 tokens.</summary>
internal static class SyntheticLlama
{
    internal const int Vocabulary = 32000;
    private const int Hidden = 768, Layers = 12, Heads = 12, KvHeads = 4, HeadSize = Hidden / Heads, Width = 2048;

    internal static void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        TensorInfo[] tensors = [Tensor("model.embed_tokens.weight", Vocabulary, Hidden), .. Enumerable.Range(0, Layers).SelectMany(Layer), Tensor("model.norm.weight", Hidden), Tensor("lm_head.weight", Vocabulary, Hidden)];
        using (var writer = SafetensorsWriter.Create(Path.Combine(folder, "model.safetensors"), tensors))
        {
            var random = new Random(7);
            foreach (var tensor in tensors)
            {
                var values = new float[tensor.Bytes / sizeof(float)];
                var isNorm = tensor.Shape.Length == 1;
                for (var i = 0; i < values.Length; i++) values[i] = isNorm ? 1 : (float)((random.NextDouble() - 0.5) * 0.12);
                writer.Write(tensor.Name, MemoryMarshal.AsBytes(values.AsSpan()));
            }
            writer.Complete();
        }
        File.WriteAllText(Path.Combine(folder, "config.json"),
            $$"""
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": {{Hidden}}, "intermediate_size": {{Width}}, "num_hidden_layers": {{Layers}}, "num_attention_heads": {{Heads}}, "num_key_value_heads": {{KvHeads}},
             "vocab_size": {{Vocabulary}}, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
            """);
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), Tokens());
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<2>", "pad_token": "<0>", "bos_token": "<1>"}""");
    }

    /// <summary>Tokens for a prompt, the same in every process.</summary>
    internal static int[] Prompt(int row, int length)
    {
        var random = new Random(1000 + row);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(3, Vocabulary))];
    }

    private static IEnumerable<TensorInfo> Layer(int i)
    {
        var layer = $"model.layers.{i}";
        return
        [
            Tensor($"{layer}.self_attn.q_proj.weight", Hidden, Hidden), Tensor($"{layer}.self_attn.k_proj.weight", KvHeads * HeadSize, Hidden), Tensor($"{layer}.self_attn.v_proj.weight", KvHeads * HeadSize, Hidden),
            Tensor($"{layer}.self_attn.o_proj.weight", Hidden, Hidden), Tensor($"{layer}.mlp.gate_proj.weight", Width, Hidden), Tensor($"{layer}.mlp.up_proj.weight", Width, Hidden),
            Tensor($"{layer}.mlp.down_proj.weight", Hidden, Width), Tensor($"{layer}.input_layernorm.weight", Hidden), Tensor($"{layer}.post_attention_layernorm.weight", Hidden),
        ];
    }

    private static TensorInfo Tensor(string name, params ReadOnlySpan<long> shape) => new(name, ElementType.Float, [.. shape]);

    private static string Tokens() => $$"""{"version": "1.0", "pre_tokenizer": {"type": "WhitespaceSplit"}, "model": {"type": "WordLevel", "unk_token": "<0>", "vocab": { {{string.Join(", ", Enumerable.Range(0, Vocabulary).Select(i => $"\"<{i}>\": {i}"))}} } } }""";
}
