using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>The ways in which Python tokenizers turn tokens into text (their convert_tokens_to_string). Tokenizers made from vocabulary files decode so, also where transformers
/// converts them to encode: the converted ones differ in the spaces around special tokens.</summary>
internal static class PythonDecoding
{
    /// <summary>Sentencepiece decodes the pieces between special tokens, with something around those.</summary>
    /// <param name="file">The model.</param>
    /// <param name="before">What stands before a special token that does not follow another.</param>
    /// <param name="after">What stands after it.</param>
    /// <param name="strip">Takes white space away at the ends.</param>
    /// <param name="dropsFirstSpace">The visible space that the first piece begins with goes before anything else.</param>
    /// <param name="rewrite">Changes what sentencepiece decoded.</param>
    internal static Func<TokenSet, Func<IReadOnlyList<string>, string>> SentencePiece(
        SentencePieceFile file, string before = "", string after = "", bool strip = true, bool dropsFirstSpace = false, Func<string, string>? rewrite = null)
    {
        var decoding = new SentencePieceDecoding(file);
        return tokens =>
        {
            var special = tokens.Special.ToHashSet(StringComparer.Ordinal);
            return parts =>
            {
                var (text, run, wasSpecial) = (new StringBuilder(), new List<string>(), false);
                for (var i = 0; i < parts.Count; i++)
                {
                    var part = i == 0 && dropsFirstSpace && parts[0].StartsWith('\u2581') ? parts[0][1..] : parts[i];
                    if (!special.Contains(part))
                    {
                        run.Add(part);
                        wasSpecial = false;
                        continue;
                    }
                    if (!wasSpecial) text.Append(before);
                    Flush();
                    text.Append(part).Append(after);
                    wasSpecial = true;
                }
                Flush();
                return strip ? PythonText.Strip(text.ToString()) : text.ToString();

                void Flush()
                {
                    var decoded = decoding.Decode(run);
                    text.Append(rewrite is null ? decoded : rewrite(decoded));
                    run.Clear();
                }
            };
        };
    }

    /// <summary>Pieces side by side, their visible spaces as spaces.</summary>
    internal static string Pieces(IReadOnlyList<string> parts) => PythonText.Strip(string.Concat(parts).Replace('\u2581', ' '));

    /// <summary>Visible characters of bytes as those bytes, and they as text.</summary>
    internal static string Bytes(IReadOnlyList<string> parts)
    {
        List<string> tokens = [.. parts];
        new ByteLevelDecoder().Decode(tokens);
        return string.Concat(tokens);
    }

    /// <summary>Words with spaces between them; those that continue a word are joined to it.</summary>
    internal static string WordPieces(IReadOnlyList<string> parts) => PythonText.Strip(string.Join(' ', parts).Replace(" ##", "", StringComparison.Ordinal));

    /// <summary>A decoder that lets added tokens without a role stand alone.</summary>
    internal static Func<TokenSet, Decoder> Usual(Func<IReadOnlyList<string>, string> join) => tokens => new PythonDecoder(tokens.Standing, join);

    /// <summary>As <see cref="Usual(Func{IReadOnlyList{string}, string})"/>, for ways that depend on the special tokens.</summary>
    internal static Func<TokenSet, Decoder> Usual(Func<TokenSet, Func<IReadOnlyList<string>, string>> join) => tokens => new PythonDecoder(tokens.Standing, join(tokens));

    /// <summary>BigBird's: every added token stands alone, and masks and separators without the space before them.</summary>
    internal static Func<TokenSet, Decoder> BigBird(SentencePieceFile file) => tokens => new PythonDecoder(tokens.AddedInOrder.ToHashSet(StringComparer.Ordinal), SentencePiece(file, before: " ")(tokens))
    {
        KeepsEmpty = true,
        Finish = text => text.Replace(" [MASK]", "[MASK]", StringComparison.Ordinal).Replace(" [SEP]", "[SEP]", StringComparison.Ordinal),
    };

    /// <summary>XLNet's: every added token stands alone, and nothing separates the parts.</summary>
    internal static Func<TokenSet, Decoder> XlNet => tokens => new PythonDecoder(tokens.AddedInOrder.ToHashSet(StringComparer.Ordinal), Pieces) { Separator = "" };

    /// <summary>FNet's: nothing separates the parts, and no space follows the unknown token.</summary>
    internal static Func<TokenSet, Decoder> FNet(SentencePieceFile file) => tokens => new PythonDecoder(tokens.Standing, SentencePiece(file, before: " ")(tokens))
    {
        Separator = "",
        Finish = text => text.Replace("<unk> ", "<unk>", StringComparison.Ordinal),
    };
}
