using System.Runtime.CompilerServices;
using OnnxTransformers.Tokenizers;

namespace OnnxTransformers.Generation;

/// <summary>Continues tokens: prompts in, sequences out, as the reference's generate does. Thread-safe.</summary>
public sealed class TokenGenerator : ITokenGenerator
{
    private static readonly Dictionary<SearchMode, Func<GenerationRun, ITokenSearch>> Stepwise = new()
    {
        [SearchMode.Greedy] = run => new TokenLoop(run),
        [SearchMode.Sample] = run => new TokenLoop(run),
        [SearchMode.Contrastive] = run => new ContrastiveSearch(run),
        [SearchMode.Assisted] = run => new AssistedLoop(run),
    };

    private static readonly Dictionary<SearchMode, Func<GenerationRun, CancellationToken, GenerationResult>> Whole = new()
    {
        [SearchMode.Beam] = Beams,
        [SearchMode.BeamSample] = Beams,
        [SearchMode.GroupBeam] = Groups,
        [SearchMode.ConstrainedBeam] = Constrained,
    };

    private readonly Lazy<TokenTexts?> _texts;
    private readonly Assistants? _assistants;

    /// <summary>Wraps a model.</summary>
    /// <param name="model">The model; it is disposed with this.</param>
    /// <param name="defaults">What holds where a call says nothing.</param>
    /// <param name="tokenizer">For stop strings; null where there is none.</param>
    public TokenGenerator(ICausalModel model, GenerationConfig? defaults = null, Tokenizer? tokenizer = null) : this(model, defaults ?? GenerationConfig.Default, () => tokenizer) { }

    internal TokenGenerator(ICausalModel model, GenerationConfig defaults, Func<Tokenizer?> tokenizer, Assistants? assistants = null)
    {
        (Model, Defaults, _assistants) = (model, defaults, assistants);
        _texts = new(() => tokenizer() is { } loaded ? new TokenTexts(loaded) : null);
    }

    /// <summary>The model.</summary>
    public ICausalModel Model { get; }

    /// <summary>What holds where a call says nothing: generation_config.json, or what config.json has of it.</summary>
    public GenerationConfig Defaults { get; }

    /// <summary>Opens a package.</summary>
    /// <param name="folder">The package.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="strategy">How the cache is kept; null for the best that the graph can do.</param>
    /// <exception cref="UnsupportedCheckpointException">The package is no decoder that reads tokens, or its configuration asks for what is not supported.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static TokenGenerator Load(string folder, RuntimeOptions? options = null, CacheStrategy? strategy = null)
    {
        var package = Package.Open(folder);
        var defaults = DefaultsOf(package);
        // Only stop strings need the tokenizer.
        return new(CausalModel.Open(package, options, strategy), defaults, () => File.Exists(package.PathOf("tokenizer_config.json")) || File.Exists(package.PathOf("tokenizer.json")) ? Tokenizer.Load(folder) : null,
            new Assistants(folder, options));
    }

    /// <summary>What a package says about generation.</summary>
    /// <exception cref="UnsupportedCheckpointException">A field is not supported or of the wrong kind.</exception>
    public static GenerationConfig DefaultsOf(Package package)
    {
        var file = package.ReadJson("generation_config.json");
        return file is null && package.Config.Json is null && GenAiPackage.Read(package) is { } about ? about.Defaults : GenerationConfig.OfModel(file, package.Config.Json);
    }

    /// <summary>Continues prompts.</summary>
    /// <exception cref="InvalidInputException">The prompts or the configuration can't be worked with.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public GenerationResult Generate(GenerationRequest request, CancellationToken cancellation = default)
    {
        var run = Prepare(request);
        if (Whole.TryGetValue(run.Plan.Mode, out var whole)) return whole(run, cancellation);
        using var search = Stepwise[run.Plan.Mode](run);
        while (search.Step(cancellation).Count > 0) { }
        return search.Result;
    }

    /// <summary>Continues prompts and tells each token as soon as it is certain. Each step runs on the thread pool.</summary>
    /// <exception cref="InvalidInputException">The prompts or the configuration can't be worked with, or the search follows several sequences, of which none is certain before the end.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async IAsyncEnumerable<TokenStep> StreamAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var search = await Task.Run(() => Begin(request), cancellation).ConfigureAwait(false);
        while (await Task.Run(() => search.Step(cancellation), cancellation).ConfigureAwait(false) is { Count: > 0 } added)
            foreach (var step in added) yield return step;
    }

    /// <summary>A cache that calls share: what one has read, a later one need not read again.</summary>
    /// <exception cref="NotSupportedException">The model's graph keeps nothing.</exception>
    public PromptCache CreateCache() => Model.Remembers ? new(Model) : throw new NotSupportedException("This model's graph has no cache: each step reads the whole text again.");

    /// <summary>Lets go of the model, and of the assistants that configurations have named.</summary>
    public void Dispose()
    {
        Model.Dispose();
        _assistants?.Dispose();
    }

    /// <summary>A search that is done step by step.</summary>
    internal ITokenSearch Begin(GenerationRequest request)
    {
        var run = Prepare(request);
        return Stepwise.TryGetValue(run.Plan.Mode, out var create) ? create(run)
            : throw new InvalidInputException("streaming tokens", new Problem("num_beams", $"{run.Plan.Beams}: no token is certain before the end", "1", "call Generate, or leave beams out"));
    }

    private GenerationRun Prepare(GenerationRequest request)
    {
        var config = request.Config.Over(Defaults);
        if (request.Assistant is null && config.AssistantModel is { } name)
            request = request with { Assistant = _assistants?.Get(name) ?? throw new InvalidInputException("guessing with an assistant", new Problem("assistant_model", $"{name}, and the model is of no package", "a package's name from the model's package on", "give GenerationRequest.Assistant")) };
        return new(Model, request, Defaults, config.StopStrings is null ? null : _texts.Value);
    }

    private static GenerationResult Beams(GenerationRun run, CancellationToken cancellation)
    {
        using var search = new BeamSearch(run);
        return search.Run(cancellation);
    }

    private static GenerationResult Groups(GenerationRun run, CancellationToken cancellation)
    {
        using var search = new GroupBeamSearch(run);
        return search.Run(cancellation);
    }

    private static GenerationResult Constrained(GenerationRun run, CancellationToken cancellation)
    {
        using var search = new ConstrainedBeamSearch(run);
        return search.Run(cancellation);
    }
}
