using System.Globalization;
using System.Numerics;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Python's int(text, base).</summary>
internal static class PyInteger
{
    private static readonly Dictionary<char, int> Prefixes = new() { ['x'] = 16, ['o'] = 8, ['b'] = 2 };

    internal static bool TryParse(string text, int radix, out BigInteger value)
    {
        value = BigInteger.Zero;
        var digits = PyText.Trim(text, null);
        var negative = digits.StartsWith('-');
        if (negative || digits.StartsWith('+')) digits = digits[1..];
        if (digits.Length > 2 && digits[0] == '0' && Prefixes.TryGetValue(char.ToLowerInvariant(digits[1]), out var prefix) && (radix == 0 || radix == prefix))
        {
            radix = prefix;
            digits = digits[2..].StartsWith('_') ? digits[3..] : digits[2..];
        }
        else if (radix == 0)
        {
            radix = 10;
            if (digits.Length > 1 && digits[0] == '0' && digits.Trim('0', '_').Length > 0) return false;
        }
        if (digits.Length == 0 || digits[0] == '_' || digits[^1] == '_' || digits.Contains("__", StringComparison.Ordinal)) return false;
        digits = digits.Replace("_", "", StringComparison.Ordinal);
        if (digits.Length > 4300)
            throw TemplateFault.Value($"Exceeds the limit (4300 digits) for integer string conversion: value has {digits.Length} digits; use sys.set_int_max_str_digits() to increase the limit");
        foreach (var c in digits)
        {
            var digit = char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10 : CharUnicodeInfo.GetDecimalDigitValue(c);
            if (digit < 0 || digit >= radix) return false;
            if (radix != 10) value = value * radix + digit;
        }
        if (radix == 10)
            value = BigInteger.Parse(string.Concat(digits.Select(c => (char)('0' + CharUnicodeInfo.GetDecimalDigitValue(c)))), NumberStyles.None, CultureInfo.InvariantCulture);
        if (negative) value = -value;
        return true;
    }
}
