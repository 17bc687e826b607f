using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs;

/// <summary>Runs small graphs in ONNX Runtime, with weights given as numbers.</summary>
internal static class GraphRunner
{
    /// <summary>An index of tensors, all float32.</summary>
    internal static Dictionary<string, TensorInfo> Index(params (string Name, long[] Shape)[] tensors) => tensors.ToDictionary(t => t.Name, t => new TensorInfo(t.Name, ElementType.Float, [.. t.Shape]));

    /// <summary>The first output of a graph without weights, or whose weights have the given numbers.</summary>
    internal static float[] Run(Graph graph, Dictionary<string, (Array Data, long[] Shape)> inputs, Dictionary<string, float[]>? weights = null, string? output = null)
    {
        var model = graph.ToModel();
        foreach (var weight in model.Weights)
        {
            var source = (Recipe.Stored)(weight.Recipe switch { Recipe.Transposed t => t.Of, Recipe.Converted { To: ElementType.Float16 } c => c.Of, var stored => stored });
            var numbers = weights![source.Tensor.Name];
            if (weight.Recipe is Recipe.Transposed) numbers = Transpose(numbers, source.Shape);
            var bytes = weight.Recipe.Type == ElementType.Float16 ? MemoryMarshal.AsBytes<Half>(numbers.Select(n => (Half)n).ToArray()) : MemoryMarshal.AsBytes(numbers.AsSpan());
            model.Proto.Graph.Initializer.Single(i => i.Name == weight.Name).RawData = ByteString.CopyFrom(bytes);
        }
        using var session = new InferenceSession(model.Proto.ToByteArray());
        var feeds = inputs.ToDictionary(i => i.Key, i => i.Value.Data switch
        {
            long[] x => OrtValue.CreateTensorValueFromMemory(x, i.Value.Shape),
            float[] x => OrtValue.CreateTensorValueFromMemory(x, i.Value.Shape),
            _ => throw new ArgumentException("int64 and float32 only"),
        });
        using var run = new RunOptions();
        using var results = session.Run(run, feeds, [output ?? session.OutputNames[0]]);
        foreach (var feed in feeds.Values) feed.Dispose();
        var result = results[0];
        return result.GetTensorTypeAndShape().ElementDataType == Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Int64
            ? [.. result.GetTensorDataAsSpan<long>().ToArray().Select(v => (float)v)]
            : result.GetTensorDataAsSpan<float>().ToArray();
    }

    /// <summary>Numbers that look random and are always the same.</summary>
    internal static float[] Numbers(int count, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() * 2 - 1))];
    }

    private static float[] Transpose(float[] numbers, ImmutableArray<long> shape)
    {
        var (rows, columns) = ((int)shape[0], (int)shape[1]);
        var result = new float[numbers.Length];
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++) result[j * rows + i] = numbers[i * columns + j];
        return result;
    }
}
