using System.Runtime.InteropServices;

namespace OnnxTransformers.Converters.Packaging;

/// <summary>Exchanges two folders in one step of the file system, so that nobody ever sees neither or a mixture.</summary>
internal static partial class DirectorySwap
{
    private const int CurrentDirectory = -100;
    private const uint LinuxExchange = 2;
    private const uint MacExchange = 2;

    /// <summary>Exchanges them; false where this system or file system can't.</summary>
    internal static bool TryExchange(string a, string b)
    {
        try
        {
            if (OperatingSystem.IsLinux()) return RenameAt2(CurrentDirectory, a, CurrentDirectory, b, LinuxExchange) == 0;
            return OperatingSystem.IsMacOS() && RenameX(a, b, MacExchange) == 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false; // A C library without the call, such as an old musl.
        }
    }

    [LibraryImport("libc", EntryPoint = "renameat2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(int fromFolder, string from, int toFolder, string to, uint flags);

    [LibraryImport("libc", EntryPoint = "renamex_np", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameX(string from, string to, uint flags);
}
