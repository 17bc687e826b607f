using System.Reflection;
using System.Runtime.InteropServices;
using OnnxTransformers.Tool.Printing;

namespace OnnxTransformers.Tool;

/// <summary>The program: signals become cancellation, exceptions become exit codes.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        // Nothing else of the program is loaded for this.
        if (args is ["--version"])
        {
            Console.WriteLine(typeof(Program).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion);
            return ExitCodes.Done;
        }
        using var cancellation = new CancellationTokenSource();
        void Cancel(PosixSignalContext context)
        {
            // Who asks twice is not made to wait.
            if (cancellation.IsCancellationRequested) return;
            context.Cancel = true;
            cancellation.Cancel();
        }
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
        try
        {
            return await CommandLine.RunAsync(args, cancellation.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            if (args.Contains("--json")) JsonOutput.WriteLine(writer => ErrorJson.Write(writer, e, problems: true));
            return await ExitCodes.ReportAsync(e, Console.Error).ConfigureAwait(false);
        }
    }
}
