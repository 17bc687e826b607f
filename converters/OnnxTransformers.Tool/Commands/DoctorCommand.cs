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
                foreach (var line in Needs(provider.Needs)) Console.WriteLine($"  {line}");
            }
            return ExitCodes.Done;
        });
    }

    /// <summary>What a provider needs, a line each; what is missing stands together where one piece of advice is for all of it.</summary>
    internal static IEnumerable<string> Needs(IEnumerable<ProviderNeed> needs)
    {
        var all = needs.ToList();
        return all.Where(n => n.Found).Select(n => $"found   {n.Name}")
            .Concat(all.Where(n => !n.Found).GroupBy(n => n.Advice).Select(g => $"missing {string.Join(", ", g.Select(n => n.Name))}: {g.Key}"));
    }
}
