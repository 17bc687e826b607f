using OnnxTransformers.Graphs.Onnx;

namespace OnnxTransformers.Graphs.Operators;

/// <summary>Attributes of nodes.</summary>
internal static class Attributes
{
    internal static AttributeProto Of(string name, long value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value };

    internal static AttributeProto Of(string name, float value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Float, F = value };

    internal static AttributeProto Of(string name, string value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.String, S = Google.Protobuf.ByteString.CopyFromUtf8(value) };

    internal static AttributeProto Of(string name, params ReadOnlySpan<long> values) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Ints, Ints = { values.ToArray() } };
}
