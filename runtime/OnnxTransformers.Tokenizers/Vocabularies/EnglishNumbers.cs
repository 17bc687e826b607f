using System.Globalization;
using System.Text.RegularExpressions;

namespace OnnxTransformers.Tokenizers;

/// <summary>Spells numbers, amounts and percentages in English, as SpeechT5's tokenizer does where it is asked to (number_normalizer.py), its oddities included.</summary>
internal static partial class EnglishNumbers
{
    private static readonly string[] Ones = ["", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    private static readonly string[] Teens = ["", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
    private static readonly string[] Tens = ["", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    private static readonly string[] Groups = ["", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion", "sextillion", "septillion", "octillion", "nonillion", "decillion"];

    private static readonly (string Sign, string Name)[] Currencies =
    [
        ("$", " dollars"), ("€", " euros"), ("£", " pounds"), ("¢", " cents"), ("¥", " japanese yen"), ("﷼", " saudi riyal"), ("₹", " indian rupees"), ("₽", " russian rubles"), ("฿", " thai baht"),
        ("₺", " turkish liras"), ("₴", " ukrainian hryvnia"), ("₣", " swiss francs"), ("₡", " costa rican colon"), ("₱", " philippine peso"), ("₪", " israeli shekels"), ("₮", " mongolian tögrög"),
        ("₩", " south korean won"), ("₦", " nigerian naira"), ("₫", " vietnamese Đồng"),
    ];

    [GeneratedRegex(@"\d+,\d+", RegexOptions.CultureInvariant)]
    private static partial Regex Commas { get; }

    [GeneratedRegex(@"(?<!\w)-?\$?€?£?¢?¥?₹?₽?฿?₺?₴?₣?₡?₱?₪?₮?₩?₦?₫?﷼?\d+(?:\.\d{1,2})?%?(?!\w)", RegexOptions.CultureInvariant)]
    private static partial Regex Numbers { get; }

    [GeneratedRegex(" +", RegexOptions.CultureInvariant)]
    private static partial Regex Spaces { get; }

    internal static string Spell(string text)
    {
        var plain = Commas.Replace(text, m => m.Value.Replace(",", "", StringComparison.Ordinal));
        return Spaces.Replace(Numbers.Replace(plain, m => Convert(m.Value)), " ");
    }

    private static string Convert(string number)
    {
        var point = number.IndexOf('.', StringComparison.Ordinal);
        var (whole, fraction) = point < 0 ? (number, "00") : (number[..point], number[(point + 1)..]);
        var minus = whole.StartsWith('-') ? "minus " : "";
        if (minus.Length > 0) whole = whole[1..];
        var currency = "";
        foreach (var (sign, name) in Currencies)
        {
            if (!whole.StartsWith(sign, StringComparison.Ordinal)) continue;
            currency = name;
            whole = whole[sign.Length..];
            break;
        }
        var percent = number.Contains('%', StringComparison.Ordinal) ? " percent" : "";
        (whole, fraction) = (whole.Replace("%", "", StringComparison.Ordinal), fraction.Replace("%", "", StringComparison.Ordinal));
        var spelled = SpellWhole(whole);
        if (fraction == "00") return minus + spelled + percent + currency;
        return $"{minus}{spelled} point {string.Join(' ', fraction.Select(d => SpellSmall(Digit(d))))}{percent}{currency}";
    }

    private static string SpellWhole(string digits)
    {
        var groups = (digits.Length + 2) / 3;
        if (groups > Groups.Length) throw new InvalidInputException("spelling numbers", new Problem("text", $"a number of {digits.Length} digits", $"at most {3 * Groups.Length}"));
        digits = digits.PadLeft(3 * groups, '0');
        var parts = new List<string>();
        for (var i = 0; i < groups; i++)
        {
            var value = Digit(digits[3 * i]) * 100 + Digit(digits[3 * i + 1]) * 10 + Digit(digits[3 * i + 2]);
            if (value == 0) continue;
            var unit = Groups[groups - 1 - i];
            parts.Add(unit.Length > 0 ? $"{SpellSmall(value)} {unit}" : SpellSmall(value));
        }
        return string.Join(' ', parts);
    }

    /// <summary>0 to 999.</summary>
    private static string SpellSmall(int value)
    {
        if (value == 0) return "zero";
        var (hundreds, rest) = (value / 100, value % 100);
        var text = hundreds == 0 ? "" : Ones[hundreds] + " hundred" + (rest > 0 ? " and " : "");
        if (rest is > 10 and < 20) return text + Teens[rest - 10];
        var (ten, one) = (Tens[rest / 10], Ones[rest % 10]);
        return text + ten + (ten.Length > 0 && one.Length > 0 ? " " : "") + one;
    }

    private static int Digit(char c) => CharUnicodeInfo.GetDecimalDigitValue(c);
}
