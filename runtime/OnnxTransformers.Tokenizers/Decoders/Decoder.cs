using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>A step that turns tokens into text.</summary>
internal abstract class Decoder
{
    /// <summary>Rewrites the tokens; joined, they are the text.</summary>
    internal abstract void Decode(List<string> tokens);

    protected static void Each(List<string> tokens, Func<int, string, string> rewrite)
    {
        var span = CollectionsMarshal.AsSpan(tokens);
        for (var i = 0; i < span.Length; i++) span[i] = rewrite(i, span[i]);
    }
}

/// <summary>Decoders one after the other.</summary>
internal sealed class DecoderSequence(Decoder[] steps) : Decoder
{
    internal Decoder[] Steps => steps;

    internal override void Decode(List<string> tokens)
    {
        foreach (var step in steps) step.Decode(tokens);
    }
}

/// <summary>The end-of-word mark becomes a space, but for the last word.</summary>
internal sealed class BpeDecoder(string suffix) : Decoder
{
    internal override void Decode(List<string> tokens) => Each(tokens, (i, t) => suffix.Length == 0 ? t : t.Replace(suffix, i == tokens.Count - 1 ? "" : " ", StringComparison.Ordinal));
}

/// <summary>The characters that stand for bytes become those bytes, and they text; bytes that are none become U+FFFD.</summary>
internal sealed class ByteLevelDecoder : Decoder
{
    internal override void Decode(List<string> tokens)
    {
        var bytes = new ArrayBufferWriter<byte>(256);
        foreach (var token in tokens) Write(token, bytes);
        tokens.Clear();
        tokens.Add(System.Text.Encoding.UTF8.GetString(bytes.WrittenSpan));
    }

    internal static void Write(string token, ArrayBufferWriter<byte> bytes)
    {
        var target = bytes.GetSpan(token.Length * 3 + 1);
        for (var i = 0; i < token.Length; i++)
        {
            var b = ByteAlphabet.ToByte(token[i]);
            if (b < 0)
            {
                bytes.Advance(Vocabulary.Encoding8.GetBytes(token, target));
                return;
            }
            target[i] = (byte)b;
        }
        bytes.Advance(token.Length);
    }
}

/// <summary>Continued words are joined; English punctuation is drawn to the word before it.</summary>
internal sealed class WordPieceDecoder(string prefix, bool cleanup) : Decoder
{
    internal override void Decode(List<string> tokens) => Each(tokens, (i, t) =>
    {
        if (i > 0) t = t.StartsWith(prefix, StringComparison.Ordinal) ? t[prefix.Length..] : " " + t;
        return cleanup ? CleanUp(t) : t;
    });

    internal static string CleanUp(string text)
    {
        if (!text.Contains(' ', StringComparison.Ordinal)) return text;
        return text.Replace(" .", ".", StringComparison.Ordinal).Replace(" ?", "?", StringComparison.Ordinal).Replace(" !", "!", StringComparison.Ordinal)
            .Replace(" ,", ",", StringComparison.Ordinal).Replace(" ' ", "'", StringComparison.Ordinal).Replace(" n't", "n't", StringComparison.Ordinal)
            .Replace(" 'm", "'m", StringComparison.Ordinal).Replace(" do not", " don't", StringComparison.Ordinal).Replace(" 's", "'s", StringComparison.Ordinal)
            .Replace(" 've", "'ve", StringComparison.Ordinal).Replace(" 're", "'re", StringComparison.Ordinal);
    }
}

/// <summary>The visible space becomes a space, and nothing at the very beginning.</summary>
internal sealed class MetaspaceDecoder(char replacement, PrependScheme scheme) : Decoder
{
    internal override void Decode(List<string> tokens) => Each(tokens, (i, t) =>
        i == 0 && scheme != PrependScheme.Never ? t.Replace(replacement.ToString(), "", StringComparison.Ordinal) : t.Replace(replacement, ' '));
}

/// <summary>Connectionist temporal classification: repeated tokens and padding go.</summary>
internal sealed class CtcDecoder(string pad, string delimiter, bool cleanup) : Decoder
{
    internal override void Decode(List<string> tokens)
    {
        var kept = 0;
        string? last = null;
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            if (token == last) continue;
            last = token;
            if (pad.Length > 0) token = token.Replace(pad, "", StringComparison.Ordinal);
            if (cleanup)
            {
                token = WordPieceDecoder.CleanUp(token);
                if (delimiter.Length > 0) token = token.Replace(delimiter, " ", StringComparison.Ordinal);
            }
            if (token.Length > 0) tokens[kept++] = token;
        }
        tokens.RemoveRange(kept, tokens.Count - kept);
    }
}

/// <summary>Tokens such as &lt;0xE2&gt; become bytes; runs of them that are no UTF-8 become one U+FFFD a byte.</summary>
internal sealed class ByteFallbackDecoder : Decoder
{
    private static readonly UTF8Encoding Strict = new(false, true);

    internal override void Decode(List<string> tokens)
    {
        if (!tokens.Exists(t => ByteOf(t) >= 0)) return;
        var result = new List<string>(tokens.Count);
        var bytes = new List<byte>();
        foreach (var token in tokens)
        {
            if (ByteOf(token) is var b and >= 0)
            {
                bytes.Add((byte)b);
                continue;
            }
            Flush(bytes, result);
            result.Add(token);
        }
        Flush(bytes, result);
        tokens.Clear();
        tokens.AddRange(result);
    }

    private static void Flush(List<byte> bytes, List<string> result)
    {
        if (bytes.Count == 0) return;
        try
        {
            result.Add(Strict.GetString(CollectionsMarshal.AsSpan(bytes)));
        }
        catch (DecoderFallbackException)
        {
            for (var i = 0; i < bytes.Count; i++) result.Add("\uFFFD");
        }
        bytes.Clear();
    }

    private static int ByteOf(string token)
    {
        if (token.Length != 6 || token[0] != '<' || token[1] != '0' || token[2] != 'x' || token[5] != '>') return -1;
        var digits = token[3] == '+' ? token.AsSpan(4, 1) : token.AsSpan(3, 2);
        return int.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var b) ? b : -1;
    }
}

/// <summary>All tokens become one.</summary>
internal sealed class FuseDecoder : Decoder
{
    internal override void Decode(List<string> tokens)
    {
        var text = string.Concat(tokens);
        tokens.Clear();
        tokens.Add(text);
    }
}

/// <summary>Removes up to so many of a character at the ends of every token.</summary>
internal sealed class StripDecoder(int content, int start, int stop) : Decoder
{
    internal override void Decode(List<string> tokens) => Each(tokens, (_, token) =>
    {
        var units = content > 0xFFFF ? 2 : 1;
        var (from, to) = (0, token.Length);
        for (var n = start; n > 0 && At(token, from, to, from); n--) from += units;
        // The reference looks at both ends of the same token, and lets them cross only where it fails altogether.
        for (var n = stop; n > 0 && At(token, from, to, to - units); n--) to -= units;
        return token[from..to];

        bool At(string text, int low, int high, int i) => i >= low && i + units <= high && (units == 1 ? text[i] == content : char.IsHighSurrogate(text[i]) && char.ConvertToUtf32(text, i) == content);
    });
}
