using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using OnnxTransformers.Checkpoints;
using OnnxTransformers.Processors;

namespace OnnxTransformers.Tool.Lines;

/// <summary>Answers lines of the <c>process</c> command: the pictures of each are read and processed, and the tensors written into a file of their own.</summary>
/// <param name="processor">Makes the tensors.</param>
/// <param name="loader">Reads the pictures.</param>
/// <param name="source">The folder that names of pictures are relative to.</param>
/// <param name="files">The folder that takes the tensors.</param>
internal sealed class ProcessLines(ImageProcessor processor, ImageLoader loader, string source, string files)
{
    private const string Doing = "reading a line";
    private static readonly ImmutableArray<string> Own = ["images", "boxes", "trimaps"];
    private int _count;

    internal void Answer(JsonElement line, Utf8JsonWriter answer, CancellationToken cancellation)
    {
        if (line.ValueKind != JsonValueKind.Object) throw Refused("", $"a JSON {line.ValueKind}", "an object");
        foreach (var other in (ReadOnlySpan<string>)["audio", "videos", "text"])
            if (line.TryGetProperty(other, out _)) throw Refused(other, $"an input that {processor.Type} doesn't take", string.Join(", ", Own));
        var inputs = Inputs(line);
        cancellation.ThrowIfCancellationRequested();
        var batch = processor.With(Arguments(line)).Process(inputs);
        var name = (++_count).ToString("D6", CultureInfo.InvariantCulture) + ".safetensors";
        using (var writer = SafetensorsWriter.Create(Path.Combine(files, name), batch.Tensors.Select(t => new TensorInfo(t.Key, t.Value.Type, t.Value.Shape))))
        {
            foreach (var (tensor, values) in batch.Tensors) writer.Write(tensor, values.Bytes);
            writer.Complete();
        }
        answer.WriteStartObject();
        answer.WriteString("tensors", name);
        foreach (var (text, values) in batch.Texts)
        {
            answer.WriteStartArray(text);
            foreach (var value in values) answer.WriteStringValue(value);
            answer.WriteEndArray();
        }
        answer.WriteEndObject();
    }

    private ImageInputs Inputs(JsonElement line)
    {
        if (!line.TryGetProperty("images", out var images)) throw Refused("images", "nothing", "names of pictures");
        var inputs = images.ValueKind switch
        {
            JsonValueKind.String => new ImageInputs([Load(images)]),
            JsonValueKind.Array when images.EnumerateArray().All(i => i.ValueKind == JsonValueKind.String) => new ImageInputs([.. images.EnumerateArray().Select(Load)]),
            JsonValueKind.Array when images.EnumerateArray().All(i => i.ValueKind == JsonValueKind.Array) => new ImageInputs([.. images.EnumerateArray().Select(g => g.EnumerateArray().Select(Load).ToArray())]),
            _ => throw Refused("images", Short(images), "a name, a list of names, or a list of lists of names"),
        };
        if (line.TryGetProperty("boxes", out var boxes)) inputs = inputs with { Boxes = Boxes(boxes) };
        if (line.TryGetProperty("trimaps", out var trimaps)) inputs = inputs with { Trimaps = [.. (trimaps.ValueKind == JsonValueKind.Array ? trimaps.EnumerateArray() : throw Refused("trimaps", Short(trimaps), "a list of names")).Select(t => loader.LoadStored(PathOf(t)))] };
        return inputs;
    }

    // What is left over are keyword arguments of the processor's call.
    private static JsonElement Arguments(JsonElement line) => JsonSerializer.SerializeToElement(line.EnumerateObject().Where(p => !Own.Contains(p.Name)).ToDictionary(p => p.Name, p => p.Value), LinesJson.Default.DictionaryStringJsonElement);

    private Image Load(JsonElement name) => loader.Load(PathOf(name));

    private string PathOf(JsonElement name) => name.ValueKind == JsonValueKind.String ? Path.Combine(source, name.GetString()!) : throw Refused("images", Short(name), "names of pictures");

    private static ImmutableArray<ImmutableArray<ImmutableArray<double>>> Boxes(JsonElement boxes)
    {
        try
        {
            return [.. boxes.EnumerateArray().Select(image => (ImmutableArray<ImmutableArray<double>>)[.. image.EnumerateArray().Select(box => (ImmutableArray<double>)[.. box.EnumerateArray().Select(n => n.GetDouble())])])];
        }
        catch (InvalidOperationException)
        {
            throw Refused("boxes", Short(boxes), "for each picture a list of [x, y, width, height]");
        }
    }

    private static string Short(JsonElement value) => value.GetRawText() is { Length: > 80 } text ? text[..80] + "..." : value.GetRawText();

    private static InvalidInputException Refused(string where, string found, string supported) => new(Doing, new Problem(where, found, supported));
}
