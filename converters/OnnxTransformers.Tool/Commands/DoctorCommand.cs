using System.CommandLine;
using System.Reflection;
using System.Runtime.InteropServices;
using OnnxTransformers.Converters;

namespace OnnxTransformers.Tool.Commands;

/// <summary>doctor: what this machine has and lacks.</summary>
internal static class DoctorCommand
{
    internal static void Build(Command command)
    {
        command.Example("onnx-transformers doctor");
        command.SetAction(_ =>
        {
            Console.WriteLine($"onnx-transformers {typeof(Export).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion}, {RuntimeInformation.FrameworkDescription}, "
                + $"{RuntimeInformation.RuntimeIdentifier}, {Environment.ProcessorCount} processors");
            foreach (var provider in Providers.Diagnose())
            {
                Console.WriteLine($"{provider.Provider}: {(provider.Available ? "available" : provider.InBuild ? "not available" : "not in this build of ONNX Runtime")}");
                foreach (var need in provider.Needs) Console.WriteLine($"  {(need.Found ? "found  " : "missing")} {need.Name}{(need.Found ? "" : $": {need.Advice}")}");
            }
            return ExitCodes.Done;
        });
    }
}
