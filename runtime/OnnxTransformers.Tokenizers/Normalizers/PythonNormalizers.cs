using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>GPT-SW3's: characters that print nothing go, spaces of all widths become plain ones (tokenization_gpt_sw3.py).</summary>
internal sealed class GptSw3Normalizer : Normalizer
{
    internal override void Normalize(TextPair text)
    {
        text.Filter(c => c is not (<= 8 or (>= 11 and <= 31) or (>= 127 and <= 160) or 173 or 8203));
        foreach (ref var c in text.Current.Span)
            if (c is '\u2009' or '\u200A' or '\u202F' or '\u2005' or '\u3000' or '\u2002' or '\u2008' or '\u2003' or '\uFFFC') c = ' ';
    }
}

/// <summary>A step that makes a new text, which is not aligned with the old one.</summary>
internal abstract class RewritingNormalizer : Normalizer
{
    internal override void Normalize(TextPair text)
    {
        var result = Rewrite(text.Current.Span.ToString());
        text.Begin();
        text.Insert(result, text.Current.Origin, text.Current.Origin);
        text.End();
    }

    protected abstract string Rewrite(string text);
}

/// <summary>SigLIP's: ASCII punctuation goes, white space becomes single spaces, none at the ends (canonicalize_text).</summary>
internal sealed class SiglipNormalizer : RewritingNormalizer
{
    protected override string Rewrite(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (char.IsAscii(c) && (char.IsPunctuation(c) || char.IsSymbol(c))) continue;
            var space = PythonText.IsSpace(c);
            if (!space || result.Length == 0 || result[^1] != ' ') result.Append(space ? ' ' : c);
        }
        return PythonText.Strip(result.ToString());
    }
}

/// <summary>BERT's clean-up in Python: characters are composed before words become small and lose their accents, and a word knows its last letter.</summary>
internal sealed class BasicTokenizerNormalizer(bool handleChinese, bool stripAccents, bool lowercase) : RewritingNormalizer
{
    private readonly BertNormalizer _clean = new(cleanText: true, handleChinese, stripAccents: false, lowercase: false);
    private readonly UnicodeNormalizer _compose = new(compatible: false, compose: true), _decompose = new(compatible: false, compose: false);

    protected override string Rewrite(string text)
    {
        var words = PythonText.Split(_compose.Normalize(_clean.Normalize(Assigned(text))));
        var result = new StringBuilder(text.Length);
        foreach (var word in words)
        {
            var folded = lowercase ? Templates.PyText.Lower(word) : word;
            result.Append(result.Length > 0 ? " " : "").Append(stripAccents ? StripAccents(folded) : folded);
        }
        return result.ToString();
    }

    private static string Assigned(string text) => !text.EnumerateRunes().Any(r => PythonUnicode.IsUnassigned(r.Value)) ? text
        : string.Concat(text.EnumerateRunes().Where(r => !PythonUnicode.IsUnassigned(r.Value)).Select(r => r.ToString()));

    private string StripAccents(string word)
    {
        var pair = new TextPair();
        pair.Current.Load(_decompose.Normalize(word), 0);
        pair.Filter(c => !UnicodeData.Is(c, UnicodeData.Nonspacing));
        return pair.Current.Span.ToString();
    }
}

/// <summary>Wav2Vec2's: a sign stands for the space between words; capitals where the vocabulary has only those.</summary>
internal sealed class WordSignNormalizer(string sign, bool upper) : RewritingNormalizer
{
    protected override string Rewrite(string text) => (upper ? PythonText.Upper(text) : text).Replace(" ", sign, StringComparison.Ordinal);
}
