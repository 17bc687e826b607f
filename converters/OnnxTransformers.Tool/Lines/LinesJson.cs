using System.Text.Json;
using System.Text.Json.Serialization;

namespace OnnxTransformers.Tool.Lines;

/// <summary>What lines serialise, without reflection.</summary>
[JsonSerializable(typeof(Dictionary<string, JsonElement>))]
internal sealed partial class LinesJson : JsonSerializerContext;
