using OnnxTransformers.Processors;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Pipelines.Vision;

/// <summary>Packages of graphs of a few nodes over pixels, so that each answer can be worked out by hand. Pictures are Windows bitmaps, which no decoder is needed for.</summary>
internal sealed class TinyVision : IDisposable
{
    private const string Plain = "\"do_rescale\": true, \"rescale_factor\": 0.00392156862745098, \"do_normalize\": false";
    private readonly ScratchFolder _folder = new();

    private TinyVision(string config, string processor) => _folder.Write("config.json", config).Write("preprocessor_config.json", processor);

    internal string Folder => _folder.FullName;

    internal PipelineOptions Options => new() { SourceFolder = Folder, FilesFolder = _folder["files"], DrawFolder = _folder["drawn"] };

    /// <summary>Values of pixels between 0 and 1, resized to a square.</summary>
    internal static string Processor(string type, int side) => $$"""{"image_processor_type": "{{type}}", "do_resize": true, "size": {"height": {{side}}, "width": {{side}}}, {{Plain}}}""";

    /// <summary>Logits are the means of the channels: [B, 3].</summary>
    internal static TinyVision Classifier(string config, string output = "logits")
    {
        var package = new TinyVision(config, Processor("ViTImageProcessor", 4));
        return package.Write(Pixels().Int64("axes", [2], 2, 3).Node("ReduceMean", ["pixel_values", "axes"], [output], ("keepdims", 0)).Output(output, ElementType.Float, "batch_size", 3));
    }

    /// <summary>Logits are the means of the channels over all frames: [B, 3].</summary>
    internal static TinyVision VideoClassifier(string config, object? frames = null)
    {
        var package = new TinyVision(config, $$"""{"image_processor_type": "VideoMAEImageProcessor", "do_resize": true, "size": {"shortest_edge": 4}, "do_center_crop": true, "crop_size": {"height": 4, "width": 4}, {{Plain}}}""");
        return package.Write(new TinyOnnx().Input("pixel_values", ElementType.Float, "batch_size", frames ?? "frames", 3, "height", "width").Int64("axes", [3], 1, 3, 4)
            .Node("ReduceMean", ["pixel_values", "axes"], ["logits"], ("keepdims", 0)).Output("logits", ElementType.Float, "batch_size", 3));
    }

    /// <summary>An output is the first channel: [B, height, width].</summary>
    internal static TinyVision FirstChannel(string processor, string output)
    {
        var package = new TinyVision("{}", processor);
        return package.Write(Pixels().Int64("first", [], 0).Node("Gather", ["pixel_values", "first"], [output], ("axis", 1)).Output(output, ElementType.Float, "batch_size", "height", "width"));
    }

    /// <summary>An output is the pixels themselves.</summary>
    internal static TinyVision Same(string processor, string output, string config = "{}")
    {
        var package = new TinyVision(config, processor);
        return package.Write(Pixels().Node("Identity", ["pixel_values"], [output]).Output(output, ElementType.Float, "batch_size", 3, "height", "width"));
    }

    /// <summary>Outputs are the same whatever the picture.</summary>
    internal static TinyVision Constant(string config, string processor, params ReadOnlySpan<(string Name, long[] Shape, float[] Values)> outputs)
    {
        var package = new TinyVision(config, processor);
        // A batch of zeros takes the constant to the size of the batch.
        var graph = Pixels().Int64("axes", [3], 1, 2, 3).Float("zero", [1], 0).Node("ReduceMean", ["pixel_values", "axes"], ["mean"], ("keepdims", 0)).Node("Mul", ["mean", "zero"], ["zeros"]);
        foreach (var (name, shape, values) in outputs)
        {
            graph.Float($"{name}.values", [1, .. shape], values).Int64($"{name}.shape", [shape.Length + 1], [-1, .. shape.Select(_ => 1L)]).Node("Reshape", ["zeros", $"{name}.shape"], [$"{name}.zeros"])
                .Node("Add", [$"{name}.values", $"{name}.zeros"], [name]).Output(name, ElementType.Float, ["batch_size", .. shape.Select(d => (object)d)]);
        }
        return package.Write(graph);
    }

    /// <summary>Writes a bitmap of one colour and gives its name.</summary>
    internal string Picture(string name, int width, int height, byte red, byte green, byte blue) => Picture(name, width, height, (_, _) => (red, green, blue));

    internal string Picture(string name, int width, int height, Func<int, int, (byte Red, byte Green, byte Blue)> colour)
    {
        var stride = (3 * width + 3) / 4 * 4;
        using var writer = new BinaryWriter(File.Create(_folder[name]));
        writer.Write("BM"u8);
        foreach (var number in (int[])[54 + stride * height, 0, 54, 40, width, height, 1 | 24 << 16, 0, 0, 0, 0, 0, 0]) writer.Write(number);
        for (var y = height - 1; y >= 0; y--)
        {
            var row = new byte[stride];
            for (var x = 0; x < width; x++) (row[3 * x + 2], row[3 * x + 1], row[3 * x]) = colour(x, y);
            writer.Write(row);
        }
        return name;
    }

    internal static Image Solid(int width, int height, byte red, byte green, byte blue) =>
        new(width, height, ImageMode.Rgb, (byte[])[.. Enumerable.Range(0, width * height).SelectMany(_ => new[] { red, green, blue })]);

    public void Dispose() => _folder.Dispose();

    private static TinyOnnx Pixels() => new TinyOnnx().Input("pixel_values", ElementType.Float, "batch_size", 3, "height", "width");

    private TinyVision Write(TinyOnnx graph)
    {
        graph.Write(_folder["onnx", "model.onnx"]);
        return this;
    }
}
