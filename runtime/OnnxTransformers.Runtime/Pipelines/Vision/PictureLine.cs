using System.Text.Json;

namespace OnnxTransformers;

/// <summary>One line of input that asks about pictures: a name, or a list of names.</summary>
/// <remarks>A line may name its task itself; the answer is then an object with the member <c>result</c>.</remarks>
internal sealed class PictureLine
{
    private readonly string _task;
    private readonly PipelineOptions _options;

    internal PictureLine(string task, JsonElement line, PipelineOptions options)
    {
        (_task, _options, Call) = (task, options, new CallArguments(task, line));
        if (Call.Text("task") is { } named && named != task) throw Call.Error("task", $"\"{named}\"", task);
        IsNamed = Call.Has("task") && line.ValueKind == JsonValueKind.Object;
        // How long the reference waits for a download never changes an answer here.
        Call.Has("timeout");
    }

    /// <summary>The arguments beside the pictures.</summary>
    internal CallArguments Call { get; }

    private bool IsNamed { get; }

    /// <summary>The pictures, and whether they came as a list.</summary>
    internal (PictureInput[] Pictures, bool Many) Pictures()
    {
        var asked = Call.Inputs("inputs", "image", "images");
        if (asked.ValueKind == JsonValueKind.String) return ([Picture(asked)], false);
        if (asked.ValueKind == JsonValueKind.Array && asked.GetArrayLength() > 0) return ([.. asked.EnumerateArray().Select(Picture)], true);
        throw Call.Wrong("inputs", asked, "the name of a picture, or a list of names");
    }

    /// <summary>A picture by its name.</summary>
    internal PictureInput Picture(JsonElement name) => name.ValueKind == JsonValueKind.String
        ? new(Path.Combine(_options.SourceFolder ?? "", name.GetString()!))
        : throw Call.Wrong("inputs", name, "the name of a picture, or a list of names");

    /// <summary>Writes one answer, or a list of them.</summary>
    internal void Write<T>(Utf8JsonWriter output, IReadOnlyList<T> answers, bool many, Action<int, T> write)
    {
        if (IsNamed)
        {
            output.WriteStartObject();
            output.WritePropertyName("result");
        }
        if (many) output.WriteStartArray();
        for (var i = 0; i < answers.Count; i++) write(i, answers[i]);
        if (many) output.WriteEndArray();
        if (IsNamed) output.WriteEndObject();
    }
}
