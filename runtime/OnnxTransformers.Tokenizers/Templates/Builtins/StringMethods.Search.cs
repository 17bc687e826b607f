using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Methods that look for a text in another.</summary>
internal static partial class StringMethods
{
    /// <summary>UTF-16 bounds of optional start and end, given in code points; null where the start lies behind the end.</summary>
    private static (int Start, int End)? Bounds(StrValue self, Value? start, Value? end)
    {
        var count = self.Count;
        var (from, to) = (Table.IsAbsent(start) ? 0 : Table.Integer(start, 0), Table.IsAbsent(end) ? count : Table.Integer(end, count));
        if (from < 0) from = Math.Max(0, from + count);
        if (to < 0) to = Math.Max(0, to + count);
        to = Math.Min(to, count);
        if (from > to) return null;
        return self.IsPlain ? (from, to) : (PyText.Offset(self.Text, from), PyText.Offset(self.Text, to));
    }

    private static int Search(Rendering rendering, StrValue self, Value?[] arguments, bool last)
    {
        var sought = Required(arguments[0]);
        if (Bounds(self, arguments[1], arguments[2]) is not { } bounds) return -1;
        var span = self.Text.AsSpan(bounds.Start..bounds.End);
        rendering.Charge(1 + span.Length / 16);
        var at = last ? span.LastIndexOf(sought) : span.IndexOf(sought);
        if (last && sought.Length == 0) at = span.Length;
        if (at < 0) return -1;
        return self.IsPlain ? bounds.Start + at : PyText.CodePoints(self.Text.AsSpan(0, bounds.Start + at));
    }

    private static IntValue Found(int at) => at >= 0 ? IntValue.Of(at) : throw TemplateFault.Value("substring not found");

    private static IntValue Count(Rendering rendering, StrValue self, Value?[] arguments)
    {
        var sought = Required(arguments[0]);
        if (Bounds(self, arguments[1], arguments[2]) is not { } bounds) return IntValue.Of(0);
        var span = self.Text.AsSpan(bounds.Start..bounds.End);
        return IntValue.Of(sought.Length == 0 ? PyText.CodePoints(span) + 1 : span.Count(sought));
    }

    private static BoolValue Affix(Rendering rendering, StrValue self, Value?[] arguments, bool atEnd)
    {
        Value[] candidates = arguments[0] is TupleValue tuple ? tuple.Elements : [arguments[0]!];
        var bounds = Bounds(self, arguments[1], arguments[2]);
        foreach (var candidate in candidates)
        {
            rendering.Charge(1);
            if (candidate is not StrValue text)
                throw TemplateFault.Type($"{(atEnd ? "endswith" : "startswith")} first arg must be str or a tuple of str, not {candidate.TypeName}");
            if (bounds is not { } range) continue;
            var span = self.Text.AsSpan(range.Start..range.End);
            if (atEnd ? span.EndsWith(text.Text) : span.StartsWith(text.Text)) return BoolValue.True;
        }
        return BoolValue.False;
    }

    private static StrValue Replace(Rendering rendering, StrValue self, Value?[] arguments)
    {
        if (arguments[0] is not StrValue) throw TemplateFault.Type($"replace() argument 1 must be str, not {arguments[0]!.TypeName}");
        if (arguments[1] is not StrValue with) throw TemplateFault.Type($"replace() argument 2 must be str, not {arguments[1]!.TypeName}");
        return Make(rendering, self, Replace(rendering, self.Text, Required(arguments[0]), self.IsMarkup ? Markup.Escape(with) : with.Text, Table.Integer(arguments[2], -1)));
    }

    internal static string Replace(Rendering rendering, string text, string old, string with, int count)
    {
        if (count == 0) return text;
        var result = new StringBuilder();
        var at = 0;
        if (old.Length == 0)
        {
            // Before each character and at the end.
            for (; at <= text.Length && count != 0; count--)
            {
                rendering.Append(result, with);
                if (at == text.Length) return result.ToString();
                var width = PyText.WidthAt(text, at);
                result.Append(text, at, width);
                at += width;
            }
            return result.Append(text, at, text.Length - at).ToString();
        }
        for (var found = text.IndexOf(old, StringComparison.Ordinal); found >= 0 && count != 0; count--)
        {
            result.Append(text, at, found - at);
            rendering.Append(result, with);
            at = found + old.Length;
            found = text.IndexOf(old, at, StringComparison.Ordinal);
        }
        return at == 0 ? text : result.Append(text, at, text.Length - at).ToString();
    }

    private static ListValue Split(Rendering rendering, StrValue self, Value?[] arguments, bool fromEnd)
    {
        var most = Table.Integer(arguments[1], -1);
        if (Table.IsAbsent(arguments[0])) return Strings(rendering, self, PyText.Words(self.Text, most, fromEnd));
        var separator = Required(arguments[0]);
        if (separator.Length == 0) throw TemplateFault.Value("empty separator");
        var parts = new List<string>();
        var (start, end) = (0, self.Text.Length);
        while (most < 0 || parts.Count < most)
        {
            rendering.Charge(1);
            var at = fromEnd ? self.Text.AsSpan(0, end).LastIndexOf(separator) : self.Text.IndexOf(separator, start, StringComparison.Ordinal);
            if (at < 0) break;
            if (fromEnd)
            {
                parts.Add(self.Text[(at + separator.Length)..end]);
                end = at;
            }
            else
            {
                parts.Add(self.Text[start..at]);
                start = at + separator.Length;
            }
        }
        parts.Add(self.Text[start..end]);
        if (fromEnd) parts.Reverse();
        return Strings(rendering, self, parts);
    }

    private static TupleValue Partition(Rendering rendering, StrValue self, Value?[] arguments, bool last)
    {
        var separator = Required(arguments[0]);
        if (separator.Length == 0) throw TemplateFault.Value("empty separator");
        var at = last ? self.Text.LastIndexOf(separator, StringComparison.Ordinal) : self.Text.IndexOf(separator, StringComparison.Ordinal);
        string[] parts = at >= 0 ? [self.Text[..at], separator, self.Text[(at + separator.Length)..]] : last ? ["", "", self.Text] : [self.Text, "", ""];
        return new TupleValue([.. parts.Select(p => Make(rendering, self, p))]);
    }
}
