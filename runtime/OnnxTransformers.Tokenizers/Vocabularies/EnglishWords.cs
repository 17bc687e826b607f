using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace OnnxTransformers.Tokenizers;

/// <summary>CLVP's clean-up of English: ASCII, small letters, numbers and abbreviations in words (models/clvp/number_normalizer.py).</summary>
internal sealed partial class EnglishWordsNormalizer : RewritingNormalizer
{
    private static readonly string[] Ones = ["", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    private static readonly string[] Teens = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
    private static readonly string[] Tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    private static readonly string[] Groups = ["", " thousand", " million", " billion", " trillion", " quadrillion"];

    private static readonly Dictionary<string, string> Abbreviations = new(StringComparer.Ordinal)
    {
        ["mrs"] = "misess",
        ["mr"] = "mister",
        ["dr"] = "doctor",
        ["st"] = "saint",
        ["co"] = "company",
        ["jr"] = "junior",
        ["maj"] = "major",
        ["gen"] = "general",
        ["drs"] = "doctors",
        ["rev"] = "reverend",
        ["lt"] = "lieutenant",
        ["hon"] = "honorable",
        ["sgt"] = "sergeant",
        ["capt"] = "captain",
        ["esq"] = "esquire",
        ["ltd"] = "limited",
        ["col"] = "colonel",
        ["ft"] = "fort",
    };

    [GeneratedRegex("[0-9][0-9,]+[0-9]", RegexOptions.CultureInvariant)]
    private static partial Regex Commas { get; }

    [GeneratedRegex(@"\$([0-9.,]*[0-9])", RegexOptions.CultureInvariant)]
    private static partial Regex Dollars { get; }

    [GeneratedRegex(@"(?>[0-9]+)\.[0-9]+", RegexOptions.CultureInvariant)]
    private static partial Regex Decimals { get; }

    [GeneratedRegex("(?>[0-9]+)(st|nd|rd|th)", RegexOptions.CultureInvariant)]
    private static partial Regex Ordinals { get; }

    [GeneratedRegex("[0-9]+", RegexOptions.CultureInvariant)]
    private static partial Regex Numbers { get; }

    [GeneratedRegex(@"\b(mrs|mr|drs|dr|st|co|jr|maj|gen|rev|lt|hon|sgt|capt|esq|ltd|col|ft)\.", RegexOptions.CultureInvariant)]
    private static partial Regex Abbreviated { get; }

    [GeneratedRegex(@"[\t-\r\x1C-\x20]+", RegexOptions.CultureInvariant)]
    private static partial Regex Spaces { get; }

    // Pounds lose their sign with everything else that is not ASCII, so there are none to spell.
    protected override string Rewrite(string text)
    {
        var plain = new StringBuilder(text.Length);
        foreach (var c in text)
            if (char.IsAscii(c)) plain.Append(char.ToLowerInvariant(c));
        var words = Commas.Replace(plain.ToString(), m => m.Value.Replace(",", "", StringComparison.Ordinal));
        words = Dollars.Replace(words, m => Amount(m.Groups[1].Value));
        words = Decimals.Replace(words, m => m.Value.Replace(".", " point ", StringComparison.Ordinal));
        words = Ordinals.Replace(words, m => Ordinal(m.Value[..^2]));
        words = Numbers.Replace(words, m => Number(m.Value));
        words = Abbreviated.Replace(words, m => Abbreviations[m.Groups[1].Value]);
        return Spaces.Replace(words, " ").Replace("\"", "", StringComparison.Ordinal);
    }

    private static string Amount(string text)
    {
        var parts = text.Split('.');
        if (parts.Length > 2) return text + " dollars";
        var (dollars, cents) = (Trimmed(parts[0]), parts.Length > 1 ? Trimmed(parts[1]) : "0");
        string Dollars() => $"{dollars} {(dollars == "1" ? "dollar" : "dollars")}";
        string Cents() => $"{cents} {(cents == "1" ? "cent" : "cents")}";
        return (dollars != "0", cents != "0") switch
        {
            (true, true) => $"{Dollars()}, {Cents()}",
            (true, false) => Dollars(),
            (false, true) => Cents(),
            _ => "zero dollars",
        };
    }

    private static string Trimmed(string digits) => digits.Replace(",", "", StringComparison.Ordinal).TrimStart('0') is { Length: > 0 } rest ? rest : "0";

    private static string Ordinal(string digits)
    {
        var trimmed = Trimmed(digits);
        var last = int.Parse(trimmed.AsSpan(Math.Max(0, trimmed.Length - 2)), CultureInfo.InvariantCulture);
        return Words(trimmed) + (last is >= 10 and <= 20 ? "th" : (last % 10) switch { 1 => "st", 2 => "nd", 3 => "rd", _ => "th" });
    }

    /// <summary>Years are read as years are.</summary>
    private static string Number(string digits)
    {
        var trimmed = Trimmed(digits);
        if (trimmed.Length != 4 || int.Parse(trimmed, CultureInfo.InvariantCulture) is not (> 1000 and < 3000 and var year)) return Words(trimmed);
        if (year == 2000) return "two thousand";
        if (year is > 2000 and < 2010) return "two thousand " + Below1000(year % 100);
        return year % 100 == 0 ? Below1000(year / 100) + " hundred" : Words(trimmed);
    }

    private static string Words(string digits)
    {
        if (digits == "0") return "zero";
        if (digits.Length > 18) return "number out of range";
        var value = long.Parse(digits, CultureInfo.InvariantCulture);
        var parts = new List<string>();
        for (var group = 0; value > 0; group++, value /= 1000)
            if (value % 1000 is > 0 and var part) parts.Insert(0, Below1000((int)part) + Groups[group]);
        return string.Join(", ", parts);
    }

    private static string Below1000(int value) => value switch
    {
        < 10 => Ones[value],
        < 20 => Teens[value - 10],
        < 100 => Tens[value / 10] + (value % 10 == 0 ? "" : "-" + Ones[value % 10]),
        _ => Ones[value / 100] + " hundred" + (value % 100 == 0 ? "" : " " + Below1000(value % 100)),
    };
}
