using System.Text.Json;

namespace OnnxTransformers;

/// <summary>One vector for each token of a text.</summary>
/// <param name="Values">Row-major [Tokens, Width].</param>
/// <param name="Width">Numbers in a vector.</param>
public sealed record TokenFeatures(float[] Values, int Width)
{
    /// <summary>Number of tokens, special ones included.</summary>
    public int Tokens => Width == 0 ? 0 : Values.Length / Width;

    /// <summary>The vector of a token.</summary>
    public ReadOnlySpan<float> this[int token] => Values.AsSpan(token * Width, Width);
}

/// <summary>Gives a model's first output, usually the last hidden states, token by token. Reference: pipelines/feature_extraction.py. Thread-safe.</summary>
public sealed class FeatureExtraction : IPipeline
{
    internal const string Name = "feature-extraction";

    // What the reference's classes return first, whichever the graph has.
    private static readonly string[] Candidates = ["last_hidden_state", "token_embeddings", "logits"];
    private readonly TextModel _model;
    private readonly string _output;

    private FeatureExtraction(TextModel model, string output) => (_model, _output) = (model, output);

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package.</summary>
    /// <exception cref="UnsupportedCheckpointException">Its graph gives nothing for each token.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static FeatureExtraction Load(string package, PipelineOptions? options = null)
    {
        var model = TextModel.Load(package, Name, [], 0, options);
        if (Candidates.FirstOrDefault(c => model.Session.Output(c) is { Shape.Length: 3 }) is { } output) return new(model, output);
        model.Dispose();
        throw new UnsupportedCheckpointException($"opening {package} for {Name}", new Problem("outputs", string.Join(", ", model.Session.Outputs), $"{string.Join(", ", Candidates)} of three dimensions"));
    }

    /// <summary>The features of each text.</summary>
    /// <param name="texts">Texts.</param>
    /// <param name="truncate">Whether a text that is too long is cut; if not, it is refused.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <exception cref="InvalidInputException">A text is too long.</exception>
    public IReadOnlyList<TokenFeatures> Run(IReadOnlyList<string> texts, bool truncate = false, CancellationToken cancellation = default) =>
        Extract(texts, new TokenizerArguments(truncate ? CutSide.Longest : CutSide.None, null), cancellation);

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var call = new CallArguments(Name, line);
        var asked = call.Inputs("inputs");
        var texts = call.Texts("inputs", asked);
        var own = call.Tokenizer();
        var nested = call.Raw("tokenize_kwargs") is { } kwargs ? call.NestedTokenizer("tokenize_kwargs", kwargs) : own;
        if (call.Bool("return_tensors") == true) throw call.Error("return_tensors", "true", "false, as JSON has no tensors");
        call.RefuseOthers();

        var results = Extract(texts, new(own.Cut ?? nested.Cut, own.MaxLength ?? nested.MaxLength, own.WithoutSpecialTokens || nested.WithoutSpecialTokens), cancellation);
        var single = asked.ValueKind == JsonValueKind.String;
        if (!single) output.WriteStartArray();
        foreach (var features in results)
        {
            output.WriteStartArray();
            output.WriteMatrix(features.Values, features.Width);
            output.WriteEndArray();
        }
        if (!single) output.WriteEndArray();
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private TokenFeatures[] Extract(IReadOnlyList<string> texts, TokenizerArguments arguments, CancellationToken cancellation)
    {
        var rows = _model.Encode([.. texts.Select(t => new TextInput(t))], arguments);
        var results = new TokenFeatures[rows.Length];
        _model.Forward(rows, [_output], (row, outputs) => results[row] = new(outputs.Tokens(_output, out var width).ToArray(), width), cancellation);
        return results;
    }
}
