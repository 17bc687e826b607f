using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;

namespace OnnxTransformers.Tokenizers;

/// <summary>What a piece of a sentencepiece model is.</summary>
internal enum PieceKind { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 }

/// <summary>How the pieces of a sentencepiece model are chosen.</summary>
internal enum PieceAlgorithm { Unigram = 1, BytePairs = 2, Words = 3, Characters = 4 }

/// <summary>One piece of a sentencepiece model.</summary>
internal readonly record struct SentencePiece(string Text, float Score, PieceKind Kind);

/// <summary>A sentencepiece model: its pieces, how they were trained, and how it treats texts. Field numbers are those of sentencepiece_model.proto.</summary>
internal sealed record SentencePieceFile(string Name, ImmutableArray<SentencePiece> Pieces)
{
    private const int LongestPiece = 1024;

    internal PieceAlgorithm Algorithm { get; private init; } = PieceAlgorithm.Unigram;
    internal bool ByteFallback { get; private init; }
    internal bool SpaceAsSuffix { get; private init; }
    internal string UnknownSurface { get; private init; } = " \u2047 ";
    internal string UnknownPiece { get; private init; } = "<unk>";

    /// <summary>The unknown piece as the trainer wrote it down.</summary>
    internal int TrainedUnknown { get; private init; }

    internal byte[] CharacterMap { get; private init; } = [];
    internal byte[] DecodingMap { get; private init; } = [];
    internal bool AddsPrefix { get; init; } = true;
    internal bool RemovesExtraSpaces { get; private init; } = true;
    internal bool EscapesSpaces { get; private init; } = true;

    /// <summary>The piece of the kind "unknown"; there is exactly one.</summary>
    internal int Unknown { get; private init; }

    internal static SentencePieceFile Read(byte[] bytes, string name)
    {
        var reader = new WireReader(bytes, name);
        var pieces = new List<SentencePiece>();
        var file = new SentencePieceFile(name, []);
        for (var field = reader.NextField(); field != 0; field = reader.NextField())
            switch (field)
            {
                case 1: pieces.Add(ReadPiece(reader.Span(), name)); break;
                case 2: file = file.WithTrainer(reader.Span()); break;
                case 3: file = file.WithNormalizer(reader.Span()); break;
                case 5: file = file with { DecodingMap = ReadMap(reader.Span(), name) }; break;
                default: reader.Skip(); break;
            }
        return file.Checked(pieces);
    }

    private static SentencePiece ReadPiece(ReadOnlySpan<byte> message, string name)
    {
        var reader = new WireReader(message, name);
        var (text, score, kind) = ("", 0f, PieceKind.Normal);
        for (var field = reader.NextField(); field != 0; field = reader.NextField())
            switch (field)
            {
                case 1: text = reader.Text(); break;
                case 2: score = reader.Float(); break;
                case 3: kind = (PieceKind)reader.Int(); break;
                default: reader.Skip(); break;
            }
        return Enum.IsDefined(kind) && !float.IsNaN(score) ? new(text, score, kind) : throw reader.Damaged($"the piece \"{text}\" of type {(int)kind} and score {score}");
    }

    private SentencePieceFile WithTrainer(ReadOnlySpan<byte> message)
    {
        var reader = new WireReader(message, Name);
        var file = this;
        for (var field = reader.NextField(); field != 0; field = reader.NextField())
            switch (field)
            {
                case 3: file = file with { Algorithm = (PieceAlgorithm)reader.Int() }; break;
                case 24: file = file with { SpaceAsSuffix = reader.Flag() }; break;
                case 35: file = file with { ByteFallback = reader.Flag() }; break;
                case 40: file = file with { TrainedUnknown = reader.Int() }; break;
                case 44: file = file with { UnknownSurface = reader.Text() }; break;
                case 45: file = file with { UnknownPiece = reader.Text() }; break;
                default: reader.Skip(); break;
            }
        return Enum.IsDefined(file.Algorithm) ? file : throw reader.Damaged($"a model of type {(int)file.Algorithm}");
    }

    private SentencePieceFile WithNormalizer(ReadOnlySpan<byte> message)
    {
        var reader = new WireReader(message, Name);
        var file = this;
        for (var field = reader.NextField(); field != 0; field = reader.NextField())
            switch (field)
            {
                case 2: file = file with { CharacterMap = reader.Span().ToArray() }; break;
                case 3: file = file with { AddsPrefix = reader.Flag() }; break;
                case 4: file = file with { RemovesExtraSpaces = reader.Flag() }; break;
                case 5: file = file with { EscapesSpaces = reader.Flag() }; break;
                default: reader.Skip(); break;
            }
        return file;
    }

    private static byte[] ReadMap(ReadOnlySpan<byte> message, string name)
    {
        var reader = new WireReader(message, name);
        var map = Array.Empty<byte>();
        for (var field = reader.NextField(); field != 0; field = reader.NextField())
        {
            if (field == 2) map = reader.Span().ToArray();
            else reader.Skip();
        }
        return map;
    }

    /// <summary>Applies what sentencepiece demands of a model before it uses it.</summary>
    private SentencePieceFile Checked(List<SentencePiece> pieces)
    {
        CorruptCheckpointException Refused(string found, string supported) => new($"reading {Name}", new Problem(Name, found, supported));
        if (pieces.Count == 0) throw Refused("no pieces", "a sentencepiece model");
        var (seen, unknown, bytes) = (new HashSet<string>(pieces.Count, StringComparer.Ordinal), -1, 0);
        for (var i = 0; i < pieces.Count; i++)
        {
            var piece = pieces[i];
            if (piece.Text.Length is 0 or > LongestPiece) throw Refused($"piece {i} has {piece.Text.Length} characters", $"pieces of 1 to {LongestPiece}");
            if (!seen.Add(piece.Text)) throw Refused($"the piece \"{piece.Text}\" twice", "every piece once");
            if (piece.Kind == PieceKind.Unknown && unknown >= 0) throw Refused($"two unknown pieces, {unknown} and {i}", "one");
            if (piece.Kind == PieceKind.Unknown) unknown = i;
            if (piece.Kind != PieceKind.Byte) continue;
            if (piece.Text.Length != 6 || !int.TryParse(piece.Text.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var b) || piece.Text != $"<0x{b:X2}>")
                throw Refused($"the byte piece \"{piece.Text}\"", "<0x00> to <0xFF>");
            bytes++;
        }
        if (unknown < 0) throw Refused("no unknown piece", "one");
        if (ByteFallback && bytes != 256) throw Refused($"{bytes} byte pieces", "256, where bytes stand for unknown characters");
        return this with { Pieces = ImmutableCollectionsMarshal.AsImmutableArray(pieces.ToArray()), Unknown = unknown };
    }
}
