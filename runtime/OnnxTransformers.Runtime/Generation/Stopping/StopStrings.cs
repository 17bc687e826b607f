using System.Collections.Concurrent;
using System.Collections.Immutable;
using OnnxTransformers.Tokenizers;

namespace OnnxTransformers.Generation;

/// <summary>The text that each token of a vocabulary adds inside a text. Made once for a tokenizer; thread-safe.</summary>
internal sealed class TokenTexts
{
    private const string Before = "abcdef";
    private readonly Tokenizer _tokenizer;
    private readonly int[] _before;
    private readonly ConcurrentDictionary<int, string> _texts = [];

    internal TokenTexts(Tokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        _before = [.. tokenizer.Encode(Before, null, new EncodeOptions { AddSpecialTokens = false }).Ids];
    }

    internal int Count => _tokenizer.VocabSize;

    /// <summary>The text of a token; nothing for an id that the tokenizer lacks.</summary>
    internal string this[int id] => _texts.GetOrAdd(id, static (id, self) => self.Find(id), this);

    /// <summary>Decoders treat the first token of a text differently, so a known beginning stands before it.</summary>
    private string Find(int id)
    {
        if (_tokenizer.IdToToken(id) is null) return "";
        var text = _tokenizer.Decode([.. _before, id], skipSpecialTokens: false, cleanUpTokenizationSpaces: false);
        var at = text.IndexOf(Before, StringComparison.Ordinal);
        return at < 0 ? text : text[(at + Before.Length)..];
    }
}

/// <summary>Ends sequences in whose last token a text ends, also where the token goes on after it. Reference: StopStringCriteria.</summary>
internal sealed class StopStrings : IStoppingCriterion
{
    private readonly ImmutableArray<string> _texts;
    private readonly TokenTexts _tokens;

    private StopStrings(ImmutableArray<string> texts, TokenTexts tokens) => (_texts, _tokens) = (texts, tokens);

    /// <exception cref="InvalidInputException">There is no tokenizer.</exception>
    internal static StopStrings Create(ImmutableArray<string> texts, TokenTexts? tokens) => tokens is null
        ? throw new InvalidInputException("looking for stop strings", new Problem("stop_strings", "the package has no tokenizer", "packages with one"))
        : new(texts, tokens);

    public bool IsDone(ReadOnlySpan<int> ids, int number)
    {
        foreach (var text in _texts)
            if (EndsWith(ids, text)) return true;
        return false;
    }

    /// <summary>Whether the text ends somewhere in the last token: some part of it is a beginning of that token, and the tokens before end in the rest.</summary>
    private bool EndsWith(ReadOnlySpan<int> ids, string text)
    {
        var last = _tokens[ids[^1]];
        for (var end = 1; end <= text.Length; end++)
        {
            var rest = text.AsSpan(0, text.Length - end);
            // The text may lie in the token as a whole, at any place.
            if (rest.IsEmpty ? last.Contains(text, StringComparison.Ordinal) : last.AsSpan().StartsWith(text.AsSpan(text.Length - end)) && Precedes(ids[..^1], rest)) return true;
        }
        return false;
    }

    private bool Precedes(ReadOnlySpan<int> ids, ReadOnlySpan<char> rest)
    {
        for (var at = ids.Length - 1; at >= 0; at--)
        {
            var token = _tokens[ids[at]].AsSpan();
            if (token.Length >= rest.Length) return token.EndsWith(rest);
            if (!rest.EndsWith(token)) return false;
            rest = rest[..^token.Length];
        }
        return rest.IsEmpty;
    }
}
