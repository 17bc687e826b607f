using System.Globalization;
using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Escapes in string literals, as Python's unicode-escape codec reads them.</summary>
internal static class StringLiteral
{
    private static readonly Dictionary<char, string> Simple = new()
    {
        ['\n'] = "",
        ['\\'] = "\\",
        ['\''] = "'",
        ['"'] = "\"",
        ['a'] = "\a",
        ['b'] = "\b",
        ['f'] = "\f",
        ['n'] = "\n",
        ['r'] = "\r",
        ['t'] = "\t",
        ['v'] = "\v",
    };

    private static readonly Dictionary<char, int> Hexadecimal = new() { ['x'] = 2, ['u'] = 4, ['U'] = 8 };

    internal static string Unescape(ReadOnlySpan<char> text, int line)
    {
        if (!text.Contains('\\')) return text.ToString();
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\' || i + 1 >= text.Length)
            {
                result.Append(text[i]);
                continue;
            }
            var c = text[++i];
            if (Simple.TryGetValue(c, out var simple)) result.Append(simple);
            else if (Hexadecimal.TryGetValue(c, out var digits))
            {
                var available = Math.Min(digits, text.Length - i - 1);
                if (available < digits || !uint.TryParse(text.Slice(i + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
                    throw TemplateFault.Syntax($"truncated \\{c}{new string('X', digits)} escape", line);
                if (code > 0x10FFFF) throw TemplateFault.Syntax("illegal Unicode character", line);
                if (code > 0xFFFF) result.Append(char.ConvertFromUtf32((int)code));
                else result.Append((char)code);
                i += digits;
            }
            else if (c is >= '0' and <= '7')
            {
                var code = 0;
                var length = 0;
                while (length < 3 && i < text.Length && text[i] is >= '0' and <= '7')
                {
                    code = code * 8 + text[i++] - '0';
                    length++;
                }
                i--;
                result.Append((char)code);
            }
            else if (c == 'N') throw TemplateFault.Syntax("the escape \\N{...} of character names is not supported", line);
            else result.Append('\\').Append(c);
        }
        return result.ToString();
    }
}
