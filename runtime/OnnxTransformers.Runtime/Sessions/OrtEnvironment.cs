using Microsoft.ML.OnnxRuntime;

namespace OnnxTransformers;

/// <summary>ONNX Runtime's environment of this process, made quiet unless the application has made one before: its warnings go to standard error, where they would mix with the application's own output.</summary>
internal static class OrtEnvironment
{
    private static readonly Lazy<OrtEnv> Created = new(Create);

    internal static OrtEnv Instance => Created.Value;

    /// <summary>Begins to load ONNX Runtime on another thread, unless that was begun before. What goes wrong there is told when it is needed.</summary>
    internal static void Begin()
    {
        if (!Created.IsValueCreated) Task.Run(static () => Created.Value).ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
    }

    private static OrtEnv Create()
    {
        if (OrtEnv.IsCreated) return OrtEnv.Instance();
        Telemetry.TurnOff();
        var options = new EnvironmentCreationOptions { logId = "onnx-transformers", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        return OrtEnv.CreateInstanceWithOptions(ref options);
    }
}
