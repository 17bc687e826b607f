using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using OnnxTransformers.Tokenizers.Templates;

namespace OnnxTransformers;

/// <summary>From the tools of Microsoft.Extensions.AI to those that chat templates read.</summary>
internal static class ToolMapping
{
    /// <exception cref="InvalidInputException">A tool is no function.</exception>
    internal static IReadOnlyList<ChatTool> Read(IList<AITool>? tools) => tools is null ? [] : [.. tools.Select(Read)];

    /// <summary>A value as JSON.</summary>
    internal static JsonElement Json(object? value) => value as JsonElement? ?? JsonSerializer.SerializeToElement(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(value?.GetType() ?? typeof(object)));

    private static ChatTool Read(AITool tool)
    {
        if (tool is not AIFunctionDeclaration function) throw new InvalidInputException("reading tools", new Problem(tool.Name, tool.GetType().Name, "functions"));
        var described = new JsonObject { ["name"] = function.Name, ["description"] = function.Description, ["parameters"] = JsonNode.Parse(function.JsonSchema.GetRawText()) };
        return ChatTool.FromJson(JsonSerializer.SerializeToElement(new JsonObject { ["type"] = "function", ["function"] = described }, AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(JsonObject))));
    }
}
