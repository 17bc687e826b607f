using System.Text.Json;
using OnnxTransformers.Tokenizers;

namespace OnnxTransformers;

/// <summary>A passage of the context that answers the question.</summary>
/// <param name="Score">The probability of its first token times that of its last; sums over windows and spans where the same words answer several times.</param>
/// <param name="Start">Where it begins in the context, in UTF-16 units.</param>
/// <param name="End">Where it ends, exclusively.</param>
/// <param name="Text">The passage; empty where the question has no answer.</param>
public sealed record PassageAnswer(float Score, int Start, int End, string Text);

/// <summary>Options of <see cref="QuestionAnswering"/>.</summary>
public sealed record QuestionAnsweringOptions
{
    /// <summary>How many answers, the best first.</summary>
    public int TopK { get; init; } = 1;

    /// <summary>Tokens an answer may have.</summary>
    public int MaxAnswerLength { get; init; } = 15;

    /// <summary>Tokens of a window over question and context; null for the tokenizer's limit, 384 at most.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Tokens that neighbouring windows share; null for half a window, 128 at most.</summary>
    public int? Stride { get; init; }

    /// <summary>Whether "no answer" is an answer.</summary>
    public bool AllowImpossible { get; init; }

    /// <summary>Whether an answer is widened to whole words.</summary>
    public bool AlignToWords { get; init; } = true;
}

/// <summary>Finds the passage of a context that answers a question. Reference: pipelines/question_answering.py. Thread-safe.</summary>
public sealed class QuestionAnswering : IPipeline
{
    internal const string Name = "question-answering";
    private static readonly string[] Outputs = ["start_logits", "end_logits"];
    private readonly TextModel _model;

    private QuestionAnswering(TextModel model) => _model = model;

    /// <inheritdoc/>
    public string Task => Name;

    /// <summary>Opens a package of a model with a head for spans.</summary>
    /// <exception cref="UnsupportedCheckpointException">It has no such head.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing or damaged.</exception>
    /// <exception cref="ProviderUnavailableException">A provider can't be loaded.</exception>
    public static QuestionAnswering Load(string package, PipelineOptions? options = null) => new(TextModel.Load(package, Name, Outputs, 2, options));

    /// <summary>The best answer.</summary>
    /// <exception cref="InvalidInputException">Question or context is empty.</exception>
    public PassageAnswer Run(string question, string context) => Run(question, context, new QuestionAnsweringOptions())[0];

    /// <summary>The best answers, the best first; fewer than asked for where the context has no more.</summary>
    /// <exception cref="InvalidInputException">Question or context is empty, or an option is out of range.</exception>
    public IReadOnlyList<PassageAnswer> Run(string question, string context, QuestionAnsweringOptions options, CancellationToken cancellation = default)
    {
        if (question.Length == 0 || context.Length == 0) throw Refused(question.Length == 0 ? "question" : "context", "empty", "a text");
        if (options.TopK < 1 || options.MaxAnswerLength < 1) throw Refused(options.TopK < 1 ? "top_k" : "max_answer_len", "less than 1", "1 or more");
        var longest = options.MaxLength ?? Math.Min(_model.Tokenizer.ModelMaxLength, 384);
        var stride = options.Stride ?? Math.Min(longest / 2, 128);
        if (stride > longest) throw Refused("doc_stride", $"{stride}", $"at most max_seq_len ({longest})");

        // The context goes where padding would: behind the question, or before it for tokenizers that pad on the left.
        var questionFirst = _model.Tokenizer.PaddingSide == Side.Right;
        var arguments = new TokenizerArguments(questionFirst ? CutSide.Second : CutSide.First, longest);
        var encoding = questionFirst
            ? _model.Tokenizer.Encode(question, context, _model.EncodeOptionsOf(arguments, CutSide.Second, stride))
            : _model.Tokenizer.Encode(context, question, _model.EncodeOptionsOf(arguments, CutSide.First, stride));
        Encoding[] windows = [encoding, .. encoding.Overflowing];
        foreach (var window in windows) _model.Check(window, context);

        var logits = new (float[] Start, float[] End)[windows.Length];
        _model.Forward(windows, Outputs, (row, outputs) => logits[row] = (outputs.Tokens("start_logits", out _).ToArray(), outputs.Tokens("end_logits", out _).ToArray()), cancellation);
        return Spans.Merge(windows, logits, context, questionFirst, _model.Tokenizer.Special.Cls?.Id, options);
    }

    /// <inheritdoc/>
    public void Answer(JsonElement line, Utf8JsonWriter output, CancellationToken cancellation = default)
    {
        var call = new CallArguments(Name, line);
        var examples = Examples(call);
        var options = new QuestionAnsweringOptions
        {
            TopK = call.Count("top_k", 1) ?? call.Count("topk", 1) ?? 1,
            MaxAnswerLength = call.Count("max_answer_len", 1) ?? 15,
            MaxLength = call.Count("max_seq_len", 1),
            Stride = call.Count("doc_stride"),
            AllowImpossible = call.Bool("handle_impossible_answer") ?? false,
            AlignToWords = call.Bool("align_to_words") ?? true,
        };
        // The reference's fast tokenizers leave the question whole, and padding changes no answer.
        _ = call.Count("max_question_len", 1);
        _ = call.Raw("padding");
        call.RefuseOthers();

        var results = examples.ConvertAll(e => (e.Context, Answers: Run(e.Question, e.Context, options, cancellation)));
        if (results.Count != 1) output.WriteStartArray();
        foreach (var (context, answers) in results) Write(output, context, answers);
        if (results.Count != 1) output.WriteEndArray();
    }

    /// <summary>Lets go of the graph; runs that have begun end as usual.</summary>
    public void Dispose() => _model.Dispose();

    private static List<(string Question, string Context)> Examples(CallArguments call)
    {
        if (call.Raw("inputs", "data", "X") is { } inputs)
        {
            if (inputs.ValueKind == JsonValueKind.Object) return [Example(call, inputs)];
            return inputs.ValueKind == JsonValueKind.Array ? [.. inputs.EnumerateArray().Select(i => Example(call, i))] : throw call.Wrong("inputs", inputs, "{\"question\", \"context\"} or a list of those");
        }
        var (asked, given) = (call.Inputs("question"), call.Inputs("context"));
        var (questions, contexts) = (call.Texts("question", asked), call.Texts("context", given));
        if (asked.ValueKind == JsonValueKind.Array && given.ValueKind == JsonValueKind.String) return [.. questions.Select(q => (q, contexts[0]))];
        if (questions.Length != contexts.Length || asked.ValueKind != given.ValueKind) throw call.Error("question", $"{questions.Length} of them for {contexts.Length} contexts", "a context each, or one context for all");
        return [.. questions.Zip(contexts)];
    }

    private static (string Question, string Context) Example(CallArguments call, JsonElement example)
    {
        if (example.ValueKind == JsonValueKind.Object && example.TryGetProperty("question", out var question) && question.ValueKind == JsonValueKind.String
            && example.TryGetProperty("context", out var context) && context.ValueKind == JsonValueKind.String && example.EnumerateObject().Count() == 2)
            return (question.GetString()!, context.GetString()!);
        throw call.Wrong("inputs", example, "{\"question\", \"context\"}");
    }

    private static InvalidInputException Refused(string where, string found, string supported) => new("answering a question", new Problem(where, found, supported));

    private static void Write(Utf8JsonWriter output, string context, IReadOnlyList<PassageAnswer> answers)
    {
        var points = new CodePoints(context);
        if (answers.Count != 1) output.WriteStartArray();
        foreach (var answer in answers)
        {
            output.WriteStartObject();
            output.WriteFinite("score", answer.Score);
            output.WriteNumber("start", points.At(answer.Start));
            output.WriteNumber("end", points.At(answer.End));
            output.WriteString("answer", answer.Text);
            output.WriteEndObject();
        }
        if (answers.Count != 1) output.WriteEndArray();
    }
}
