using System.Buffers;

namespace OnnxTransformers.Tokenizers;

/// <summary>Sentencepiece's own treatment of a text (normalizer.cc): its rules, extra spaces, the space in front, visible spaces. User-defined pieces are left as they are.</summary>
internal sealed class SentencePieceNormalization
{
    private readonly SentencePieceFile _file;
    private readonly CharacterMap? _map;
    private readonly ByteTrie? _userDefined;

    internal SentencePieceNormalization(SentencePieceFile file)
    {
        _file = file;
        _map = CharacterMap.Read(file.CharacterMap, file.Name);
        if (file.Pieces.Any(p => p.Kind == PieceKind.UserDefined)) _userDefined = new(PieceOutput.Pieces(file, k => k is PieceKind.UserDefined));
    }

    internal string Apply(ReadOnlySpan<char> text)
    {
        var rented = ArrayPool<byte>.Shared.Rent(text.Length * 3 + 1);
        try
        {
            return Apply(rented.AsSpan(0, Vocabulary.Encoding8.GetBytes(text, rented)));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private string Apply(ReadOnlySpan<byte> rest)
    {
        var output = new ArrayBufferWriter<byte>(rest.Length + 16);
        var space = _file.EscapesSpaces ? "\u2581"u8 : " "u8;
        if (_file.RemovesExtraSpaces)
            while (!rest.IsEmpty)
            {
                var length = Next(rest, out var part);
                if (!part.SequenceEqual(" "u8)) break;
                rest = rest[length..];
            }
        if (rest.IsEmpty) return "";
        if (!_file.SpaceAsSuffix && _file.AddsPrefix) output.Write(space);
        var afterSpace = _file.RemovesExtraSpaces;
        while (!rest.IsEmpty)
        {
            rest = rest[Next(rest, out var part)..];
            while (afterSpace && part is [(byte)' ', ..]) part = part[1..];
            if (!part.IsEmpty)
            {
                foreach (var b in part)
                {
                    if (b == ' ') output.Write(space);
                    else output.Write([b]);
                }
                afterSpace = part[^1] == ' ';
            }
            if (!_file.RemovesExtraSpaces) afterSpace = false;
        }
        var written = output.WrittenSpan;
        if (_file.RemovesExtraSpaces)
            while (written.EndsWith(space)) written = written[..^space.Length];
        var result = Vocabulary.Encoding8.GetString(written);
        return _file.SpaceAsSuffix && _file.AddsPrefix ? result + Vocabulary.Encoding8.GetString(space) : result;
    }

    /// <summary>What the text begins with: a user-defined piece, what the longest rule makes of it, or a character. Returns how many bytes of the text that is.</summary>
    private int Next(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> part)
    {
        if (_userDefined is not null && PieceOutput.Longest(_userDefined, text, out _) is var own and > 0)
        {
            part = text[..own];
            return own;
        }
        if (_map is not null && _map.Longest(text, out part) is var length and > 0) return length;
        var width = Math.Min(PieceOutput.Width(text[0]), text.Length);
        part = text[..width];
        return width;
    }
}
