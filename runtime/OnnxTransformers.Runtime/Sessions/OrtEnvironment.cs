using Microsoft.ML.OnnxRuntime;

namespace OnnxTransformers;

/// <summary>ONNX Runtime's environment of this process, made quiet unless the application has made one before: its warnings go to standard error, where they would mix with the application's own output.</summary>
internal static class OrtEnvironment
{
    private static readonly Lazy<OrtEnv> Created = new(Create);

    internal static OrtEnv Instance => Created.Value;

    /// <summary>Loads ONNX Runtime on another thread while <paramref name="work"/> runs. What goes wrong there is told when it is needed. It is loaded before this method ends, also by an error: a process that
    /// ends while a library is being loaded crashes.</summary>
    internal static T LoadBeside<T>(Func<T> work)
    {
        if (Created.IsValueCreated) return work();
        Telemetry.TurnOff();                                            // on this thread: the environment isn't changed beside native code that may read it
        var loading = Task.Run(static () => Created.Value).ContinueWith(static t => _ = t.Exception, TaskScheduler.Default);
        try
        {
            return work();
        }
        finally
        {
            loading.Wait();
        }
    }

    private static OrtEnv Create()
    {
        if (OrtEnv.IsCreated) return OrtEnv.Instance();
        Telemetry.TurnOff();
        var options = new EnvironmentCreationOptions { logId = "onnx-transformers", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        return OrtEnv.CreateInstanceWithOptions(ref options);
    }
}
