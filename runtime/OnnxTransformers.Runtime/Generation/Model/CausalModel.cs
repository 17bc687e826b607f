using System.Collections.Immutable;
using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;

namespace OnnxTransformers.Generation;

/// <summary>A decoder graph. What it takes is read from the graph: past and present by their names, attention_mask, position_ids, use_cache_branch and num_logits_to_keep where it has them.</summary>
public sealed class CausalModel : ICausalModel
{
    private const string Scores = "logits", States = "last_hidden_state", WithPast = "decoder_with_past_model", WithoutPast = "decoder_model";
    private static readonly ImmutableArray<string> Graphs = ["model", "decoder_model_merged", WithPast];
    private static readonly ImmutableArray<string> ScoresOnly = [Scores], ScoresAndStates = [Scores, States];
    private static readonly ImmutableArray<string> Known = ["input_ids", "attention_mask", "position_ids", "use_cache_branch", "num_logits_to_keep"];
    private readonly Reader _steps;
    // Reads the first tokens where that is a graph of its own.
    private readonly Reader? _first;
    private readonly ImmutableArray<CacheSlot> _slots;
    private readonly CacheDevice _device;
    private readonly bool _keepsFew;
    private readonly bool _countsTokens;
    private readonly int? _maxTokens;

    private CausalModel(ModelSession session, ModelSession? first, ImmutableArray<CacheSlot> slots, CacheDevice device, CacheStrategy strategy, int vocabulary, int? positions, bool countsTokens, NetworkTraits? traits)
    {
        (_countsTokens, _maxTokens, SwitchesAt) = (countsTokens, traits?.MaxTokens, traits?.SwitchesAt);
        (_steps, _first) = (new Reader(session, TakesPast: true), first is null ? null : new Reader(first, TakesPast: false));
        (_slots, _device, Strategy, Vocabulary, MaxPositions) = (slots, device, strategy, vocabulary, positions);
        GivesStates = session.Output(States) is not null;
        // A graph that declares as many scores as tokens is not asked for fewer.
        _keepsFew = session.Output(Scores)!.Shape[1] != session.Input("input_ids")!.Shape[1];
    }

    /// <summary>How the cache is kept.</summary>
    public CacheStrategy Strategy { get; }

    /// <inheritdoc/>
    public int Vocabulary { get; }

    /// <inheritdoc/>
    public int? MaxPositions { get; }

    /// <inheritdoc/>
    public bool GivesStates { get; }

    /// <inheritdoc/>
    public bool Remembers => !_slots.IsEmpty;

    /// <inheritdoc/>
    public int? SwitchesAt { get; }

    /// <summary>Opens the decoder of a package.</summary>
    /// <param name="package">The package.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="strategy">How the cache is kept; null for the best that the graph can do.</param>
    /// <param name="graph">The graph's name; null for <c>model</c>, else <c>decoder_model_merged</c>, else the pair of <c>decoder_model</c> and <c>decoder_with_past_model</c>, else what genai_config.json names.</param>
    /// <exception cref="UnsupportedCheckpointException">The graph is no decoder that reads tokens, or can't keep its cache so.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static CausalModel Open(Package package, RuntimeOptions? options = null, CacheStrategy? strategy = null, string? graph = null)
    {
        options ??= RuntimeOptions.Default;
        // Graphs of onnxruntime-genai's builder have no other description; ours tell what they can themselves.
        var about = GenAiPackage.Read(package);
        var name = graph ?? Graphs.FirstOrDefault(g => !package.PrecisionsOf(g).IsEmpty);
        var file = name is null && options.Precision is null && about?.File is { } named ? named : package.PathOf(name ?? Graphs[0], options.Precision);
        return Owned.By(ModelSession.Open(file, options), session =>
            name == WithPast ? Owned.By(ModelSession.Open(package.PathOf(WithoutPast, options.Precision), options), first => Of(session, first)) : Of(session, null));

        CausalModel Of(ModelSession session, ModelSession? first)
        {
            var traits = NetworkTraits.Read(session.Metadata);
            if (traits is not null) about = null;
            var slots = CacheSlot.Of(session, about);
            var shares = SharesBuffers(session) || about is { SharesBuffers: true };
            Check(package, session, first, slots, strategy, shares);
            var vocabulary = VocabularyOf(package, session, about);
            var kept = strategy ?? (shares ? CacheStrategy.Shared : CacheStrategy.Growing);
            return new CausalModel(session, first, slots, DeviceOf(session, options), kept, vocabulary, PositionsOf(package.Config) ?? about?.Positions, countsTokens: about is not null, traits);
        }
    }

    /// <inheritdoc/>
    public IModelCache CreateCache(int capacity) => new KeyValueCache(_slots, _device, Strategy, capacity);

    /// <inheritdoc/>
    /// <exception cref="InvalidInputException">ONNX Runtime could not run the graph on the step.</exception>
    public IModelOutput Run(ModelStep step, IModelCache cache, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        var own = (KeyValueCache)cache;
        own.Begin(step.Rows, step.Tokens);
        if (_first is null || own.Length > 0) return Run(_steps, own.Binding ??= _steps.Session.Bind(_slots.Length), step, own, cancellation);
        using var once = _first.Session.Bind(_slots.Length);
        return Run(_first, once, step, own, cancellation);
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose()
    {
        _steps.Session.Dispose();
        _first?.Session.Dispose();
        _device.Dispose();
    }

    /// <summary>Positions that the configuration gives a model; null where it says none.</summary>
    internal static int? PositionsOf(ModelConfig config)
    {
        if (config.Json is not { } json) return null;
        foreach (var key in (string[])["max_position_embeddings", "n_positions"])
            if (json.Raw(key) is { ValueKind: System.Text.Json.JsonValueKind.Number } v && v.TryGetInt32(out var positions) && positions > 0) return positions;
        return null;
    }

    private static void Check(Package package, ModelSession session, ModelSession? first, ImmutableArray<CacheSlot> slots, CacheStrategy? strategy, bool shares)
    {
        var problems = new List<Problem>();
        if (session.Input("input_ids") is null) problems.Add(new Problem("input_ids", "the graph has no such input", "decoders that read tokens", "export the model with --task text-generation"));
        if (session.Output(Scores)?.Shape.Length != 3) problems.Add(new Problem(Scores, $"the graph gives {string.Join(", ", session.Outputs.Take(4))}", "logits for each position", "export the model with --task text-generation"));
        foreach (var input in session.Inputs)
            if (!Known.Contains(input.Name) && !slots.Any(s => s.Input == input.Name)) problems.Add(new Problem(input.ToString(), "an input that text generation can't fill", string.Join(", ", Known)));
        foreach (var slot in slots)
            if (slot.Open is { } open) problems.Add(new Problem(slot.Input, $"{open}, a size that neither the graph nor genai_config.json gives", "sizes of all dimensions but those of rows and tokens", "give num_key_value_heads and head_size in genai_config.json"));
        foreach (var input in first?.Inputs ?? [])
            if (!Known.Contains(input.Name)) problems.Add(new Problem($"{WithoutPast}: {input}", "an input that text generation can't fill", string.Join(", ", Known)));
        foreach (var slot in slots)
            if (first is not null && first.Output(slot.Output) is null) problems.Add(new Problem($"{WithoutPast}: {slot.Output}", "the graph gives no such output", $"what {WithPast} takes as {slot.Input}"));
        if (strategy == CacheStrategy.Growing && slots.Any(s => s.Window is not null)) problems.Add(new Problem("cache", "the graph's attention keeps a window of tokens in a buffer of its own", "Shared"));
        if (strategy == CacheStrategy.Shared && !shares) problems.Add(new Problem("cache", "the graph does not say that its attention writes into the past's buffer", "Growing", "export the model with --target cpu or cuda"));
        if (problems.Count == 0) return;
        throw new UnsupportedCheckpointException($"opening {package.Folder} for text-generation", problems) { ModelType = package.Config.ModelType, Architectures = package.Config.Architectures };
    }

    /// <summary>Whether the graph says that past and present may be one buffer.</summary>
    private static bool SharesBuffers(ModelSession session) => session.Metadata.TryGetValue("past_present_share_buffer", out var says) && says is "true" or "1";

    private static CacheDevice DeviceOf(ModelSession session, RuntimeOptions options) => options.Providers[0] switch
    {
        CudaProvider cuda => session.Use(native => new ProviderDevice(native, options, "Cuda", cuda.DeviceId)),
        TensorRtProvider tensorRt => session.Use(native => new ProviderDevice(native, options with { Providers = [Provider.Cuda(tensorRt.DeviceId)] }, "Cuda", tensorRt.DeviceId)),
        _ => HostDevice.Instance,
    };

    private static int VocabularyOf(Package package, ModelSession session, GenAiPackage? about)
    {
        if (session.Output(Scores)!.Shape[^1].Size is { } size) return checked((int)size);
        return package.Config.Json?.IntOrNull("vocab_size") ?? about?.Vocabulary
            ?? throw new UnsupportedCheckpointException($"opening {package.Folder}", new Problem("vocab_size", "neither the graph nor config.json says how many tokens there are", "a number in config.json"));
    }

    private StepOutput Run(Reader graph, StepBinding binding, ModelStep step, KeyValueCache cache, CancellationToken cancellation)
    {
        binding.Outputs(step.States ? ScoresAndStates : ScoresOnly);
        cache.HostBytes += Fill(binding, graph.Given, step, cache);
        // Where the graph says how wide scores are, those of single tokens need no new memory each step.
        var scores = step.Tokens == 1 && graph.Scores is { Shape: [.., { Size: { } width }], Type: var type } ? binding.Scores(Scores, type, [step.Rows, 1, width]) : null;
        if (scores is null) binding.Output(Scores, OrtMemoryInfo.DefaultInstance);
        if (step.States) binding.Output(States, OrtMemoryInfo.DefaultInstance);
        for (var i = 0; i < _slots.Length; i++)
        {
            if (graph.TakesPast) binding.Past(i, _slots[i].Input, cache.Value(i));
            if (Strategy == CacheStrategy.Shared) binding.Present(i, _slots[i].Output, cache.Value(i));
            else binding.Output(_slots[i].Output, _device.Memory);
        }
        var output = RunBound(binding, step, cache, scores, cancellation);
        cache.HostBytes += output.Bytes;
        return output;
    }

    private StepOutput RunBound(StepBinding binding, ModelStep step, KeyValueCache cache, OrtValue? scores, CancellationToken cancellation)
    {
        try
        {
            cache.RunTime += binding.Run(cancellation);
        }
        catch
        {
            if (scores is not null) binding.Return(scores);
            throw;
        }
        if (scores is not null && !step.States && Strategy == CacheStrategy.Shared)
        {
            cache.End([], 0, step.Tokens);
            return new StepOutput(scores, null, binding);
        }
        var values = binding.Given();
        var first = step.States ? 2 : 1;
        cache.End(values, first, step.Tokens);
        if (Strategy == CacheStrategy.Shared)
            for (var i = first; i < values.Count; i++) values[i].Dispose();
        else binding.Forget();
        if (scores is not null) values[0].Dispose();
        return new StepOutput(scores ?? values[0], step.States ? values[1] : null, scores is null ? null : binding);
    }

    /// <summary>Fills and binds what the host gives.</summary>
    /// <returns>Its bytes.</returns>
    private long Fill(StepBinding binding, ImmutableArray<(string Name, ElementType Type, int Rank)> given, ModelStep step, KeyValueCache cache)
    {
        if (_countsTokens && step.Mask.Contains(0L))
            throw new InvalidInputException("running a step", new Problem("attention_mask", "padding", "rows of one length: graphs of onnxruntime-genai's builder count the tokens that the mask lets through, wherever they are", "continue prompts of different lengths one by one, or export the model with this library"));
        if (_maxTokens is { } most && step.Total > most && Longest(step) is var longest && longest > most)
            throw new InvalidInputException("running a step", new Problem("input_ids", $"{longest} tokens", $"{most}, for which the network has positions", "shorten the prompt, or ask for fewer new tokens"));
        var bytes = 0L;
        foreach (var (name, type, rank) in given)
        {
            switch (name)
            {
                case "input_ids": step.Ids.CopyTo(binding.Input(name, type, step.Rows, step.Tokens)); break;
                case "attention_mask": step.Mask.CopyTo(binding.Input(name, type, step.Rows, step.Total)); break;
                case "position_ids": FillPositions(binding.Input(name, type, step.Rows, step.Tokens), step); break;
                case "use_cache_branch": binding.Input(name, type, 1)[0] = cache.Length > 0 ? 1 : 0; break;
                default: binding.Input(name, type, rank == 0 ? [] : [1])[0] = _keepsFew ? step.ScoresKept : 0; break;
            }
            bytes += binding.Bind(name);
        }
        return bytes;
    }

    /// <summary>Tokens of the row that has most of them.</summary>
    private static long Longest(ModelStep step)
    {
        if (step.CountsPadding) return step.Total;
        var longest = 0L;
        for (var row = 0; row < step.Rows; row++) longest = Math.Max(longest, TensorPrimitives.Sum<long>(step.Mask.Slice(row * step.Total, step.Total)));
        return longest;
    }

    /// <summary>Counts the tokens that the mask lets through; padding has 1, as in the reference.</summary>
    private static void FillPositions(Span<long> positions, ModelStep step)
    {
        for (var row = 0; row < step.Rows; row++)
        {
            var mask = step.Mask.Slice(row * step.Total, step.Total);
            var count = TensorPrimitives.Sum<long>(mask[..^step.Tokens]);
            for (var t = 0; t < step.Tokens; t++)
            {
                var place = step.Total - step.Tokens + t;
                positions[(row * step.Tokens) + t] = step.CountsPadding ? place : mask[place] != 0 ? count++ : 1;
            }
        }
    }

    /// <summary>A graph, and what each step asks of it.</summary>
    /// <param name="Session">The graph.</param>
    /// <param name="TakesPast">Whether it reads on from a cache.</param>
    private sealed record Reader(ModelSession Session, bool TakesPast)
    {
        /// <summary>What the host gives it.</summary>
        internal ImmutableArray<(string Name, ElementType Type, int Rank)> Given { get; } = [.. Known.Select(Session.Input).OfType<TensorSpec>().Select(i => (i.Name, i.Type, i.Shape.Length))];

        internal TensorSpec? Scores { get; } = Session.Output(CausalModel.Scores);
    }
}
