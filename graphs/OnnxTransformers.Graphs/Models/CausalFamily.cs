using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models;

/// <summary>A causal network at a place of a graph: what the tasks need of it.</summary>
/// <param name="Module">The network's own place in the checkpoint.</param>
/// <param name="Sizes">Its sizes.</param>
/// <param name="Hidden">From the inputs to hidden states [B, S, D], the last norm included.</param>
/// <param name="Logits">From hidden states to numbers for the vocabulary [B, S, V].</param>
internal sealed record CausalNetwork(Module Module, DecoderSizes Sizes, Func<CausalInputs, Value> Hidden, Func<Value, Value> Logits)
{
    /// <summary>The network around most layers: the embeddings "embed_tokens", the "layers", an RMS norm "norm"; logits from the output table "lm_head", which may be the embeddings' own.</summary>
    /// <param name="m">The network's own place in the checkpoint.</param>
    /// <param name="sizes">Its sizes.</param>
    /// <param name="epsilon">Of the norm.</param>
    /// <param name="layer">A layer by its module and number: [B, S, D] -> [B, S, D].</param>
    internal static CausalNetwork Of(Module m, DecoderSizes sizes, double epsilon, Func<Module, int, Value, CausalInputs, Value> layer) => new(m, sizes,
        x => RmsNorm(m["norm"], m["layers"].Fold(sizes.Layers, TokenEmbedding(m["embed_tokens"], m.Root["lm_head"], x, sizes.VocabSize, sizes.HiddenSize, sizes.Tied), (l, i, h) => layer(l, i, h, x)), epsilon),
        h => OutputTable(m.Root["lm_head"], m["embed_tokens"], h, sizes.VocabSize, sizes.Tied));

    /// <summary>Whether it is told positions.</summary>
    internal PositionInput Positions { get; init; } = PositionInput.Relative;

    /// <summary>What each layer keeps of a token, null for layers that keep something else; empty for networks that read the whole text at each step.</summary>
    internal ImmutableArray<KeyValueSizes?> Cache { get; init; } = Sizes.Cache;

    /// <summary>Whether layers keep states of fixed size, so that there is a cache though no layer keeps keys and values.</summary>
    internal bool HasStates { get; init; }

    /// <summary>Name of the token classifier's linear layer.</summary>
    internal string TokenClassifier { get; init; } = "score";

    /// <summary>Name of the text classifier's.</summary>
    internal string TextClassifier { get; init; } = "score";

    /// <summary>Whether that one reads the token at the place which the number of tokens gives: the last only where padding is on the right.</summary>
    internal bool CountsToLast { get; init; }
}

/// <summary>Families of causal language models: every one has the same tasks.</summary>
internal static class CausalFamily
{
    private static readonly ImmutableArray<SkippedTensors> Always =
    [
        new("lm_head", "the output table, where the task does not read it or it is the embeddings' own"),
        new(".rotary_emb.inv_freq", "a buffer of older versions: frequencies come from the configuration"),
    ];

    // A classifier finds the last token by the padding's id, not by the mask.
    private static readonly NetworkTraits IdsFindTheLastToken = new() { MaskedIdsAreNeutral = false };

    /// <summary>Text generation: with a cache of keys and values where the network has one.</summary>
    internal static readonly TaskGraphs<CausalNetwork> Generation = new("text-generation", Generate);

    /// <summary>Declares a family.</summary>
    /// <param name="modelType">The <c>model_type</c>.</param>
    /// <param name="basePrefix">The attribute of the network in classes with a head; the question answering classes of many types call it "transformer".</param>
    /// <param name="read">Reads the configuration.</param>
    /// <param name="create">Makes the network at a module of a graph.</param>
    /// <param name="skipped">Stored tensors that a graph may leave out, besides the output table and old rotary buffers.</param>
    internal static ModelFamily Of<TConfig>(string modelType, string basePrefix, Func<ConfigReader, TConfig> read, Func<TConfig, Module, CausalNetwork> create, params ImmutableArray<SkippedTensors> skipped) =>
        ModelFamily.Of(modelType, basePrefix == "transformer" ? [basePrefix] : [basePrefix, "transformer"], read, create, [.. Always, .. skipped],
            Generation,
            new TaskGraphs<CausalNetwork>("feature-extraction", n => [("last_hidden_state", n.Hidden(Inputs(n)))]),
            new TaskGraphs<CausalNetwork>("text-classification", ClassifyText) { Traits = IdsFindTheLastToken },
            new TaskGraphs<CausalNetwork>("token-classification", n => Logits(n.Module.Root[n.TokenClassifier], n.Hidden(Inputs(n)), n.Sizes.Labels)),
            new TaskGraphs<CausalNetwork>("question-answering", n => Spans(n.Module.Root["qa_outputs"], n.Hidden(Inputs(n))))).Causal();

    private static CausalInputs Inputs(CausalNetwork n) => CausalInputs.Declare(n.Module.Graph, n.Positions, null);

    private static GraphOutputs Generate(CausalNetwork n)
    {
        var x = CausalInputs.Declare(n.Module.Graph, n.Positions, n.Cache.IsEmpty && !n.HasStates ? null : n.Cache);
        var hidden = n.Hidden(x);
        (n.Module.Graph.SharesCache, n.Module.Graph.PackedLayers) = (x.SharesBuffers, x.Cache?.Packed ?? []);
        return [("logits", n.Logits(LastPositions(hidden))), ("last_hidden_state", hidden), .. x.Outputs];
    }

    /// <summary>The last positions, as many as the input num_logits_to_keep says, which need not be fed: 0, its default, is for all. A prompt's other logits are read by nobody. [B, S, D] -> [B, num_logits, D].</summary>
    internal static Value LastPositions(Value h)
    {
        var g = h.Graph;
        var count = g.InputWithDefault("num_logits_to_keep", 0);
        using var scope = g.Enter("num_logits_to_keep");
        return Op.Slice(h, 1, Op.Unsqueeze(-count, 0), g.Constant(long.MaxValue), "num_logits");
    }

    private static GraphOutputs ClassifyText(CausalNetwork n)
    {
        var x = Inputs(n);
        var last = LastToken(n.Hidden(x), x, n.Sizes.Padding, n.CountsToLast);
        return [("logits", Linear(n.Module.Root[n.TextClassifier], last, n.Sizes.Labels, bias: false, MatrixRole.Head))];
    }
}
