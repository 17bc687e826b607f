using System.Collections.Immutable;
using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace OnnxTransformers.Checkpoints;

/// <summary>CLIP as OpenAI published it: a file of weights and nothing beside it. Its sizes are those of its tensors, all else is fixed. Reference: openai/CLIP, clip/model.py (build_model), clip/clip.py, clip/simple_tokenizer.py.</summary>
internal static class OpenAiClip
{
    /// <summary>The model type of networks that transformers doesn't have: those with a residual network for images.</summary>
    internal const string ResNetType = "openai-clip";

    /// <summary>A tensor of networks with a transformer for images.</summary>
    internal const string Marker = "visual.transformer.resblocks.0.attn.in_proj_weight";

    /// <summary>A tensor of those with a residual network.</summary>
    internal const string ResNetMarker = "visual.attnpool.positional_embedding";

    /// <summary>The file of merges that its tokenizer reads.</summary>
    internal const string Vocabulary = "bpe_simple_vocab_16e6.txt.gz";

    private const int HeadWidth = 64, Words = 49408, Merges = 48894;
    private const string Start = "<|startoftext|>", End = "<|endoftext|>";

    private static readonly ImmutableArray<float> Means = [0.48145466f, 0.4578275f, 0.40821073f], Deviations = [0.26862954f, 0.26130258f, 0.27577711f];

    private static readonly string[] Always = ["visual.conv1.weight", "transformer.resblocks.0.mlp.c_fc.weight", "token_embedding.weight", "positional_embedding", "text_projection", "ln_final.weight"];
    private static readonly string[] OfTransformers = [Marker, "visual.positional_embedding", "visual.transformer.resblocks.0.mlp.c_fc.weight"];
    private static readonly string[] OfResNets = [ResNetMarker, "visual.layer1.0.conv1.weight"];
    private static readonly string[] ImageSteps = ["do_convert_rgb", "do_resize", "do_center_crop", "do_rescale", "do_normalize"];
    private static readonly string[] NotOfToken = ["single_word", "lstrip", "rstrip"];
    private static readonly string[] OfToken = ["normalized", "special"];

    /// <summary>Whether these are its tensors.</summary>
    internal static bool Recognizes(IReadOnlyDictionary<string, TensorInfo> tensors) =>
        Always.All(tensors.ContainsKey)
        && (OfTransformers.All(tensors.ContainsKey) || OfResNets.All(tensors.ContainsKey));

    /// <summary>config.json, preprocessor_config.json, and where the vocabulary is there and is that of the words, tokenizer.json and tokenizer_config.json.</summary>
    /// <param name="tensors">The tensors.</param>
    /// <param name="vocabulary">Where its tokenizer's file would be.</param>
    internal static ImmutableArray<MadeFile> Files(IReadOnlyDictionary<string, TensorInfo> tensors, string vocabulary)
    {
        var (config, side) = Config(tensors);
        var files = ImmutableArray.Create(new MadeFile("config.json", config), new MadeFile("preprocessor_config.json", Preprocessor(side)));
        return tensors["token_embedding.weight"].Shape[0] != Words || !File.Exists(vocabulary) ? files
            : files.Add(new MadeFile("tokenizer.json", Tokenizer(ReadMerges(vocabulary)))).Add(new MadeFile("tokenizer_config.json", TokenizerConfig(tensors["positional_embedding"].Shape[0])));
    }

    private static (byte[] Json, long Side) Config(IReadOnlyDictionary<string, TensorInfo> tensors)
    {
        long Size(string name, int axis) => tensors[name].Shape[axis];
        int Blocks(string prefix) => tensors.Keys.Count(n => n.StartsWith(prefix, StringComparison.Ordinal) && n.EndsWith(".attn.in_proj_weight", StringComparison.Ordinal));
        var resNet = tensors.ContainsKey(ResNetMarker);
        // A residual network halves an image five times.
        var patch = resNet ? 32 : Size("visual.conv1.weight", 2);
        var side = patch * (long)Math.Sqrt(Size(resNet ? ResNetMarker : "visual.positional_embedding", 0) - 1);
        var json = Write(w =>
        {
            Texts(w, "architectures", "CLIPModel");
            w.WriteString("model_type", resNet ? ResNetType : "clip");
            w.WriteNumber("projection_dim", Size("text_projection", 1));
            w.WriteStartObject("text_config");
            Tower(w, "clip_text_model", Size("ln_final.weight", 0), Size("transformer.resblocks.0.mlp.c_fc.weight", 0), Blocks("transformer.resblocks."));
            w.WriteNumber("vocab_size", Size("token_embedding.weight", 0));
            w.WriteNumber("max_position_embeddings", Size("positional_embedding", 0));
            // The largest id ends a text, whatever it is.
            w.WriteNumber("eos_token_id", 2);
            w.WriteNumber("pad_token_id", 0);
            w.WriteEndObject();
            w.WriteStartObject("vision_config");
            if (resNet) ResNet(w, Size("visual.layer1.0.conv1.weight", 0), [.. Enumerable.Range(1, 4).Select(i => tensors.Keys.Count(n => n.StartsWith($"visual.layer{i}.", StringComparison.Ordinal) && n.EndsWith(".conv1.weight", StringComparison.Ordinal)))]);
            else Tower(w, "clip_vision_model", Size("visual.conv1.weight", 0), Size("visual.transformer.resblocks.0.mlp.c_fc.weight", 0), Blocks("visual.transformer.resblocks."));
            w.WriteNumber("image_size", side);
            if (!resNet) w.WriteNumber("patch_size", patch);
            w.WriteNumber("num_channels", Size("visual.conv1.weight", 1));
            w.WriteEndObject();
        });
        return (json, side);
    }

    private static void Tower(Utf8JsonWriter w, string type, long width, long inner, int layers)
    {
        w.WriteString("model_type", type);
        w.WriteNumber("hidden_size", width);
        w.WriteNumber("intermediate_size", inner);
        w.WriteNumber("num_hidden_layers", layers);
        w.WriteNumber("num_attention_heads", width / HeadWidth);
        w.WriteString("hidden_act", "quick_gelu");
        w.WriteNumber("layer_norm_eps", 1e-5);
    }

    private static void ResNet(Utf8JsonWriter w, long width, ImmutableArray<int> depths)
    {
        w.WriteString("model_type", "openai_clip_resnet");
        w.WriteNumber("embedding_size", width);
        w.WriteStartArray("depths");
        foreach (var depth in depths) w.WriteNumberValue(depth);
        w.WriteEndArray();
    }

    private static byte[] Preprocessor(long side) => Write(w =>
    {
        w.WriteString("image_processor_type", "CLIPImageProcessor");
        foreach (var step in ImageSteps) w.WriteBoolean(step, true);
        w.WriteStartObject("size");
        w.WriteNumber("shortest_edge", side);
        w.WriteEndObject();
        w.WriteStartObject("crop_size");
        w.WriteNumber("height", side);
        w.WriteNumber("width", side);
        w.WriteEndObject();
        w.WriteNumber("resample", 3);
        w.WriteNumber("rescale_factor", 1.0 / 255);
        Numbers(w, "image_mean", Means);
        Numbers(w, "image_std", Deviations);
    });

    private static byte[] TokenizerConfig(long length) => Write(w =>
    {
        w.WriteString("tokenizer_class", "CLIPTokenizer");
        w.WriteNumber("model_max_length", length);
        foreach (var (key, token) in new[] { ("bos_token", Start), ("eos_token", End), ("unk_token", End), ("pad_token", End) }) w.WriteString(key, token);
        w.WriteBoolean("clean_up_tokenization_spaces", false);
    });

    private static List<string> ReadMerges(string path)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress), Encoding.UTF8);
        reader.ReadLine();
        var merges = new List<string>(Merges);
        while (merges.Count < Merges && reader.ReadLine() is { } line) merges.Add(line);
        return merges.Count == Merges && merges.All(m => m.Split(' ').Length == 2) ? merges : throw new CorruptCheckpointException($"reading {Vocabulary}", new Problem("", $"{merges.Count} merges", $"{Merges}", "download it again"));
    }

    /// <summary>The tokenizer as tokenizer.json has it. The original mends broken encodings and HTML's entities before; texts that have neither come out the same.</summary>
    private static byte[] Tokenizer(List<string> merges) => Write(w =>
    {
        w.WriteString("version", "1.0");
        w.WriteStartArray("added_tokens");
        foreach (var (token, i) in new[] { Start, End }.Select((t, i) => (t, i)))
        {
            w.WriteStartObject();
            w.WriteNumber("id", Words - 2 + i);
            w.WriteString("content", token);
            foreach (var flag in NotOfToken) w.WriteBoolean(flag, false);
            foreach (var flag in OfToken) w.WriteBoolean(flag, true);
            w.WriteEndObject();
        }
        w.WriteEndArray();
        w.WritePropertyName("normalizer");
        w.WriteRawValue("""{"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Lowercase"}]}""");
        w.WritePropertyName("pre_tokenizer");
        w.WriteRawValue("""{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"}, "behavior": "Removed", "invert": true}, {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}]}""");
        w.WritePropertyName("post_processor");
        w.WriteRawValue($$"""{"type": "RobertaProcessing", "sep": ["{{End}}", {{Words - 1}}], "cls": ["{{Start}}", {{Words - 2}}], "trim_offsets": false, "add_prefix_space": false}""");
        w.WritePropertyName("decoder");
        w.WriteRawValue("""{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true}""");
        w.WriteStartObject("model");
        w.WriteString("type", "BPE");
        w.WriteString("unk_token", End);
        w.WriteString("continuing_subword_prefix", "");
        w.WriteString("end_of_word_suffix", "</w>");
        w.WriteStartObject("vocab");
        string[] letters = [.. Letters()];
        var id = 0;
        foreach (var token in letters.Concat(letters.Select(l => l + "</w>")).Concat(merges.Select(m => m.Replace(" ", "", StringComparison.Ordinal))).Concat([Start, End])) w.WriteNumber(token, id++);
        w.WriteEndObject();
        Texts(w, "merges", [.. merges]);
        w.WriteEndObject();
    });

    /// <summary>A letter for each byte, as GPT-2 has them: printable ones stand for themselves and come first.</summary>
    private static IEnumerable<string> Letters()
    {
        static bool IsPlain(int b) => b is (>= '!' and <= '~') or (>= 0xa1 and <= 0xac) or >= 0xae;
        var bytes = Enumerable.Range(0, 256).ToList();
        return bytes.Where(IsPlain).Select(b => $"{(char)b}").Concat(bytes.Where(b => !IsPlain(b)).Select((_, i) => $"{(char)(256 + i)}"));
    }

    private static void Texts(Utf8JsonWriter w, string key, params ReadOnlySpan<string> values)
    {
        w.WriteStartArray(key);
        foreach (var value in values) w.WriteStringValue(value);
        w.WriteEndArray();
    }

    private static void Numbers(Utf8JsonWriter w, string key, ImmutableArray<float> values)
    {
        w.WriteStartArray(key);
        foreach (var value in values) w.WriteNumberValue(value);
        w.WriteEndArray();
    }

    private static byte[] Write(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }
        return stream.ToArray();
    }
}
