using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Ort = Microsoft.ML.OnnxRuntime;

namespace OnnxTransformers.Testing;

/// <summary>Runs a package's graph on the inputs of a golden case and compares what comes out, as fixtures/README.md says.</summary>
public static class ForwardCases
{
    /// <summary>Which pixels are real; all where the reference is given none.</summary>
    private const string PixelMask = "pixel_mask";

    /// <summary>Compares one case.</summary>
    /// <param name="package">The package's folder.</param>
    /// <param name="golden">A case of kind "forward".</param>
    /// <param name="graph">The graph's file within onnx/.</param>
    /// <returns>What differs, output by output; empty where all agrees.</returns>
    public static IReadOnlyList<string> Differences(string package, GoldenCase golden, string graph = "model.onnx") => Differences(golden, [Path.Combine(package, "onnx", graph)]);

    /// <summary>Compares one case with every graph of a package that its inputs suffice for: each output must be in one of them, and right in all that have it.</summary>
    public static IReadOnlyList<string> DifferencesOfAll(string package, GoldenCase golden) => Differences(golden, [.. Directory.EnumerateFiles(Path.Combine(package, "onnx"), "*.onnx").Order(StringComparer.Ordinal)]);

    private static List<string> Differences(GoldenCase golden, IReadOnlyList<string> files)
    {
        using var options = new Ort.SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, IntraOpNumThreads = 1 };
        List<string> differences = [];
        HashSet<string> found = [];
        foreach (var file in files)
        {
            using var session = new InferenceSession(file, options);
            if (files.Count > 1 && !session.InputMetadata.Keys.All(i => Has(i, golden))) continue;
            var feeds = session.InputMetadata.Select(i => Feed(i.Key, i.Value, golden)).ToList();
            using var results = session.Run(feeds);
            foreach (var result in results.Where(r => golden.Outputs.Contains(r.Name)))
            {
                found.Add(result.Name);
                var (shape, values) = Read(result);
                if (golden.Difference(result.Name, shape, values) is { } difference) differences.Add(difference);
            }
        }
        // Outputs of a part, as text_model_output.last_hidden_state, are not in every graph.
        differences.AddRange(golden.Outputs.Where(o => !found.Contains(o) && !o.Contains('.', StringComparison.Ordinal)).Select(o => $"{o}: not an output of {string.Join(", ", files.Select(Path.GetFileName))}"));
        return differences;
    }

    private static (long[] Shape, float[] Values) Read(DisposableNamedOnnxValue result) => result.Value switch
    {
        Tensor<float> floats => (Shape(floats.Dimensions), floats.ToArray()),
        Tensor<long> integers => (Shape(integers.Dimensions), [.. integers.Select(v => (float)v)]),
        var other => throw new InvalidOperationException($"{result.Name}: {other.GetType()}"),
    };

    private static long[] Shape(ReadOnlySpan<int> dims) => [.. dims.ToArray().Select(d => (long)d)];

    /// <summary>Whether a case has an input, or what it takes to make it.</summary>
    private static bool Has(string name, GoldenCase golden) => golden.Inputs.Contains(name) || (name == PixelMask && golden.Inputs.Contains("pixel_values")) || (golden.Inputs.Contains("input_ids") && (name is "attention_mask" or "token_type_ids" or "position_ids" || name.StartsWith("past_", StringComparison.Ordinal)));

    private static NamedOnnxValue Feed(string name, NodeMetadata declared, GoldenCase golden)
    {
        if (golden.Inputs.Contains(name)) return Feed(name, declared, golden.Input(name));
        if (name == PixelMask)
        {
            int[] cells = [.. golden.Input("pixel_values").Shape.Where((_, axis) => axis != 1).Select(d => (int)d)];
            return NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(Enumerable.Repeat(1L, cells.Aggregate(1, (a, b) => a * b)).ToArray(), cells));
        }
        var ids = golden.Input("input_ids");
        if (name.StartsWith("past_", StringComparison.Ordinal)) return Empty(name, declared, (int)ids.Shape[0]);
        if (name == "position_ids") return NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(Positions(golden, ids), Dims(ids)));
        var fill = name switch { "attention_mask" => 1L, "token_type_ids" => 0L, _ => throw new KeyNotFoundException($"The case {golden.Name} has no {name}") };
        return NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(Enumerable.Repeat(fill, ids.Count).ToArray(), Dims(ids)));
    }

    /// <summary>A past without tokens: no keys and values, and zeros for states of fixed size.</summary>
    private static NamedOnnxValue Empty(string name, NodeMetadata declared, int rows)
    {
        int[] shape = [.. declared.Dimensions.Select((d, axis) => d >= 0 ? d : axis == 0 ? rows : 0)];
        return NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>(new float[shape.Aggregate(1, (a, b) => a * b)], shape));
    }

    /// <summary>What the reference counts where it is given none: the places.</summary>
    private static long[] Positions(GoldenCase golden, GoldenTensor ids)
    {
        var past = golden.Inputs.FirstOrDefault(i => i.StartsWith("past_key_values.", StringComparison.Ordinal)) is { } key ? golden.Input(key).Shape[2] : 0;
        return [.. Enumerable.Range(0, ids.Count).Select(i => past + i % ids.Shape[1])];
    }

    private static NamedOnnxValue Feed(string name, NodeMetadata declared, GoldenTensor tensor) => declared.ElementDataType switch
    {
        TensorElementType.Int64 => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(tensor.Longs(), Dims(tensor))),
        TensorElementType.Bool => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<bool>(tensor.Floats().Select(v => v != 0).ToArray(), Dims(tensor))),
        _ => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>(tensor.Floats(), Dims(tensor))),
    };

    private static int[] Dims(GoldenTensor tensor) => [.. tensor.Shape.Select(d => (int)d)];
}
