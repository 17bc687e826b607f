using System.Runtime.InteropServices;
using OnnxTransformers.Checkpoints;

namespace OnnxTransformers.Processors.Benchmarks;

/// <summary>Checkpoints of random weights in the shapes of well-known ones: ViT-B/16 and CLIP ViT-B/32.</summary>
internal static class SyntheticVision
{
    private const int Wide = 768, Narrow = 512, Layers = 12, Space = 512, Labels = 1000, Side = 224;

    /// <summary>As google/vit-base-patch16-224.</summary>
    internal static void WriteVit(string folder)
    {
        const int Patch = 16;
        Write(folder,
        [
            new("vit.embeddings.cls_token", ElementType.Float, [1, 1, Wide]), new("vit.embeddings.position_embeddings", ElementType.Float, [1, Side / Patch * (Side / Patch) + 1, Wide]),
            new("vit.embeddings.patch_embeddings.projection.weight", ElementType.Float, [Wide, 3, Patch, Patch]), Vector("vit.embeddings.patch_embeddings.projection.bias", Wide),
            .. Enumerable.Range(0, Layers).SelectMany(i => Names(i)), .. Norm("vit.layernorm", Wide), .. Linear("classifier", Labels, Wide),
        ]);
        var labels = string.Join(", ", Enumerable.Range(0, Labels).Select(i => $"\"{i}\": \"label {i}\""));
        File.WriteAllText(Path.Combine(folder, "config.json"), $$"""
            {"architectures": ["ViTForImageClassification"], "model_type": "vit", "hidden_size": {{Wide}}, "intermediate_size": {{4 * Wide}}, "num_hidden_layers": {{Layers}}, "num_attention_heads": 12, "image_size": {{Side}}, "patch_size": {{Patch}}, "id2label": { {{labels}} } }
            """);
        File.WriteAllText(Path.Combine(folder, "preprocessor_config.json"), """
            {"image_processor_type": "ViTImageProcessor", "do_normalize": true, "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 2, "rescale_factor": 0.00392156862745098, "size": {"height": 224, "width": 224}}
            """);

        static IEnumerable<TensorInfo> Names(int i)
        {
            var layer = $"vit.encoder.layer.{i}";
            return
            [
                .. Norm($"{layer}.layernorm_before", Wide), .. Norm($"{layer}.layernorm_after", Wide), .. Linear($"{layer}.attention.attention.query", Wide, Wide), .. Linear($"{layer}.attention.attention.key", Wide, Wide),
                .. Linear($"{layer}.attention.attention.value", Wide, Wide), .. Linear($"{layer}.attention.output.dense", Wide, Wide), .. Linear($"{layer}.intermediate.dense", 4 * Wide, Wide), .. Linear($"{layer}.output.dense", Wide, 4 * Wide),
            ];
        }
    }

    /// <summary>As openai/clip-vit-base-patch32, with another's tokenizer.</summary>
    internal static void WriteClip(string folder, string tokenizer)
    {
        const int Patch = 32, Positions = 77, Vocabulary = 49408;
        Write(folder,
        [
            Vector("vision_model.embeddings.class_embedding", Wide), new("vision_model.embeddings.patch_embedding.weight", ElementType.Float, [Wide, 3, Patch, Patch]),
            new("vision_model.embeddings.position_embedding.weight", ElementType.Float, [Side / Patch * (Side / Patch) + 1, Wide]), .. Norm("vision_model.pre_layrnorm", Wide), .. Norm("vision_model.post_layernorm", Wide),
            new("text_model.embeddings.token_embedding.weight", ElementType.Float, [Vocabulary, Narrow]), new("text_model.embeddings.position_embedding.weight", ElementType.Float, [Positions, Narrow]), .. Norm("text_model.final_layer_norm", Narrow),
            .. Enumerable.Range(0, Layers).SelectMany(i => Names($"vision_model.encoder.layers.{i}", Wide)), .. Enumerable.Range(0, Layers).SelectMany(i => Names($"text_model.encoder.layers.{i}", Narrow)),
            new("visual_projection.weight", ElementType.Float, [Space, Wide]), new("text_projection.weight", ElementType.Float, [Space, Narrow]), new("logit_scale", ElementType.Float, []),
        ]);
        var special = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(Path.Combine(tokenizer, "config.json"))).RootElement.GetProperty("text_config");
        File.WriteAllText(Path.Combine(folder, "config.json"), $$"""
            {"architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": {{Space}}, "text_config": {"model_type": "clip_text_model", "vocab_size": {{Vocabulary}}, "hidden_size": {{Narrow}}, "intermediate_size": {{4 * Narrow}}, "num_hidden_layers": {{Layers}},
             "num_attention_heads": 8, "max_position_embeddings": {{Positions}}, "bos_token_id": {{special.GetProperty("bos_token_id")}}, "eos_token_id": {{special.GetProperty("eos_token_id")}} },
             "vision_config": {"model_type": "clip_vision_model", "hidden_size": {{Wide}}, "intermediate_size": {{4 * Wide}}, "num_hidden_layers": {{Layers}}, "num_attention_heads": 12, "image_size": {{Side}}, "patch_size": {{Patch}} } }
            """);
        File.WriteAllText(Path.Combine(folder, "preprocessor_config.json"), """
            {"image_processor_type": "CLIPImageProcessor", "do_center_crop": true, "do_convert_rgb": true, "do_normalize": true, "do_rescale": true, "do_resize": true, "crop_size": {"height": 224, "width": 224}, "size": {"shortest_edge": 224},
             "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "rescale_factor": 0.00392156862745098}
            """);
        foreach (var file in (ReadOnlySpan<string>)["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt"]) File.Copy(Path.Combine(tokenizer, file), Path.Combine(folder, file));

        static IEnumerable<TensorInfo> Names(string layer, int width) =>
        [
            .. Norm($"{layer}.layer_norm1", width), .. Norm($"{layer}.layer_norm2", width), .. Linear($"{layer}.self_attn.q_proj", width, width), .. Linear($"{layer}.self_attn.k_proj", width, width),
            .. Linear($"{layer}.self_attn.v_proj", width, width), .. Linear($"{layer}.self_attn.out_proj", width, width), .. Linear($"{layer}.mlp.fc1", 4 * width, width), .. Linear($"{layer}.mlp.fc2", width, 4 * width),
        ];
    }

    private static TensorInfo Vector(string name, long width) => new(name, ElementType.Float, [width]);

    private static TensorInfo[] Linear(string name, long outputs, long inputs) => [new($"{name}.weight", ElementType.Float, [outputs, inputs]), Vector($"{name}.bias", outputs)];

    private static TensorInfo[] Norm(string name, long width) => [Vector($"{name}.weight", width), Vector($"{name}.bias", width)];

    private static void Write(string folder, TensorInfo[] tensors)
    {
        Directory.CreateDirectory(folder);
        using var writer = SafetensorsWriter.Create(Path.Combine(folder, "model.safetensors"), tensors);
        var random = new Random(1);
        foreach (var tensor in tensors)
        {
            var values = new float[tensor.Bytes / sizeof(float)];
            for (var i = 0; i < values.Length; i++) values[i] = (float)(random.NextDouble() - 0.5) * 0.1f;
            writer.Write(tensor.Name, MemoryMarshal.AsBytes(values.AsSpan()));
        }
        writer.Complete();
    }
}
