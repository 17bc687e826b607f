namespace OnnxTransformers;

/// <summary>bfloat16: the upper half of a float32.</summary>
public static class BrainFloat
{
    /// <summary>The bits of the nearest bfloat16, ties to even; a NaN stays one.</summary>
    public static ushort Round(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
