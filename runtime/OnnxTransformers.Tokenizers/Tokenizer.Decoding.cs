using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace OnnxTransformers.Tokenizers;

public sealed partial class Tokenizer
{
    /// <summary>Turns ids back into text. Ids that the tokenizer doesn't have are passed over.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="skipSpecialTokens">Leaves special tokens out.</param>
    /// <param name="cleanUpTokenizationSpaces">Draws English punctuation to the word before it; null is what the checkpoint says.</param>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false, bool? cleanUpTokenizationSpaces = null)
    {
        var times = _parts.Settings.DecodesTimestamps;
        var text = DecodeCore(times && skipSpecialTokens ? WithoutPrompt(ids) : ids, skipSpecialTokens);
        if (times) text = Timestamps.Replace(text, "");
        if (_parts.Settings.DecodesWordEnds && _parts.Model.WordEnd is { Length: > 0 } end) text = text.Replace(end, " ", StringComparison.Ordinal).Trim(PythonSpace);
        return !(cleanUpTokenizationSpaces ?? _parts.Settings.CleanUpSpaces) ? text : _parts.Settings.CleanUp is { } own ? own(text) : CleanUp(text);
    }

    /// <summary>Joins tokens, given by name, into text as the decoder does; names need not be in the vocabulary. Nothing is skipped or cleaned up.</summary>
    /// <param name="tokens">The names of tokens. (transformers: convert_tokens_to_string.)</param>
    public string TokensToText(IReadOnlyList<string> tokens)
    {
        if (_parts.Decoder is null) return string.Join(' ', tokens);
        List<string> texts = [.. tokens];
        _parts.Decoder.Decode(texts);
        return string.Concat(texts);
    }

    [GeneratedRegex(@"<\|\d+\.\d+\|>", RegexOptions.CultureInvariant)]
    private static partial Regex Timestamps { get; }

    /// <summary>Whisper's: what comes before the start of the transcript was given to it, and did not come from it.</summary>
    private ReadOnlySpan<int> WithoutPrompt(ReadOnlySpan<int> ids)
    {
        if (ids.IsEmpty || TokenToId("<|startofprev|>") is not { } prompt || ids[0] != prompt) return ids;
        return TokenToId("<|startoftranscript|>") is { } start && ids.IndexOf(start) is var at and >= 0 ? ids[at..] : default;
    }

    /// <summary>Decodes ids as they come, one after the other, and never half a character.</summary>
    /// <param name="skipSpecialTokens">Leaves special tokens out.</param>
    /// <param name="strict">Refuses ids that change what was said before, as tokenizers does; otherwise they are decoded for themselves.</param>
    public DecodeStream CreateDecodeStream(bool skipSpecialTokens = false, bool strict = false) => new(this, skipSpecialTokens, strict);

    internal string DecodeCore(ReadOnlySpan<int> ids, bool skipSpecialTokens)
    {
        var added = _parts.Added;
        if (_parts.Decoder is ByteLevelDecoder)
        {
            var bytes = new ArrayBufferWriter<byte>(ids.Length * 6 + 16);
            foreach (var id in ids)
                if (Name(id) is { } name) ByteLevelDecoder.Write(name, bytes);
            return System.Text.Encoding.UTF8.GetString(bytes.WrittenSpan);
        }
        var tokens = new List<string>(ids.Length);
        foreach (var id in ids)
            if (Name(id) is { } name) tokens.Add(name);
        if (_parts.Decoder is null) return string.Join(' ', tokens);
        _parts.Decoder.Decode(tokens);
        return string.Concat(tokens);

        string? Name(int id) => IdToToken(id) is { } token && !(skipSpecialTokens && added.IsSpecial(token)) ? token : null;
    }

    /// <summary>What Python's str.strip removes.</summary>
    private static readonly char[] PythonSpace =
        [.. "\t\n\v\f\r\u001C\u001D\u001E\u001F \u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000"];

    /// <summary>transformers' clean_up_tokenization.</summary>
    internal static string CleanUp(string text)
    {
        if (!text.Contains(' ', StringComparison.Ordinal)) return text;
        return new StringBuilder(text).Replace(" .", ".").Replace(" ?", "?").Replace(" !", "!").Replace(" ,", ",").Replace(" ' ", "'").Replace(" n't", "n't").Replace(" 'm", "'m")
            .Replace(" 's", "'s").Replace(" 've", "'ve").Replace(" 're", "'re").ToString();
    }
}

/// <summary>Decodes ids as they come. Not thread-safe.</summary>
public sealed class DecodeStream
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly bool _strict;
    private readonly List<int> _ids = [];
    private string _prefix = "";
    private int _prefixIndex;

    internal DecodeStream(Tokenizer tokenizer, bool skipSpecialTokens, bool strict) => (_tokenizer, _skipSpecialTokens, _strict) = (tokenizer, skipSpecialTokens, strict);

    /// <summary>Takes the next id and gives the text that is certain now, or null where nothing can be said yet.</summary>
    /// <exception cref="InvalidInputException">The stream is strict, and the id changes what was said before.</exception>
    public string? Step(int id)
    {
        if (_prefix.Length == 0 && _ids.Count > 0)
        {
            var known = Decode();
            if (!known.EndsWith('\uFFFD')) (_prefix, _prefixIndex) = (known, _ids.Count);
        }
        _ids.Add(id);
        var text = Decode();
        if (Bytes(text) <= Bytes(_prefix) || text.EndsWith('\uFFFD')) return null;
        var follows = text.StartsWith(_prefix, StringComparison.Ordinal);
        if (!follows && _strict)
            throw new InvalidInputException("decoding a stream", new Problem("", $"Invalid prefix encountered while decoding stream. Token ID: {id}, Expected prefix: '{_prefix}', Actual string: '{text}'"));
        // Bytes that are no text make the bytes before them none, too; what was said can't be taken back.
        var more = follows ? text[_prefix.Length..] : Decode(_prefixIndex);
        var index = _ids.Count - _prefixIndex;
        _ids.RemoveRange(0, _prefixIndex);
        (_prefix, _prefixIndex) = (Decode(), index);
        return more;
    }

    /// <summary>Ends the stream.</summary>
    /// <returns>The whole characters that were held back because half a one stands behind them.</returns>
    public string Finish()
    {
        var text = Decode();
        return text.StartsWith(_prefix, StringComparison.Ordinal) ? text[_prefix.Length..].TrimEnd('\uFFFD') : "";
    }

    private string Decode(int from = 0) => _tokenizer.DecodeCore(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_ids)[from..], _skipSpecialTokens);

    private static int Bytes(string text) => System.Text.Encoding.UTF8.GetByteCount(text);
}
