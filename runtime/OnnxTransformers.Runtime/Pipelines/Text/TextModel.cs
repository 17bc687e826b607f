using OnnxTransformers.Tokenizers;

namespace OnnxTransformers;

/// <summary>What all pipelines over texts share: a package's tokenizer and its graph, and rows of tokens run in batches.</summary>
internal sealed class TextModel : IDisposable
{
    private readonly PipelineOptions _options;
    private readonly Sharing _sharing;
    private readonly int? _limit;

    private TextModel(Package package, Tokenizer tokenizer, ModelSession session, PipelineOptions options)
    {
        (Package, Tokenizer, Session, _options) = (package, tokenizer, session, options);
        // Files of this library tell it themselves.
        var traits = NetworkTraits.Read(session.Metadata) ?? ForeignTraits.Of(package.Config);
        _limit = traits.MaxTokens;
        _sharing = Batches.Of(traits, session.Input("attention_mask") is not null, tokenizer.Special.Pad is not null);
    }

    internal Package Package { get; }

    internal ModelConfig Config => Package.Config;

    internal Tokenizer Tokenizer { get; }

    internal ModelSession Session { get; }

    /// <summary>Opens a package.</summary>
    /// <param name="folder">The package.</param>
    /// <param name="task">What it is opened for.</param>
    /// <param name="outputs">Outputs that the graph must have.</param>
    /// <param name="rank">Dimensions of each: 2 where a text gets an answer, 3 where each token does.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="tokenizerFolder">Where the tokenizer is, from the package on.</param>
    internal static TextModel Load(string folder, string task, ReadOnlySpan<string> outputs, int rank, PipelineOptions? options, string tokenizerFolder = "")
    {
        options ??= PipelineOptions.Default;
        var package = Package.Open(folder);
        var path = package.PathOf("model", options.Precision);
        // The two take about as long, and most of the session's share is native.
        var opening = Task.Run(() => ModelSession.Open(path, options));
        try
        {
            var tokenizer = Tokenizer.Load(tokenizerFolder.Length == 0 ? folder : package.PathOf(tokenizerFolder));
            var session = opening.GetAwaiter().GetResult();
            Match(package, session, outputs, rank, $"opening {folder} for {task}", task);
            return new TextModel(package, tokenizer, session, options);
        }
        catch
        {
            // A process that ends while native code still opens a session crashes, so it is waited for; what goes wrong there doesn't matter any more.
            opening.ContinueWith(static t => { if (t.IsCompletedSuccessfully) t.Result.Dispose(); else _ = t.Exception; }, TaskScheduler.Default).Wait();
            throw;
        }
    }

    private static void Match(Package package, ModelSession session, ReadOnlySpan<string> outputs, int rank, string doing, string task)
    {
        TextFeeds.RefuseOthers(session, doing);
        foreach (var output in outputs)
        {
            var found = session.Output(output);
            if (found?.Shape.Length == rank) continue;
            var problem = found is null ? $"the graph has no such output; it has {string.Join(", ", session.Outputs.Select(o => o.Name))}" : $"the graph has {found}, which is another task's";
            throw new UnsupportedCheckpointException(doing, new Problem(output, problem, found is null ? null : $"{rank} dimensions", $"export the model with --task {task}"))
            {
                ModelType = package.Config.ModelType,
                Architectures = package.Config.Architectures,
            };
        }
    }

    /// <summary>Encodes a text or a pair.</summary>
    /// <param name="input">The text or pair.</param>
    /// <param name="arguments">How.</param>
    /// <param name="cut">Which text gives way where the arguments leave it open.</param>
    /// <exception cref="InvalidInputException">It has more tokens than the model has positions.</exception>
    internal Encoding Encode(TextInput input, TokenizerArguments arguments, CutSide cut = CutSide.None) => Encode([input], arguments, cut)[0];

    /// <summary>Encodes texts or pairs, in order.</summary>
    /// <exception cref="InvalidInputException">One has more tokens than the model has positions.</exception>
    internal Encoding[] Encode(IReadOnlyList<TextInput> inputs, TokenizerArguments arguments, CutSide cut = CutSide.None)
    {
        var options = EncodeOptionsOf(arguments, cut);
        var rows = new Encoding[inputs.Count];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = Tokenizer.Encode(inputs[i].Text, inputs[i].Pair, options);
            Check(rows[i], inputs[i].Text);
        }
        return rows;
    }

    /// <summary>The tokenizer's options for these arguments.</summary>
    internal EncodeOptions EncodeOptionsOf(TokenizerArguments arguments, CutSide cut, int stride = 0)
    {
        var (side, most) = (arguments.Cut ?? cut, arguments.MaxLength ?? Tokenizer.ModelMaxLength);
        var truncation = side == CutSide.None || most == int.MaxValue ? null : new Truncation(most) { Strategy = Strategies[(int)side], Stride = stride };
        return new EncodeOptions { AddSpecialTokens = !arguments.WithoutSpecialTokens, Truncation = truncation };
    }

    /// <summary>Refuses a row that the model has no positions for.</summary>
    internal void Check(Encoding encoding, string text)
    {
        if (_limit is not { } limit || encoding.Length <= limit) return;
        var shown = text.Length > 40 ? text[..40] + "..." : text;
        throw new InvalidInputException("encoding a text", new Problem($"\"{shown}\"", $"{encoding.Length} tokens", $"{limit} at most", "cut the text, or ask for truncation"));
    }

    /// <summary>Runs rows in batches and gives each row's outputs to <paramref name="reader"/>, not in order.</summary>
    /// <param name="rows">Encoded texts.</param>
    /// <param name="outputs">Outputs wanted.</param>
    /// <param name="reader">Reads the outputs of one row; what it needs of them it copies.</param>
    /// <param name="cancellation">Stops between two operators.</param>
    /// <param name="promptLength">Tokens at the beginning that pooling leaves out.</param>
    internal void Forward(IReadOnlyList<Encoding> rows, IReadOnlyCollection<string> outputs, RowReader reader, CancellationToken cancellation, int promptLength = 0)
    {
        var lengths = rows.Count <= 64 ? stackalloc int[rows.Count] : new int[rows.Count];
        for (var i = 0; i < lengths.Length; i++) lengths[i] = rows[i].Length;
        foreach (var group in Batches.Plan(lengths, _options.BatchTokens, _options.BatchRows, _sharing))
        {
            var longest = lengths[group[0]];
            using var feeds = new Feeds();
            TextFeeds.Fill(feeds, Session, Tokenizer, rows, group, longest, promptLength);
            using var results = Session.Run(feeds, outputs, cancellation);
            for (var i = 0; i < group.Count; i++)
            {
                var length = lengths[group[i]];
                reader(group[i], new RowOutputs(results, i, group.Count, longest, Tokenizer.PaddingSide == Side.Left ? longest - length : 0, length));
            }
        }
    }

    public void Dispose() => Session.Dispose();

    private static readonly TruncationStrategy[] Strategies = [TruncationStrategy.LongestFirst, TruncationStrategy.LongestFirst, TruncationStrategy.OnlyFirst, TruncationStrategy.OnlySecond];
}

/// <summary>Reads the outputs of one row.</summary>
internal delegate void RowReader(int row, RowOutputs outputs);

/// <summary>What one row of a batch gave.</summary>
internal readonly ref struct RowOutputs(SessionOutputs outputs, int row, int rows, int padded, int start, int length)
{
    /// <summary>Everything that the row gave, padding included: [...].</summary>
    internal ReadOnlySpan<float> Whole(string name)
    {
        var all = outputs.Float(name);
        var share = all.Length / rows;
        return all.Slice(row * share, share);
    }

    /// <summary>Padding before the row's first token.</summary>
    internal int Start => start;

    /// <summary>What the row's own tokens gave: [length, width].</summary>
    internal ReadOnlySpan<float> Tokens(string name, out int width)
    {
        var whole = Whole(name);
        width = whole.Length / Math.Max(1, padded);
        return whole.Slice(start * width, length * width);
    }
}
