namespace OnnxTransformers.Tokenizers;

/// <summary>Replaces what a pattern matches with a fixed text.</summary>
internal sealed class ReplaceNormalizer(Pattern pattern, string content) : Normalizer
{
    internal override void Normalize(TextPair text)
    {
        var source = text.Current;
        if (source.Length == 0) return;
        // One unit for another (a space for a visible one): nothing moves.
        if (pattern.Unit is { } unit && content.Length == 1 && !char.IsSurrogate(content[0]))
        {
            source.Span.Replace(unit, content[0]);
            return;
        }
        var rewriting = new Rewriting(text, content);
        pattern.Find(source.Span, ref rewriting);
        rewriting.Finish(source.Length);
    }

    private struct Rewriting(TextPair text, string content) : IMatches
    {
        private bool _begun;

        public void Match(int start, int end)
        {
            if (!_begun) text.Begin();
            _begun = true;
            text.CopyTo(start);
            // What is inserted shares the alignment of the last character that it replaces, or of the one before.
            if (end > start) text.MoveTo(end);
            text.InsertHere(content);
        }

        internal readonly void Finish(int length)
        {
            if (!_begun) return;
            text.CopyTo(length);
            text.End();
        }
    }
}

/// <summary>Replaces what a pattern matches in every token.</summary>
internal sealed class ReplaceDecoder(Pattern pattern, string content) : Decoder
{
    internal override void Decode(List<string> tokens) => Each(tokens, (_, token) => pattern.Replace(token, content));
}
