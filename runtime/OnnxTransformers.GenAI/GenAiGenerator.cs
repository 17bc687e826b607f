using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace OnnxTransformers.Generation;

/// <summary>Continues tokens by onnxruntime-genai: the same requests and results as <see cref="TokenGenerator"/>, with that library's searches, caches and providers. Thread-safe.</summary>
public sealed class GenAiGenerator : ITokenGenerator
{
    private readonly Model _model;
    private readonly int _vocabulary;
    private readonly int? _positions;
    private readonly ImmutableArray<int> _ends;
    private readonly int _padding;

    private GenAiGenerator(Model model, GenerationConfig defaults, ConfigReader about)
    {
        (_model, Defaults) = (model, defaults);
        _vocabulary = about.Int("vocab_size", int.MaxValue);
        _positions = about.IntOrNull("context_length");
        _ends = about.Raw("eos_token_id") switch { { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(e => e.GetInt32())], { ValueKind: JsonValueKind.Number } one => [one.GetInt32()], _ => [] };
        _padding = about.Int("pad_token_id", _ends.IsEmpty ? 0 : _ends[0]);
    }

    /// <inheritdoc/>
    public GenerationConfig Defaults { get; }

    /// <summary>Opens a package that has a genai_config.json: one that export has made of a decoder, or onnxruntime-genai's own.</summary>
    /// <param name="folder">The package.</param>
    /// <param name="options">Provider and precision; null for the processor and the file that genai_config.json names.</param>
    /// <exception cref="CorruptCheckpointException">There is no genai_config.json, or onnxruntime-genai can't open what it names.</exception>
    /// <exception cref="UnsupportedCheckpointException">onnxruntime-genai is not told of such a provider.</exception>
    public static GenAiGenerator Load(string folder, RuntimeOptions? options = null)
    {
        options ??= RuntimeOptions.Default;
        var package = Package.Open(folder);
        var doing = $"opening {folder} with onnxruntime-genai";
        var about = package.ReadJson("genai_config.json") ?? throw new CorruptCheckpointException(doing, new Problem("genai_config.json", "not there", "a file that says how the graph is fed", "export the model with --task text-generation"));
        var defaults = TokenGenerator.DefaultsOf(package);
        try
        {
            using var config = new Config(folder);
            if (options.Precision is { } precision) config.Overlay(Naming(Path.GetRelativePath(folder, package.PathOf("model", precision)).Replace('\\', '/')));
            Choose(config, options.Providers[0], doing);
            return new(new Model(config), defaults, about.Object("model") ?? about);
        }
        catch (OnnxRuntimeGenAIException e)
        {
            throw new CorruptCheckpointException(doing, new Problem("genai_config.json", e.Message.ReplaceLineEndings(" ").Trim()), e);
        }
    }

    /// <inheritdoc/>
    public GenerationResult Generate(GenerationRequest request, CancellationToken cancellation = default)
    {
        using var search = new GenAiSearch(_model, Prepare(request), _padding);
        while (search.Step(cancellation).Count > 0) { }
        return search.Result;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<TokenStep> StreamAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var prepared = Prepare(request);
        if (prepared.Plan.Mode == SearchMode.Beam) throw new InvalidInputException("streaming tokens", new Problem("num_beams", $"{prepared.Plan.Beams}: no token is certain before the end", "1", "call Generate, or leave beams out"));
        using var search = await Task.Run(() => new GenAiSearch(_model, prepared, _padding), cancellation).ConfigureAwait(false);
        while (await Task.Run(() => search.Step(cancellation), cancellation).ConfigureAwait(false) is { Count: > 0 } added)
            foreach (var step in added) yield return step;
    }

    /// <summary>Lets go of the model.</summary>
    public void Dispose() => _model.Dispose();

    private GenAiRequest Prepare(GenerationRequest request)
    {
        var config = request.Config.Over(Defaults);
        var prompts = Prompts.Of(request.InputIds, request.AttentionMask, config, _vocabulary);
        var plan = GenerationPlan.Resolve(request.Config, Defaults, new(prompts.Length, _positions));
        List<Problem> problems = [.. SearchOptions.Problems(request, plan, _ends)];
        // The library pads by itself, and takes every padding token of a prompt for padding.
        for (var row = 0; row < prompts.Count; row++)
            if (!prompts.Ids[row].Select((id, i) => id != _padding || prompts.Count == 1 ? 1 : 0).SequenceEqual(prompts.Masks[row]))
            {
                problems.Add(new Problem("attention_mask", $"row {row} hides other tokens than the padding {_padding}", "padding by that token, and no padding of a single prompt", "use TokenGenerator"));
                break;
            }
        return problems.Count == 0 ? new(prompts, plan) : throw new InvalidInputException("generating with onnxruntime-genai", problems);
    }

    /// <summary>An overlay that names the graph's file.</summary>
    private static string Naming(string file) => new JsonObject { ["model"] = new JsonObject { ["decoder"] = new JsonObject { ["filename"] = file } } }.ToJsonString();

    private static void Choose(Config config, Provider provider, string doing)
    {
        // Packages for CUDA name it.
        config.ClearProviders();
        if (provider is CpuProvider) return;
        if (provider is not CudaProvider cuda) throw new UnsupportedCheckpointException(doing, new Problem("provider", provider.Name, "CPU, CUDA"));
        config.AppendProvider("cuda");
        config.SetProviderOption("cuda", "device_id", cuda.DeviceId.ToString(System.Globalization.CultureInfo.InvariantCulture));
    }
}
