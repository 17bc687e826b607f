using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>General categories in the order of the table.</summary>
internal enum Category : byte { Cn, Cc, Cf, Co, Cs, Ll, Lm, Lo, Lt, Lu, Mc, Me, Mn, Nd, Nl, No, Pc, Pd, Pe, Pf, Pi, Po, Ps, Sc, Sk, Sm, So, Zl, Zp, Zs }

/// <summary>Facts about characters that Hugging Face tokenizers asks of the libraries it is built with; unicode.bin holds each library's own version of Unicode.</summary>
internal static class UnicodeData
{
    internal const uint White = 1u << 5, RegexWord = 1u << 6, Punctuation = 1u << 7, Other = 1u << 8, Nonspacing = 1u << 9, CombiningMark = 1u << 10;
    internal const uint NotNfc = 1u << 11, NotNfd = 1u << 12, NotNfkc = 1u << 13, NotNfkd = 1u << 14, Lowers = 1u << 15;
    internal const uint ConjunctLinker = 1u << 20, ConjunctExtend = 1u << 21, OnigurumaWord = 1u << 22;

    private static readonly ushort[] Stage1;
    private static readonly ushort[] Stage2;
    private static readonly uint[] FlagsOf;
    private static readonly byte[] ScriptOf;
    private static readonly Dictionary<int, int> Lower;
    private static readonly Dictionary<int, int[]> Canonical;
    private static readonly Dictionary<int, int[]> Compatible;
    private static readonly Dictionary<long, int> Compositions;
    private static readonly int[][] PropertyRanges;
    private static readonly Dictionary<string, int> PropertyNames = new(StringComparer.Ordinal);

    /// <summary>Case foldings as Oniguruma has them: a character, and the one to three characters that it folds to.</summary>
    internal static readonly (int From, int[] To)[] Folds;

    static UnicodeData()
    {
        using var resource = typeof(UnicodeData).Assembly.GetManifestResourceStream("unicode.bin")!;
        using var inflated = new MemoryStream();
        using (var deflate = new DeflateStream(resource, CompressionMode.Decompress)) deflate.CopyTo(inflated);
        var data = MemoryMarshal.Cast<byte, int>(inflated.GetBuffer().AsSpan(0, (int)inflated.Length));
        var at = 0;
        Stage1 = new ushort[data[at++]];
        foreach (ref var x in Stage1.AsSpan()) x = (ushort)data[at++];
        Stage2 = new ushort[data[at++] * 128];
        foreach (ref var x in Stage2.AsSpan()) x = (ushort)data[at++];
        var records = data[at++];
        FlagsOf = new uint[records];
        ScriptOf = new byte[records];
        for (var i = 0; i < records; i++) (FlagsOf[i], ScriptOf[i]) = ((uint)data[at++], (byte)data[at++]);
        Lower = new(data[at++]);
        for (var n = data[at - 1]; n > 0; n--) Lower.Add(data[at++], data[at++]);
        Canonical = ReadMappings(data, ref at);
        Compatible = ReadMappings(data, ref at);
        Compositions = new(data[at++]);
        for (var n = data[at - 1]; n > 0; n--, at += 3) Compositions.Add((long)data[at] << 32 | (uint)data[at + 1], data[at + 2]);
        Folds = new (int, int[])[data[at++]];
        foreach (ref var fold in Folds.AsSpan())
        {
            fold = (data[at], data.Slice(at + 2, data[at + 1]).ToArray());
            at += 2 + data[at + 1];
        }
        PropertyRanges = new int[data[at++]][];
        foreach (ref var ranges in PropertyRanges.AsSpan())
        {
            ranges = data.Slice(at + 1, data[at]).ToArray();
            at += 1 + data[at];
        }
        for (var n = data[at++]; n > 0; n--)
        {
            var index = data[at];
            var name = new StringBuilder();
            foreach (var c in data.Slice(at + 2, data[at + 1])) name.Append((char)c);
            PropertyNames[name.ToString()] = index;
            at += 2 + data[at + 1];
        }
    }

    private static Dictionary<int, int[]> ReadMappings(ReadOnlySpan<int> data, ref int at)
    {
        var count = data[at++];
        var mappings = new Dictionary<int, int[]>(count);
        for (; count > 0; count--)
        {
            mappings.Add(data[at], data.Slice(at + 2, data[at + 1]).ToArray());
            at += 2 + data[at + 1];
        }
        return mappings;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Record(int c) => Stage2[(Stage1[c >> 7] << 7) + (c & 127)];

    /// <summary>All flags, the category (bits 0 to 4), the grapheme class (16 to 19) and the combining class (24 to 31) of a code point.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Flags(int c) => FlagsOf[Record(c)];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Is(int c, uint flag) => (FlagsOf[Record(c)] & flag) != 0;

    internal static Category CategoryOf(int c) => (Category)(Flags(c) & 31);

    /// <summary>The script that the UnicodeScripts pre-tokenizer sees; 0 is Any.</summary>
    internal static int Script(int c) => ScriptOf[Record(c)];

    /// <summary>Rust's <c>char::is_whitespace</c>.</summary>
    internal static bool IsWhite(int c) => c < 128 ? c == ' ' || (uint)(c - 9) < 5 : Is(c, White);

    /// <summary>Rust's <c>char::is_numeric</c>.</summary>
    internal static bool IsNumeric(int c) => c < 128 ? (uint)(c - '0') < 10 : CategoryOf(c) is Category.Nd or Category.Nl or Category.No;

    /// <summary>What the Bert and Punctuation pre-tokenizers split at.</summary>
    internal static bool IsPunctuation(int c) => c < 128 ? char.IsAsciiLetterOrDigit((char)c) is false && c is > 32 and < 127 : Is(c, Punctuation);

    /// <summary>The lower-case form; U+0130 has a second character, U+0307.</summary>
    internal static int ToLower(int c) => c < 128 ? (uint)(c - 'A') < 26 ? c | 32 : c : Is(c, Lowers) ? Lower[c] : c;

    internal static int CombiningClass(int c) => (int)(Flags(c) >> 24);

    internal static bool TryDecompose(int c, bool compatible, out int[] parts)
    {
        parts = [];
        return c >= 128 && (compatible && Compatible.TryGetValue(c, out parts!) || Canonical.TryGetValue(c, out parts!));
    }

    internal static int Compose(int a, int b) => Compositions.TryGetValue((long)a << 32 | (uint)b, out var c) ? c : -1;

    /// <summary>The ranges (first, last, first, last, ...) of a property as regular expressions name it, or null.</summary>
    internal static int[]? Property(string name)
    {
        var plain = new StringBuilder();
        foreach (var c in name)
            if (c is not (' ' or '_' or '-')) plain.Append(char.ToLowerInvariant(c));
        return PropertyNames.TryGetValue(plain.ToString(), out var index) ? PropertyRanges[index] : null;
    }
}
