using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>A tool as templates see it: a JSON object <c>{"type": "function", "function": {"name", "description", "parameters"}}</c>.</summary>
public sealed class ChatTool
{
    private ChatTool(JsonElement schema) => Schema = schema;

    /// <summary>The JSON object, keys in order.</summary>
    public JsonElement Schema { get; }

    /// <summary>A tool from its JSON object, passed to the template as it is.</summary>
    /// <exception cref="InvalidInputException">It is not an object.</exception>
    public static ChatTool FromJson(JsonElement schema) => schema.ValueKind == JsonValueKind.Object
        ? new ChatTool(schema.Clone())
        : throw new InvalidInputException("reading a tool", new Problem("tools", $"a JSON {schema.ValueKind}", "a JSON schema (an object), or a function"));

    /// <summary>A tool from a function. Types of the parameters become JSON schema types as in the reference's get_json_schema; descriptions come
    /// from <see cref="System.ComponentModel.DescriptionAttribute"/> on the method and
    /// on each parameter; a parameter with a default is not required, an enum lists its names; a CancellationToken is left out.</summary>
    /// <param name="function">The function.</param>
    /// <param name="name">Its name for the model; null takes the method's, which a lambda has none of.</param>
    /// <param name="description">What it does; null takes the method's description.</param>
    /// <exception cref="InvalidInputException">The function, or one of its parameters, has no name or description, or a type that has no schema.</exception>
    public static ChatTool FromDelegate(Delegate function, string? name = null, string? description = null) => new(JsonSerializer.SerializeToElement(FunctionSchema.Of(function, name, description), JsonTypes.Default.JsonObject));
}

/// <summary>Serializers without reflection.</summary>
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(JsonArray))]
[JsonSerializable(typeof(JsonNode))]
internal sealed partial class JsonTypes : JsonSerializerContext;
