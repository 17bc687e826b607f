using System.Runtime.InteropServices;

namespace OnnxTransformers.Converters.Packaging;

/// <summary>A second name for a file's data.</summary>
internal static partial class HardLink
{
    private const int SameDeviceOnly = 18; // EXDEV; the same number on Linux and macOS.

    /// <summary>Makes <paramref name="link"/> a name of the file behind <paramref name="existing"/>, symbolic links resolved.</summary>
    /// <returns>Null when done, else the reason in words.</returns>
    internal static string? TryCreate(string existing, string link)
    {
        var target = new FileInfo(existing).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? existing;
        var done = OperatingSystem.IsWindows() ? CreateHardLink(link, target, 0) : Link(target, link) == 0;
        if (done) return null;
        var error = Marshal.GetLastPInvokeError();
        return !OperatingSystem.IsWindows() && error == SameDeviceOnly ? "the package would be on another file system than the checkpoint" : Marshal.GetPInvokeErrorMessage(error);
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string link);

    [LibraryImport("kernel32", EntryPoint = "CreateHardLinkW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool CreateHardLink(string link, string existing, nint security);
}
