using System.Runtime.InteropServices;

namespace OnnxTransformers.Generation;

/// <summary>Writes a package of a decoder of one attention layer, whose attention can write into the past's own buffer.</summary>
internal static class TinyDecoder
{
    internal const int Vocabulary = 40;
    private const int Size = 16;

    /// <summary>Writes the package.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="says">Whether the graph says that past and present may share a buffer.</param>
    /// <param name="extraInput">An input that nobody knows; null for none.</param>
    /// <param name="merged">Whether prompt and step are two branches, chosen by use_cache_branch, as optimum merges them.</param>
    /// <param name="begins">Whether the graph takes no past.</param>
    /// <param name="open">A dimension of the past's and present's vectors that the graph gives no size; null where it does.</param>
    internal static string Write(string folder, bool says, string? extraInput = null, bool merged = false, bool begins = false, string? open = null)
    {
        var random = new Random(4);
        var graph = new ProtoWriter();
        foreach (var name in new[] { "q", "k", "v" })
        {
            graph.Message(5, Floats($"{name}.weight", random, Vocabulary, Size));
            graph.Message(1, Node("Gather", [$"{name}.weight", "input_ids"], [name]));
        }
        graph.Message(5, Floats("head", random, Size, Vocabulary)).Message(5, Longs("one", [1], 1)).Message(5, Longs("index", [], 1));
        graph.Message(1, Node("ReduceSum", ["attention_mask", "one"], ["counts"], ("keepdims", 0)));
        graph.Message(1, Node("Sub", ["counts", "one"], ["last"]));
        graph.Message(1, Node("Cast", ["last"], ["seqlens"], ("to", (int)ElementType.Int32)));
        graph.Message(1, Node("Shape", ["attention_mask"], ["shape"]));
        graph.Message(1, Node("Gather", ["shape", "index"], ["total64"]));
        graph.Message(1, Node("Cast", ["total64"], ["total"], ("to", (int)ElementType.Int32)));
        string[] past = ["past_key_values.0.key", "past_key_values.0.value"], outputs = ["attended", "present.0.key", "present.0.value"];
        if (merged)
        {
            var choice = Node("If", ["use_cache_branch"], outputs);
            foreach (var (name, before) in new[] { ("then_branch", past), ("else_branch", ["", ""]) })
            {
                string[] inner = [.. outputs.Select(o => $"{name}.{o}")];
                var branch = new ProtoWriter().Message(1, Attention(before, inner)).Text(2, name);
                for (var i = 0; i < inner.Length; i++) branch.Message(12, i == 0 ? Info(inner[i], ElementType.Float, "batch_size", "sequence_length", Size) : Info(inner[i], ElementType.Float, "batch_size", 2, "length", Size / 2));
                choice.Message(5, new ProtoWriter().Text(1, name).Message(6, branch).Number(20, 5));
            }
            graph.Message(1, choice).Message(11, Info("use_cache_branch", ElementType.Bool, 1));
        }
        else graph.Message(1, Attention(begins ? ["", ""] : past, outputs));
        graph.Message(1, Node("MatMul", ["attended", "head"], ["logits"])).Text(2, "tiny");
        graph.Message(11, Info("input_ids", ElementType.Int64, "batch_size", "sequence_length")).Message(11, Info("attention_mask", ElementType.Int64, "batch_size", "total_sequence_length"));
        foreach (var part in new[] { "key", "value" })
        {
            object size = open is null ? Size / 2 : open;
            if (!begins) graph.Message(11, Info($"past_key_values.0.{part}", ElementType.Float, "batch_size", 2, "past_sequence_length", size));
            graph.Message(12, Info($"present.0.{part}", ElementType.Float, "batch_size", 2, "total_sequence_length", size));
        }
        if (extraInput is not null) graph.Message(11, Info(extraInput, ElementType.Float, "batch_size"));
        graph.Message(12, Info("logits", ElementType.Float, "batch_size", "sequence_length", Vocabulary));
        var model = new ProtoWriter().Number(1, 10).Message(7, graph).Message(8, new ProtoWriter().Number(2, 21)).Message(8, new ProtoWriter().Text(1, "com.microsoft").Number(2, 1));
        if (says) model.Message(14, new ProtoWriter().Text(1, "past_present_share_buffer").Text(2, "true"));
        Directory.CreateDirectory(Path.Combine(folder, "onnx"));
        File.WriteAllBytes(Path.Combine(folder, "onnx", "model.onnx"), model.ToArray());
        File.WriteAllText(Path.Combine(folder, "config.json"), """{"model_type": "tiny", "eos_token_id": 2, "pad_token_id": 0, "max_position_embeddings": 64}""");
        return folder;
    }

    private static ProtoWriter Attention(string[] past, string[] outputs) =>
        Node("GroupQueryAttention", ["q", "k", "v", .. past, "seqlens", "total"], outputs, ("num_heads", 2), ("kv_num_heads", 2)).Text(7, "com.microsoft");

    private static ProtoWriter Node(string op, string[] inputs, string[] outputs, params (string Name, long Value)[] attributes)
    {
        var node = new ProtoWriter();
        foreach (var input in inputs) node.Text(1, input);
        foreach (var output in outputs) node.Text(2, output);
        node.Text(4, op);
        foreach (var (name, value) in attributes) node.Message(5, new ProtoWriter().Text(1, name).Number(3, value).Number(20, 2));
        return node;
    }

    private static ProtoWriter Floats(string name, Random random, params int[] shape)
    {
        var values = new float[shape.Aggregate(1, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++) values[i] = (float)(random.NextDouble() * 4) - 2;
        return Tensor(name, ElementType.Float, [.. shape.Select(d => (long)d)], MemoryMarshal.AsBytes(values.AsSpan()));
    }

    private static ProtoWriter Longs(string name, long[] shape, params long[] values) => Tensor(name, ElementType.Int64, shape, MemoryMarshal.AsBytes(values.AsSpan()));

    private static ProtoWriter Tensor(string name, ElementType type, long[] shape, ReadOnlySpan<byte> raw)
    {
        var tensor = new ProtoWriter();
        foreach (var d in shape) tensor.Number(1, d);
        return tensor.Number(2, (int)type).Text(8, name).Bytes(9, raw);
    }

    private static ProtoWriter Info(string name, ElementType type, params object[] shape)
    {
        var dimensions = new ProtoWriter();
        foreach (var d in shape) dimensions.Message(1, d is string symbol ? new ProtoWriter().Text(2, symbol) : new ProtoWriter().Number(1, (int)d));
        return new ProtoWriter().Text(1, name).Message(2, new ProtoWriter().Message(1, new ProtoWriter().Number(1, (int)type).Message(2, dimensions)));
    }
}
