using System.Text.Json;
using OnnxTransformers.Tokenizers;

namespace OnnxTransformers;

/// <summary>What may stand in the place of a mask.</summary>
/// <param name="Score">Its probability.</param>
/// <param name="Token">Its id.</param>
/// <param name="TokenText">It alone, decoded.</param>
/// <param name="Sequence">The text with it in place.</param>
public sealed record MaskFilling(float Score, int Token, string TokenText, string Sequence);

/// <summary>Options of <see cref="FillMask"/>.</summary>
public sealed record FillMaskOptions
{
    /// <summary>How many fillings a mask gets.</summary>
    public int TopK { get; init; } = 5;

    /// <summary>The only tokens that are considered; one that the vocabulary lacks counts as its first piece. Null for the whole vocabulary.</summary>
    public IReadOnlyList<string>? Targets { get; init; }

    /// <summary>Whether a text that is too long is cut; if not, it is refused.</summary>
    public bool Truncate { get; init; }
}

/// <summary>Says what may stand in the place of a mask token. Reference: pipelines/fill_mask.py. Thread-safe.</summary>
public sealed class FillMask : IPipeline
{
    internal const string Name = "fill-mask";
    private static readonly string[] Outputs = ["logits"];
    private readonly TextModel _model;
    private readonly int _mask;

    private FillMask(TextModel model, SpecialToken mask)
    {
        (_model, _mask) = (model, mask.Id);
        MaskToken = mask.Content;
    }

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>The mask token, as "[MASK]".</summary>
    public string MaskToken { get; }

    /// <summary>Opens a package of a model with a masked language modelling head.</summary>
    /// <exception cref="UnsupportedCheckpointException">It has no such head, or its tokenizer no mask.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static FillMask Load(string package, PipelineOptions? options = null)
    {
        var model = TextModel.Load(package, Name, Outputs, 3, options);
        if (model.Tokenizer.Special.Mask is { } mask) return new(model, mask);
        model.Dispose();
        throw new UnsupportedCheckpointException($"opening {package} for {Name}", new Problem("mask_token", "the tokenizer has none", null, "use a model that was trained to fill masks"));
    }

    /// <summary>The fillings of each mask of a text: one list a mask, the best first.</summary>
    /// <exception cref="InvalidInputException">The text has no mask, or is too long.</exception>
    public IReadOnlyList<IReadOnlyList<MaskFilling>> Run(string text, FillMaskOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new();
        return Fill([text], new(options.Truncate ? CutSide.Longest : CutSide.None, null), options.TopK, options.Targets, cancellation)[0];
    }

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var call = new CallArguments(Name, line);
        var asked = call.Inputs("inputs");
        var texts = call.Texts("inputs", asked);
        var (top, targets) = (call.Count("top_k", 1) ?? 5, call.Texts("targets"));
        var arguments = call.Raw("tokenizer_kwargs") is { } kwargs ? call.NestedTokenizer("tokenizer_kwargs", kwargs) : default;
        call.RefuseOthers();

        var results = Fill(texts, arguments, top, targets, cancellation);
        // A list of one text is answered as that text.
        if (results.Length != 1) output.WriteStartArray();
        foreach (var masks in results) Write(output, masks);
        if (results.Length != 1) output.WriteEndArray();
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private IReadOnlyList<MaskFilling>[][] Fill(string[] texts, TokenizerArguments arguments, int top, IReadOnlyList<string>? targets, CancellationToken cancellation)
    {
        var ids = targets is null ? null : TargetIds(targets);
        var rows = _model.Encode([.. texts.Select(t => new TextInput(t))], arguments);
        for (var i = 0; i < rows.Length; i++)
            if (!rows[i].Ids.Contains(_mask)) throw new InvalidInputException("filling a mask", new Problem($"\"{texts[i]}\"", $"no {MaskToken}", $"at least one {MaskToken} in each text"));
        var results = new IReadOnlyList<MaskFilling>[rows.Length][];
        _model.Forward(rows, Outputs, (row, outputs) =>
        {
            var logits = outputs.Tokens("logits", out var width);
            var tokens = rows[row].Ids.ToArray();
            var places = Enumerable.Range(0, tokens.Length).Where(t => tokens[t] == _mask).ToArray();
            results[row] = new IReadOnlyList<MaskFilling>[places.Length];
            for (var m = 0; m < places.Length; m++)
                results[row][m] = Best(Scores.Softmax(logits.Slice(places[m] * width, width)), ids, top, tokens, places[m], alone: places.Length == 1);
        }, cancellation);
        return results;
    }

    private MaskFilling[] Best(float[] probabilities, int[]? ids, int top, int[] tokens, int place, bool alone)
    {
        var considered = ids is null ? probabilities : Array.ConvertAll(ids, i => probabilities[i]);
        var best = Scores.Top(considered, top);
        var pad = _model.Tokenizer.Special.Pad?.Id;
        return Array.ConvertAll(best, b =>
        {
            var token = ids is null ? b : ids[b];
            var filled = tokens.ToArray();
            filled[place] = token;
            // Where other masks remain, they and the special tokens stay in the text.
            var sequence = _model.Tokenizer.Decode(Array.FindAll(filled, t => t != pad), skipSpecialTokens: alone);
            return new MaskFilling(considered[b], token, _model.Tokenizer.Decode([token]), sequence);
        });
    }

    private int[] TargetIds(IReadOnlyList<string> targets)
    {
        var ids = new SortedSet<int>();
        foreach (var target in targets)
        {
            if (_model.Tokenizer.TokenToId(target) is { } known) ids.Add(known);
            else if (_model.Tokenizer.Encode(target, null, new EncodeOptions { AddSpecialTokens = false }).Ids is { Length: > 0 } pieces) ids.Add(pieces[0]);
        }
        return ids.Count > 0 ? [.. ids] : throw new InvalidInputException("filling a mask", new Problem("targets", "none that the tokenizer knows", "at least one text that it has tokens for"));
    }

    private static void Write(Utf8JsonWriter output, IReadOnlyList<MaskFilling>[] masks)
    {
        if (masks.Length > 1) output.WriteStartArray();
        foreach (var mask in masks)
        {
            output.WriteStartArray();
            foreach (var filling in mask)
            {
                output.WriteStartObject();
                output.WriteFinite("score", filling.Score);
                output.WriteNumber("token", filling.Token);
                output.WriteString("token_str", filling.TokenText);
                output.WriteString("sequence", filling.Sequence);
                output.WriteEndObject();
            }
            output.WriteEndArray();
        }
        if (masks.Length > 1) output.WriteEndArray();
    }
}
