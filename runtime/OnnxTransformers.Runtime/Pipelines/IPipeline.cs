using System.Text.Json;

namespace OnnxTransformers;

/// <summary>A task of a package, asked and answered in the reference's JSON. Each implementation has typed methods as well. Thread-safe.</summary>
public interface IPipeline : IDisposable
{
    /// <summary>The name of the task, as "text-classification".</summary>
    string Task { get; }

    /// <summary>Answers one line. Where it throws, what the writer holds is not an answer and is to be thrown away.</summary>
    /// <param name="line">A text, or an object with the inputs and the keyword arguments of the reference's pipeline beside them.</param>
    /// <param name="output">Takes the answer as one JSON value.</param>
    /// <param name="cancellation">Stops between two operators of the graph.</param>
    /// <exception cref="InvalidInputException">The line can't be answered; the reason is told.</exception>
    void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default);
}
