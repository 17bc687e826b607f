using System.Runtime.InteropServices;

namespace OnnxTransformers;

/// <summary>
/// Keeps ONNX Runtime from sending usage data. Its official builds from 1.31 on do, also on Linux, and keep a database for it in the user's cache folder; a server, a build job or an application's users haven't been asked.
/// Who wants it sets the environment variable <c>ORT_DISABLE_TELEMETRY</c> to 0 before.
/// </summary>
internal static partial class Telemetry
{
    private const string Variable = "ORT_DISABLE_TELEMETRY";

    /// <summary>Has an effect before ONNX Runtime's environment is made.</summary>
    internal static void TurnOff()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not null) return;
        Environment.SetEnvironmentVariable(Variable, "1");
        // Elsewhere than on Windows .NET keeps a copy of the environment; native code doesn't see what is set there.
        if (!OperatingSystem.IsWindows()) _ = SetNative(Variable, "1", 0);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetNative(string name, string value, int overwrite);
}
