using System.Collections.Frozen;

namespace OnnxTransformers.Checkpoints;

/// <summary>The element types of torch, by the names under which pickles hold them.</summary>
internal static class TorchTypes
{
    /// <summary>Classes of storages. An untyped one holds bytes; the tensor says what they are.</summary>
    internal static FrozenDictionary<string, ElementType> Storages { get; } = new Dictionary<string, ElementType>
    {
        ["FloatStorage"] = ElementType.Float,
        ["DoubleStorage"] = ElementType.Double,
        ["HalfStorage"] = ElementType.Float16,
        ["BFloat16Storage"] = ElementType.BFloat16,
        ["LongStorage"] = ElementType.Int64,
        ["IntStorage"] = ElementType.Int32,
        ["ShortStorage"] = ElementType.Int16,
        ["CharStorage"] = ElementType.Int8,
        ["ByteStorage"] = ElementType.UInt8,
        ["BoolStorage"] = ElementType.Bool,
        ["ComplexFloatStorage"] = ElementType.Complex64,
        ["ComplexDoubleStorage"] = ElementType.Complex128,
        ["UntypedStorage"] = ElementType.Undefined,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Values of torch.dtype.</summary>
    internal static FrozenDictionary<string, ElementType> Dtypes { get; } = new Dictionary<string, ElementType>
    {
        ["float32"] = ElementType.Float,
        ["float64"] = ElementType.Double,
        ["float16"] = ElementType.Float16,
        ["bfloat16"] = ElementType.BFloat16,
        ["int64"] = ElementType.Int64,
        ["int32"] = ElementType.Int32,
        ["int16"] = ElementType.Int16,
        ["int8"] = ElementType.Int8,
        ["uint64"] = ElementType.UInt64,
        ["uint32"] = ElementType.UInt32,
        ["uint16"] = ElementType.UInt16,
        ["uint8"] = ElementType.UInt8,
        ["bool"] = ElementType.Bool,
        ["complex64"] = ElementType.Complex64,
        ["complex128"] = ElementType.Complex128,
        ["float8_e4m3fn"] = ElementType.Float8E4M3FN,
        ["float8_e4m3fnuz"] = ElementType.Float8E4M3FNUZ,
        ["float8_e5m2"] = ElementType.Float8E5M2,
        ["float8_e5m2fnuz"] = ElementType.Float8E5M2FNUZ,
        ["float8_e8m0fnu"] = ElementType.Float8E8M0,
    }.ToFrozenDictionary(StringComparer.Ordinal);
}
