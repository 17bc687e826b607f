using OnnxTransformers.Tokenizers;

namespace OnnxTransformers;

/// <summary>Texts that are compared with pictures: encoded and padded as pipelines of the reference do it for CLIP and SigLIP.</summary>
internal sealed class PictureTexts
{
    // What SigLIP models were trained with; the reference's pipelines write the number, too.
    private const int SiglipLength = 64;
    private readonly Tokenizer _tokenizer;

    private PictureTexts(Tokenizer tokenizer, bool isSiglip, int? positions)
    {
        (_tokenizer, IsSiglip, MaxTokens) = (tokenizer, isSiglip, positions);
    }

    /// <summary>True where texts are padded to one length and each score stands for itself.</summary>
    internal bool IsSiglip { get; }

    private int? MaxTokens { get; }

    internal static PictureTexts Load(Package package)
    {
        var positions = package.Config.Json?.Object("text_config")?.IntOrNull("max_position_embeddings");
        return new(Tokenizer.Load(package.Folder), package.Config.ModelType.Contains("siglip", StringComparison.Ordinal), positions);
    }

    /// <summary>Encodes texts.</summary>
    /// <exception cref="InvalidInputException">One has more tokens than the model has positions.</exception>
    internal Encoding[] Encode(IReadOnlyList<string> texts, TokenizerArguments arguments = default)
    {
        var cut = arguments.Cut ?? (IsSiglip ? CutSide.Longest : CutSide.None);
        var most = arguments.MaxLength ?? (IsSiglip ? SiglipLength : _tokenizer.ModelMaxLength);
        var options = new EncodeOptions { AddSpecialTokens = !arguments.WithoutSpecialTokens, Truncation = cut == CutSide.None || most == int.MaxValue ? null : new Truncation(most) };
        return [.. texts.Select(t => Checked(_tokenizer.Encode(t, null, options), t))];
    }

    /// <summary>Fills the graph's inputs for texts that were encoded with these arguments.</summary>
    internal void Fill(Feeds feeds, ModelSession session, Encoding[] rows, TokenizerArguments arguments = default) =>
        TextFeeds.FillTexts(feeds, session, _tokenizer, rows, Math.Max(IsSiglip ? arguments.MaxLength ?? SiglipLength : 0, rows.Max(r => r.Length)));

    private Encoding Checked(Encoding row, string text)
    {
        if (MaxTokens is not { } most || row.Length <= most) return row;
        throw new InvalidInputException("encoding a text", new Problem($"\"{(text.Length > 40 ? text[..40] + "..." : text)}\"", $"{row.Length} tokens", $"{most} at most", "shorten the text, or ask for truncation with tokenizer_kwargs"));
    }
}
