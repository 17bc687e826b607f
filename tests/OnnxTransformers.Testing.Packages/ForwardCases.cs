using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Ort = Microsoft.ML.OnnxRuntime;

namespace OnnxTransformers.Testing;

/// <summary>Runs a package's graph on the inputs of a golden case and compares what comes out, as fixtures/README.md says.</summary>
public static class ForwardCases
{
    /// <summary>Compares one case.</summary>
    /// <param name="package">The package's folder.</param>
    /// <param name="golden">A case of kind "forward".</param>
    /// <param name="graph">The graph's file within onnx/.</param>
    /// <returns>What differs, output by output; empty where all agrees.</returns>
    public static IReadOnlyList<string> Differences(string package, GoldenCase golden, string graph = "model.onnx")
    {
        using var options = new Ort.SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, IntraOpNumThreads = 1 };
        using var session = new InferenceSession(Path.Combine(package, "onnx", graph), options);
        var feeds = session.InputMetadata.Select(i => Feed(i.Key, i.Value, golden)).ToList();
        using var results = session.Run(feeds);
        var got = results.ToDictionary(r => r.Name, r => r.AsTensor<float>());
        return [.. golden.Outputs.Select(name => Difference(name, got, golden)).OfType<string>()];
    }

    private static string? Difference(string name, Dictionary<string, Tensor<float>> got, GoldenCase golden)
    {
        if (got.TryGetValue(name, out var tensor)) return golden.Difference(name, [.. tensor.Dimensions.ToArray().Select(d => (long)d)], tensor.ToArray());
        // Outputs of a part, as text_model_output.last_hidden_state, are not in every graph.
        return name.Contains('.', StringComparison.Ordinal) ? null : $"{name}: not an output of the graph";
    }

    private static NamedOnnxValue Feed(string name, NodeMetadata declared, GoldenCase golden)
    {
        if (golden.Inputs.Contains(name)) return Feed(name, declared, golden.Input(name));
        var ids = golden.Input("input_ids");
        if (name.StartsWith("past_", StringComparison.Ordinal)) return Empty(name, declared, (int)ids.Shape[0]);
        if (name == "position_ids") return NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(Positions(golden, ids), Dims(ids)));
        var fill = name switch { "attention_mask" => 1L, "token_type_ids" => 0L, _ => throw new KeyNotFoundException($"The case {golden.Name} has no {name}") };
        return NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(Enumerable.Repeat(fill, ids.Count).ToArray(), Dims(ids)));
    }

    /// <summary>A past without tokens.</summary>
    private static NamedOnnxValue Empty(string name, NodeMetadata declared, int rows) =>
        NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>(Array.Empty<float>(), [.. declared.Dimensions.Select((d, axis) => d >= 0 ? d : axis == 0 ? rows : 0)]));

    /// <summary>What the reference counts where it is given none: the places.</summary>
    private static long[] Positions(GoldenCase golden, GoldenTensor ids)
    {
        var past = golden.Inputs.FirstOrDefault(i => i.StartsWith("past_key_values.", StringComparison.Ordinal)) is { } key ? golden.Input(key).Shape[2] : 0;
        return [.. Enumerable.Range(0, ids.Count).Select(i => past + i % ids.Shape[1])];
    }

    private static NamedOnnxValue Feed(string name, NodeMetadata declared, GoldenTensor tensor) => declared.ElementDataType == TensorElementType.Int64
        ? NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(tensor.Longs(), Dims(tensor)))
        : NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>(tensor.Floats(), Dims(tensor)));

    private static int[] Dims(GoldenTensor tensor) => [.. tensor.Shape.Select(d => (int)d)];
}
