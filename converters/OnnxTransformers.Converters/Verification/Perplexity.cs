using System.Collections.Immutable;
using OnnxTransformers.Tokenizers;

namespace OnnxTransformers.Converters.Verification;

/// <summary>How well a causal language model foretells a text: the beginning of Pride and Prejudice (Jane Austen, 1813), in windows of 64 tokens, each read from its start.</summary>
internal sealed class Perplexity
{
    internal const string TextName = "pride-and-prejudice.txt";
    private const int Window = 64;
    private const int MostTokens = 256;
    private const int FewestTokens = 8;
    private readonly ImmutableArray<ImmutableArray<int>> _windows;

    private Perplexity(ImmutableArray<ImmutableArray<int>> windows) => _windows = windows;

    /// <summary>Tokens that are foretold.</summary>
    internal int Tokens => _windows.Sum(w => w.Length - 1);

    /// <summary>Reads the text with the tokenizer of a package.</summary>
    /// <param name="tokenizer">The tokenizer, where it is loaded already.</param>
    /// <param name="folder">The package.</param>
    /// <param name="config">The network's configuration.</param>
    /// <param name="maxTokens">The longest text that the graph takes; null for no limit.</param>
    /// <param name="missing">Why there is none; null where there is one.</param>
    /// <returns>The text; null where the package has no tokenizer that can be read, or its tokens aren't those of the network.</returns>
    internal static Perplexity? TryCreate(Tokenizer? tokenizer, string folder, ConfigReader config, int? maxTokens, out string? missing)
    {
        try
        {
            var ids = (tokenizer ?? Tokenizer.Load(folder)).Encode(Text()).Ids;
            var positions = Math.Min(Window, maxTokens ?? Window);
            var vocabulary = NetworkLimits.Read(config, maxTokens).Vocabulary;
            ImmutableArray<ImmutableArray<int>> windows = [.. ids.Take(MostTokens).Chunk(positions).Where(w => w.Length >= FewestTokens).Select(w => w.ToImmutableArray())];
            missing = positions < FewestTokens ? $"the network reads {positions} tokens at most"
                : ids.Any(id => id >= vocabulary) ? $"the tokenizer knows more tokens than the network, which has {vocabulary}"
                : windows.IsEmpty ? $"the tokenizer makes {ids.Length} tokens of {TextName}" : null;
            return missing is null ? new(windows) : null;
        }
        catch (OnnxTransformersException e)
        {
            missing = e.Message;
            return null;
        }
    }

    /// <summary>e to the mean negative logarithm of the share that each token of the text gets.</summary>
    internal double Of(GraphRunner runner, NetworkLimits limits, CancellationToken cancellation)
    {
        var generator = new InputGenerator(runner.Inputs, limits);
        var sum = 0.0;
        foreach (var window in _windows)
        {
            var blank = generator.Make("text", Padding.None, rows: 1, length: window.Length);
            var input = blank with { Tensors = [.. blank.Tensors.Select(t => t.Spec.Name == "input_ids" ? t with { Values = [.. window.Select(id => (double)id)] } : t)] };
            var logits = runner.Run(input, cancellation).Single(t => t.Spec.Name == "logits");
            var width = (int)logits.Shape[^1];
            for (var i = 0; i + 1 < window.Length; i++) sum += Surprise(logits.Values.AsSpan(i * width, width), window[i + 1]);
        }
        return Math.Exp(sum / Tokens);
    }

    private static double Surprise(ReadOnlySpan<double> logits, int token)
    {
        var largest = double.NegativeInfinity;
        foreach (var logit in logits) largest = Math.Max(largest, logit);
        var sum = 0.0;
        foreach (var logit in logits) sum += Math.Exp(logit - largest);
        return Math.Log(sum) + largest - logits[token];
    }

    private static string Text()
    {
        using var stream = typeof(Perplexity).Assembly.GetManifestResourceStream(TextName)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
