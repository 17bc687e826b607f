using System.Text;

namespace OnnxTransformers.Tokenizers;

/// <summary>Texts that nobody would write by hand: all planes, marks, joiners, halves of surrogate pairs, controls, runs of white space, digits, mixed scripts, and what looks like the tokens of a tokenizer.</summary>
internal sealed class DifferentialTexts(int seed, IReadOnlyList<string> tokens)
{
    private static readonly string[] Words =
    [
        "the", "The", "THE", "it's", "IT'S", "I'll", "we've", "don't", "can't've", "o'clock", "l'été", "Straße", "STRASSE", "naïve", "İstanbul", "DŽungla", "ǅ", "ſet", "ﬁne", "Ångström", "K", "Ω", "état", "e\u0301tat",
        "привет", "Йод", "И\u0306", "κόσμε", "Σίσυφος", "שָׁלוֹם", "مرحبا", "ﷺ", "नमस्ते", "क्षि", "க்ஷ", "ไทย", "ภาษา", "ກຳ", "한국어", "한", "각ᆨ", "日本語", "ｶﾞｷﾞ", "がぎ", "か\u3099", "中文", "汉字", "𠀀𪚥", "龦鿿", "㍿", "㈱", "①②", "Ⅻ", "½", "x²",
        "０１２", "٣٤٥", "१२३", "𝟘𝟙", "𝕳𝖊", "ｆｕｌｌ", "œuvre", "ĲĳŊ", "ᾳΐ", "ΰ", "ﬄ", "ß", "ẞ", "K", "1234567", "3.14", "1,000,000", "v2.0.1", "0x1F", "foo_bar", "camelCase", "HTTPServer", "a.b@c.de", "https://x.y/z?q=1&r=2#s", "C++", "#include", "</w>",
        "<0xE2>", "<0x0A>", "##ing", "##", "▁", "▁▁a", "Ġ", "Ġthe", "Ċ", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>", "</s>", "<unk>", "<pad>", "<|endoftext|>", "<|begin_of_text|>", "<|im_start|>", "<extra_id_0>", "<unused0>", "<start_of_turn>", "</s", "<|endoftext|", "[cls]",
        "👍", "👍🏽", "👩‍💻", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇩🇪🇫", "❤️", "☺", "1️⃣", "🫠", "🧑🏿‍🤝‍🧑🏻", "\uFE0F", "\u200D", "\u200B", "\u200C", "\u2060", "\uFEFF", "\u00AD", "\u034F", "\u061C", "\u202E", "\u180E", "\u115F", "\u3164", "\uFFFD", "\uFFFE", "\uFFFF", "\U0001FFFE", "\U0010FFFF", "\uE000", "\U000F0000", "\U000E0001", "\U000E0061",
    ];

    private static readonly string[] Spaces =
        [" ", " ", " ", "\n", "\r", "\r\n", "\t", "\v", "\f", "\u0085", "\u00A0", "\u1680", "\u2000", "\u2003", "\u2009", "\u200A", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000", "\u001C", "\u001F"];

    private static readonly string[] Signs = ["'", "\"", "`", "’", "“", "”", "«", "…", "—", "-", ".", ",", "!", "?", "¿", ":", ";", "(", ")", "[", "]", "{", "}", "<", ">", "|", "/", "\\", "#", "@", "$", "€", "%", "&", "*", "+", "=", "~", "^", "_", "·", "、", "。", "！", "「", "؟", "।", "°", "™", "∑", "→", "█", "№"];

    private static readonly string[] Contractions = ["'s", "'S", "'ſ", "'t", "'re", "'RE", "'Re", "'ve", "'m", "'ll", "'lL", "'d", "'x", "’s"];

    private static readonly (int First, int Last)[] Blocks =
    [
        (0x00, 0x1F), (0x20, 0x7E), (0x7F, 0xA0), (0xA1, 0x17F), (0x180, 0x2AF), (0x2B0, 0x36F), (0x370, 0x52F), (0x530, 0x6FF), (0x700, 0x9FF), (0xA00, 0xDFF), (0xE00, 0xFFF), (0x1000, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x2BFF), (0x2C00, 0x2FFF),
        (0x3000, 0x33FF), (0x3400, 0x9FFF), (0xA000, 0xABFF), (0xAC00, 0xD7FF), (0xE000, 0xF8FF), (0xF900, 0xFFFF), (0x10000, 0x1FFFF), (0x1D100, 0x1D7FF), (0x1F000, 0x1FAFF), (0x20000, 0x323AF), (0xE0000, 0xE01EF), (0x100000, 0x10FFFF),
    ];

    private static readonly (int First, int Last)[] Marks = [(0x300, 0x36F), (0x483, 0x489), (0x591, 0x5BD), (0x64B, 0x65F), (0x93C, 0x94D), (0xE31, 0xE3A), (0x1AB0, 0x1ABE), (0x1DC0, 0x1DFF), (0x20D0, 0x20F0), (0x3099, 0x309A), (0xFE00, 0xFE0F), (0xFE20, 0xFE2F), (0x1D165, 0x1D169), (0x1161, 0x11C2)];

    /// <summary>Letters of Unicode 17, which the peer was built with: the reference that the fixtures were recorded with, and so this library, does not know their small forms.</summary>
    private static readonly (int First, int Last)[] Newer = [(0xA7CE, 0xA7D5), (0x16EA0, 0x16ED3)];

    private readonly Random _random = new(seed);

    /// <summary>The next text, of at most about 40 parts; rarely none.</summary>
    internal string Next()
    {
        var text = new StringBuilder();
        var parts = _random.Next(8) == 0 ? _random.Next(40) : _random.Next(12);
        // Some texts keep to one kind, so that long runs of it occur.
        var only = _random.Next(4) == 0 ? _random.Next(13) : -1;
        for (; parts > 0; parts--) Part(text, only >= 0 && _random.Next(8) > 0 ? only : _random.Next(13));
        return text.ToString();
    }

    private void Part(StringBuilder text, int kind)
    {
        switch (kind)
        {
            case 0 or 1:
                text.Append(Of(Words));
                break;
            case 2:
                text.Append(Of(Words)).Append(' ');
                break;
            case 3:
                for (var n = _random.Next(1, 5); n > 0; n--) text.Append(Of(Spaces));
                break;
            case 4:
                text.Append(' ', _random.Next(1, 4));
                break;
            case 5:
                for (var n = _random.Next(1, 4); n > 0; n--) text.Append(Of(Signs));
                break;
            case 6:
                text.Append(Of(Contractions));
                break;
            case 7:
                for (var n = _random.Next(1, 6); n > 0; n--) text.Append((char)('0' + _random.Next(10)));
                break;
            case 8:
                var (first, last) = Blocks[_random.Next(Blocks.Length)];
                for (var n = _random.Next(1, 6); n > 0; n--) Append(text, _random.Next(first, last + 1));
                break;
            case 9:
                for (var n = _random.Next(1, 4); n > 0; n--)
                {
                    (first, last) = Marks[_random.Next(Marks.Length)];
                    Append(text, _random.Next(first, last + 1));
                }
                break;
            case 10:
                text.Append(Token());
                break;
            case 11:
                Append(text, _random.Next(0x110000));
                break;
            default:
                if (_random.Next(6) == 0) text.Append((char)_random.Next(0xD800, 0xE000));
                else
                    for (var n = _random.Next(1, 8); n > 0; n--) text.Append((char)('a' + _random.Next(26)));
                break;
        }
    }

    private string Of(string[] list) => list[_random.Next(list.Length)];

    /// <summary>A token of the tokenizer, whole, cut, or in another case.</summary>
    private string Token()
    {
        if (tokens.Count == 0) return "";
        var token = tokens[_random.Next(tokens.Count)];
        return _random.Next(6) switch
        {
            0 => token[..^1],
            1 => token[1..],
            2 => token.ToUpperInvariant(),
            3 => token.Replace('\u2581', ' ').Replace('\u0120', ' '),
            _ => token,
        };
    }

    private static void Append(StringBuilder text, int c)
    {
        if (c is < 0xD800 or > 0xDFFF && !Array.Exists(Newer, n => c >= n.First && c <= n.Last)) text.Append(char.ConvertFromUtf32(c));
    }
}
