using System.Collections.Immutable;
using System.CommandLine;

namespace OnnxTransformers.Tool.Commands;

/// <summary>What graphs run on, as an option.</summary>
internal static class ProviderChoice
{
    private static readonly ImmutableArray<(string Word, Func<Provider> Create)> Table = [("cpu", () => OnnxTransformers.Provider.Cpu), ("cuda", () => OnnxTransformers.Provider.Cuda()), ("tensorrt", () => OnnxTransformers.Provider.TensorRt())];

    internal static Option<string> Provider(this Command command) => command.Choice("--provider", Table.Select(p => p.Word), "what the graphs run on; what it can't take runs on the processor");

    /// <summary>The providers that were asked for, the preferred one first.</summary>
    internal static ImmutableArray<Provider> Providers(this ParseResult parsed, Option<string> option)
    {
        var chosen = Table.First(p => p.Word == parsed.GetValue(option)).Create();
        return chosen == OnnxTransformers.Provider.Cpu ? [chosen] : [chosen, OnnxTransformers.Provider.Cpu];
    }
}
