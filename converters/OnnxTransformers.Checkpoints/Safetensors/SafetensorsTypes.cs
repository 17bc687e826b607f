using System.Collections.Immutable;
using System.Text;

namespace OnnxTransformers.Checkpoints;

/// <summary>The names that safetensors gives to element types.</summary>
internal static class SafetensorsTypes
{
    private static readonly ImmutableArray<(string Name, byte[] Utf8, ElementType Type)> Table =
    [
        Row("F32", ElementType.Float), Row("F16", ElementType.Float16), Row("BF16", ElementType.BFloat16), Row("F64", ElementType.Double),
        Row("I64", ElementType.Int64), Row("I32", ElementType.Int32), Row("I16", ElementType.Int16), Row("I8", ElementType.Int8),
        Row("U64", ElementType.UInt64), Row("U32", ElementType.UInt32), Row("U16", ElementType.UInt16), Row("U8", ElementType.UInt8), Row("BOOL", ElementType.Bool),
        Row("F8_E4M3", ElementType.Float8E4M3FN), Row("F8_E5M2", ElementType.Float8E5M2), Row("F8_E8M0", ElementType.Float8E8M0),
        Row("F6_E2M3", ElementType.Float6E2M3), Row("F6_E3M2", ElementType.Float6E3M2), Row("F4", ElementType.Float4E2M1), Row("C64", ElementType.Complex64),
    ];

    /// <summary>All names, for messages.</summary>
    internal static string Names { get; } = string.Join(", ", Table.Select(row => row.Name));

    /// <summary>All types.</summary>
    internal static IEnumerable<ElementType> Types => Table.Select(row => row.Type);

    internal static ElementType Find(ReadOnlySpan<byte> utf8)
    {
        foreach (var row in Table)
            if (utf8.SequenceEqual(row.Utf8)) return row.Type;
        return ElementType.Undefined;
    }

    internal static string? NameOf(ElementType type)
    {
        foreach (var row in Table)
            if (row.Type == type) return row.Name;
        return null;
    }

    private static (string, byte[], ElementType) Row(string name, ElementType type) => (name, Encoding.UTF8.GetBytes(name), type);
}
