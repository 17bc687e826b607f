using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OnnxTransformers.Checkpoints;

/// <summary>Copies parts of files, inside the kernel where the system can: as fast as cp, and without a byte in this process.</summary>
internal static partial class FileCopy
{
    private const int BufferLength = 1 << 22;

    /// <summary>Copies as much as the kernel is willing to; the rest is the caller's.</summary>
    /// <returns>Bytes copied.</returns>
    internal static long InKernel(SafeFileHandle from, long fromOffset, SafeFileHandle to, long toOffset, long length)
    {
        if (!OperatingSystem.IsLinux()) return 0;
        var left = length;
        try
        {
            // Other file systems, old kernels and full disks end this; the plain copy then goes on, or says why it can't.
            while (left > 0 && LinuxCopy(from, ref fromOffset, to, ref toOffset, (nuint)left, 0) is var n and > 0) left -= n;
        }
        catch (TypeLoadException)
        {
            // A C library without this call, or under another name.
            return length - left;
        }
        return length - left;
    }

    /// <summary>Copies by reading and writing.</summary>
    /// <param name="read">Fills a buffer from a position on.</param>
    /// <param name="from">The first position.</param>
    /// <param name="to">The file to write.</param>
    /// <param name="toOffset">Where to begin there.</param>
    /// <param name="length">Bytes.</param>
    internal static void Plain(ReadAt read, long from, SafeFileHandle to, long toOffset, long length)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(length, BufferLength));
        try
        {
            for (var at = 0L; at < length; at += buffer.Length)
            {
                var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - at));
                read(from + at, part);
                RandomAccess.Write(to, part, toOffset + at);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    internal delegate void ReadAt(long offset, Span<byte> destination);

    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    private static partial nint LinuxCopy(SafeFileHandle from, ref long fromOffset, SafeFileHandle to, ref long toOffset, nuint length, uint flags);
}
