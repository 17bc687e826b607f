using System.Collections.Immutable;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace OnnxTransformers;

/// <summary>Between ONNX Runtime's description of tensors and ours.</summary>
internal static class OrtTypes
{
    /// <summary>TensorElementType has the values of TensorProto.DataType, as ours has.</summary>
    internal static ElementType From(TensorElementType type) => (ElementType)(int)type;

    internal static TensorSpec Spec(string name, NodeMetadata node)
    {
        if (node.OnnxValueType != OnnxValueType.ONNX_TYPE_TENSOR) return new(name, ElementType.Undefined, []);
        var shape = ImmutableArray.CreateBuilder<Dimension>(node.Dimensions.Length);
        for (var i = 0; i < node.Dimensions.Length; i++)
            shape.Add(node.Dimensions[i] >= 0 ? new(node.Dimensions[i], "") : new(null, node.SymbolicDimensions[i]));
        return new(name, From(node.ElementDataType), shape.MoveToImmutable());
    }
}
