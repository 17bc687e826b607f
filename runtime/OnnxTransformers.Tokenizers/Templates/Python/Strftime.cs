using System.Globalization;
using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>C's strftime with English names, as Python gives it on Linux: directives with the flags -, _, 0, ^ and #.</summary>
internal static class Strftime
{
    private static readonly Dictionary<char, Func<DateTime, string>> Texts = new()
    {
        ['a'] = t => Name(t, "ddd"),
        ['A'] = t => Name(t, "dddd"),
        ['b'] = t => Name(t, "MMM"),
        ['h'] = t => Name(t, "MMM"),
        ['B'] = t => Name(t, "MMMM"),
        ['p'] = t => t.Hour < 12 ? "AM" : "PM",
        ['P'] = t => t.Hour < 12 ? "am" : "pm",
        ['c'] = t => Format(t, "%a %b %e %H:%M:%S %Y"),
        ['x'] = t => Format(t, "%m/%d/%y"),
        ['X'] = t => Format(t, "%H:%M:%S"),
        ['D'] = t => Format(t, "%m/%d/%y"),
        ['F'] = t => Format(t, "%Y-%m-%d"),
        ['T'] = t => Format(t, "%H:%M:%S"),
        ['R'] = t => Format(t, "%H:%M"),
        ['r'] = t => Format(t, "%I:%M:%S %p"),
        ['n'] = _ => "\n",
        ['t'] = _ => "\t",
        ['%'] = _ => "%",
        ['z'] = _ => "",
        ['Z'] = _ => "",
        ['f'] = t => (t.Ticks % TimeSpan.TicksPerSecond / 10).ToString("000000", CultureInfo.InvariantCulture),
    };

    /// <summary>Number, width and the character that fills it.</summary>
    private static readonly Dictionary<char, (Func<DateTime, long> Number, int Width, char Fill)> Numbers = new()
    {
        ['d'] = (t => t.Day, 2, '0'),
        ['e'] = (t => t.Day, 2, ' '),
        ['m'] = (t => t.Month, 2, '0'),
        ['y'] = (t => t.Year % 100, 2, '0'),
        ['Y'] = (t => t.Year, 1, '0'),
        ['C'] = (t => t.Year / 100, 2, '0'),
        ['H'] = (t => t.Hour, 2, '0'),
        ['k'] = (t => t.Hour, 2, ' '),
        ['I'] = (t => Hour12(t), 2, '0'),
        ['l'] = (t => Hour12(t), 2, ' '),
        ['M'] = (t => t.Minute, 2, '0'),
        ['S'] = (t => t.Second, 2, '0'),
        ['j'] = (t => t.DayOfYear, 3, '0'),
        ['u'] = (t => ((int)t.DayOfWeek + 6) % 7 + 1, 1, '0'),
        ['w'] = (t => (int)t.DayOfWeek, 1, '0'),
        ['U'] = (t => (t.DayOfYear + 6 - (int)t.DayOfWeek) / 7, 2, '0'),
        ['W'] = (t => (t.DayOfYear + 6 - ((int)t.DayOfWeek + 6) % 7) / 7, 2, '0'),
        ['G'] = (t => ISOWeek.GetYear(t), 1, '0'),
        ['g'] = (t => ISOWeek.GetYear(t) % 100, 2, '0'),
        ['V'] = (t => ISOWeek.GetWeekOfYear(t), 2, '0'),
        ['s'] = (t => (long)(t - DateTime.UnixEpoch).TotalSeconds, 1, '0'),
    };

    private static int Hour12(DateTime time) => (time.Hour + 11) % 12 + 1;

    private static string Name(DateTime time, string format) => time.ToString(format, CultureInfo.InvariantCulture);

    internal static string Format(DateTime time, string format)
    {
        var result = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 >= format.Length)
            {
                result.Append(format[i]);
                continue;
            }
            var start = i++;
            var flag = '\0';
            while (i < format.Length && format[i] is '-' or '_' or '0' or '^' or '#') flag = format[i++];
            var directive = i < format.Length ? format[i] : '\0';
            if (Texts.TryGetValue(directive, out var text))
                result.Append(flag == '^' || (flag == '#' && directive != 'p') ? text(time).ToUpperInvariant() : flag == '#' ? text(time).ToLowerInvariant() : text(time));
            else if (Numbers.TryGetValue(directive, out var number))
            {
                var digits = number.Number(time).ToString(CultureInfo.InvariantCulture);
                result.Append(flag == '-' ? digits : digits.PadLeft(number.Width, flag == '_' ? ' ' : flag == '0' ? '0' : number.Fill));
            }
            else result.Append(format.AsSpan(start, Math.Min(i + 1, format.Length) - start));
        }
        return result.ToString();
    }
}
