using System.Runtime.InteropServices;
using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>What turns the pieces of a text into tokens.</summary>
internal abstract class Model
{
    /// <summary>All tokens.</summary>
    internal abstract Vocabulary Vocabulary { get; }

    /// <summary>How many ids the model has; added tokens come after them.</summary>
    internal virtual int Size => Vocabulary.Count;

    /// <summary>The name of an id where the model has it.</summary>
    internal virtual string? Name(int id) => Vocabulary.Name(id);

    /// <summary>The id of a token, or -1.</summary>
    internal virtual int Find(string token) => Vocabulary.Find(token);

    /// <summary>The name of the unknown token as the model gives it, or null.</summary>
    internal virtual string? UnknownToken => null;

    internal virtual string? ContinuingSubwordPrefix => null;

    /// <summary>What ends the last token of a word, or null.</summary>
    internal virtual string? WordEnd => null;

    /// <summary>Writes the tokens of a word that is not empty.</summary>
    protected abstract void Tokenize(ReadOnlySpan<char> word, ModelScratch scratch, List<WordToken> tokens);

    /// <summary>Writes the tokens of all pieces.</summary>
    /// <param name="work">The pieces and their text.</param>
    /// <param name="output">Where the tokens go.</param>
    /// <param name="firstWord">-1 where pieces are numbered; else the number of the word that they all belong to.</param>
    internal void Tokenize(Workspace work, TokenBuffer output, int firstWord)
    {
        var text = work.Main;
        var cache = work.Cache;
        var number = 0;
        foreach (var piece in CollectionsMarshal.AsSpan(work.Pieces))
        {
            var word = firstWord < 0 ? number++ : firstWord;
            if (piece.Token >= 0)
            {
                output.Names.Add(output.Count, text.Chars.AsSpan(piece.Start, piece.End - piece.Start));
                output.Add(piece.Token, text.StartOf(piece.Start), text.EndOf(piece.End - 1), word);
                continue;
            }
            var span = text.Chars.AsSpan(piece.Start, piece.End - piece.Start);
            if (span.Length <= WordCache.LongestWord)
            {
                var hash = WordCache.HashOf(span);
                if (!cache.TryGet(span, hash, out var tokens))
                {
                    work.Word.Clear();
                    Tokenize(span, work.Scratch, work.Word);
                    tokens = CollectionsMarshal.AsSpan(work.Word);
                    cache.Add(span, hash, tokens);
                }
                Emit(tokens, text, piece.Start, word, output);
                continue;
            }
            TokenizeLong(work, piece, word, output);
        }
    }

    /// <summary>Writes the tokens of a piece that is too long to be remembered.</summary>
    protected virtual void TokenizeLong(Workspace work, Piece piece, int word, TokenBuffer output)
    {
        work.Word.Clear();
        Tokenize(work.Main.Chars.AsSpan(piece.Start, piece.End - piece.Start), work.Scratch, work.Word);
        Emit(CollectionsMarshal.AsSpan(work.Word), work.Main, piece.Start, word, output);
    }

    protected static void Emit(ReadOnlySpan<WordToken> tokens, AlignedText text, int start, int word, TokenBuffer output)
    {
        output.Reserve(tokens.Length);
        var at = output.Count;
        var (ids, offsets, words) = (output.Ids, output.Offsets, output.Words);
        if (text.Identity)
        {
            var origin = text.Origin + start;
            foreach (var token in tokens)
            {
                (ids[at], offsets[at], words[at]) = (token.Id, new(origin + token.Start, origin + token.End), word);
                if (token.Id < 0) Named(token, at);
                at++;
            }
        }
        else
        {
            foreach (var token in tokens)
            {
                (ids[at], offsets[at], words[at]) = (token.Id, new(text.StartOf(start + token.Start), text.EndOf(start + token.End - 1)), word);
                if (token.Id < 0) Named(token, at);
                at++;
            }
        }
        output.Count = at;

        void Named(WordToken token, int index)
        {
            output.Ids[index] = token.Id & ~WordToken.IsText;
            output.Names.Add(index, text.Chars.AsSpan(start + token.Start, token.End - token.Start));
        }
    }

    /// <summary>The UTF-8 form of a word and, after it, for every byte the unit that it begins in; ASCII words need no such map.</summary>
    protected static ReadOnlySpan<byte> Transcode(ReadOnlySpan<char> word, ModelScratch scratch, out bool ascii)
    {
        ModelScratch.Fit(ref scratch.Bytes, word.Length * 3);
        ascii = Ascii.IsValid(word);
        if (ascii)
        {
            Ascii.FromUtf16(word, scratch.Bytes, out _);
            return scratch.Bytes.AsSpan(0, word.Length);
        }
        var count = Vocabulary.Encoding8.GetBytes(word, scratch.Bytes);
        ModelScratch.Fit(ref scratch.Units, count + 1);
        var at = 0;
        for (var i = 0; i < word.Length;)
        {
            var units = char.IsHighSurrogate(word[i]) ? 2 : 1;
            var bytes = word[i] < 0x80 ? 1 : word[i] < 0x800 ? 2 : units == 2 ? 4 : 3;
            for (var k = 0; k < bytes; k++) scratch.Units[at++] = i;
            i += units;
        }
        scratch.Units[at] = word.Length;
        return scratch.Bytes.AsSpan(0, count);
    }

    /// <summary>The range in units of a range in bytes: whole characters.</summary>
    protected static (int Start, int End) ToUnits(ModelScratch scratch, int length, int start, int end)
    {
        var units = scratch.Units;
        var last = Math.Min(end, length);
        var stop = last;
        while (stop < length && units[stop] == units[last - 1]) stop++;
        return (units[Math.Min(start, length - 1)], units[stop]);
    }
}
