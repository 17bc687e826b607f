using System.Runtime.InteropServices;

namespace OnnxTransformers.Graphs.Weights;

/// <summary>Memory outside the collected heap that grows to the largest size asked for and is given back when its owner is done: resident memory then is what is really in use.</summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private const int Page = 4096;

    private byte* _memory;
    private long _length;

    /// <summary>Page-aligned memory of at least <paramref name="bytes"/> bytes; its content is not kept from one call to the next.</summary>
    internal byte* Get(long bytes)
    {
        if (bytes > _length)
        {
            Dispose();
            _memory = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, Page);
            _length = bytes;
        }
        return _memory;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        _length = 0;
    }
}
