using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Converters;
using OnnxTransformers.Graphs.Onnx;

namespace OnnxTransformers.Tool.Printing;

/// <summary>A checkpoint or package as JSON.</summary>
internal static class InspectionJson
{
    internal static void Write(Utf8JsonWriter json, InspectedModel model)
    {
        json.WriteStartObject();
        json.WriteString("folder", model.Folder);
        json.WriteString("kind", model is InspectedPackage ? "package" : "checkpoint");
        json.WriteString("model_type", model.ModelType);
        Texts(json, "architectures", model.Architectures);
        if (model is InspectedCheckpoint checkpoint)
        {
            json.WriteString("format", checkpoint.Format);
            json.WriteNumber("weight_files", checkpoint.WeightFiles);
            Totals(json, checkpoint.Totals);
            json.WriteString("task", checkpoint.Task);
            Texts(json, "tasks", checkpoint.Tasks);
            json.WriteString("refusal", checkpoint.Refusal);
        }
        else if (model is InspectedPackage package)
        {
            json.WriteString("task", package.Task);
            Texts(json, "tasks", package.Tasks);
            json.WriteStartArray("graphs");
            foreach (var graph in package.Graphs) Graph(json, graph);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    private static void Graph(Utf8JsonWriter json, InspectedGraph graph)
    {
        json.WriteStartObject();
        json.WriteString("file", graph.File);
        json.WriteString("producer", graph.Producer);
        Texts(json, "opsets", graph.Opsets);
        json.WriteNumber("nodes", graph.Nodes);
        Totals(json, graph.Totals);
        Values(json, "inputs", graph.Inputs);
        Values(json, "outputs", graph.Outputs);
        json.WriteEndObject();
    }

    private static void Totals(Utf8JsonWriter json, ImmutableArray<TensorTotal> totals)
    {
        json.WriteStartObject("parameters");
        foreach (var total in totals) json.WriteNumber(total.Type.ToString().ToLowerInvariant(), total.Elements);
        json.WriteEndObject();
        json.WriteNumber("bytes", totals.Sum(t => t.Bytes));
    }

    private static void Values(Utf8JsonWriter json, string name, ImmutableArray<OnnxValue> values)
    {
        json.WriteStartObject(name);
        foreach (var value in values) json.WriteString(value.Name, value.Text);
        json.WriteEndObject();
    }

    private static void Texts(Utf8JsonWriter json, string name, ImmutableArray<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }
}
