using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>Sentencepiece's own decoding of pieces (sentencepiece_processor.cc).</summary>
internal sealed class SentencePieceDecoding
{
    private readonly SentencePieceFile _file;
    private readonly Dictionary<string, int> _places;
    private readonly CharacterMap? _map;

    internal SentencePieceDecoding(SentencePieceFile file)
    {
        _file = file;
        _places = file.Pieces.Select((p, i) => (p.Text, i)).ToDictionary(p => p.Text, p => p.i, StringComparer.Ordinal);
        _map = CharacterMap.Read(file.DecodingMap, file.Name);
    }

    internal string Decode(IReadOnlyList<string> pieces)
    {
        var text = new StringBuilder();
        var bytes = new List<byte>();
        var (atStart, sawSpace) = (true, false);
        foreach (var name in pieces)
        {
            var known = _places.TryGetValue(name, out var place);
            var kind = known ? _file.Pieces[place].Kind : PieceKind.Unknown;
            if (kind == PieceKind.Byte)
            {
                bytes.Add(Convert.ToByte(name[3..5], 16));
                continue;
            }
            Flush(bytes, text);
            if (sawSpace || text.Length > 0) atStart = false;
            sawSpace = false;
            if (kind == PieceKind.Control) continue;
            if (kind == PieceKind.Unknown)
            {
                text.Append(known ? _file.UnknownSurface : name);
                continue;
            }
            var piece = name;
            if (atStart && (_file.AddsPrefix || _file.RemovesExtraSpaces) && piece[0] == '\u2581')
            {
                piece = piece[1..];
                // Where extra spaces are removed, all of them go, however many pieces they are.
                sawSpace = !_file.RemovesExtraSpaces;
            }
            text.Append(piece.Replace('\u2581', ' '));
        }
        Flush(bytes, text);
        return _map is null ? text.ToString() : Denormalize(text.ToString());
    }

    private static void Flush(List<byte> bytes, StringBuilder text)
    {
        if (bytes.Count == 0) return;
        ReadOnlySpan<byte> rest = bytes.ToArray();
        while (!rest.IsEmpty)
        {
            // Each byte that begins no character is one U+FFFD.
            var whole = Rune.DecodeFromUtf8(rest, out var rune, out var used) == System.Buffers.OperationStatus.Done;
            text.Append(whole ? rune.ToString() : "\uFFFD");
            rest = rest[(whole ? used : 1)..];
        }
        bytes.Clear();
    }

    private string Denormalize(string text)
    {
        var (source, output) = (Vocabulary.Encoding8.GetBytes(text), new List<byte>(text.Length));
        for (var i = 0; i < source.Length;)
        {
            var length = _map!.Longest(source.AsSpan(i), out var replacement);
            if (length == 0)
            {
                length = Math.Min(PieceOutput.Width(source[i]), source.Length - i);
                replacement = source.AsSpan(i, length);
            }
            output.AddRange(replacement);
            i += length;
        }
        return Vocabulary.Encoding8.GetString(output.ToArray());
    }
}
