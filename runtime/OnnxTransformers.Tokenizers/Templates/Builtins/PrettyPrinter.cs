using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The pprint filter: Python's pprint.pformat, 80 columns wide, dictionaries sorted by key.</summary>
internal sealed class PrettyPrinter
{
    private const int Width = 80;

    private readonly StringBuilder _into = new();
    private readonly Rendering _rendering;

    private PrettyPrinter(Rendering rendering) => _rendering = rendering;

    internal static string Write(Value value, Rendering rendering)
    {
        var printer = new PrettyPrinter(rendering);
        printer.Any(value, 0, 0, 0);
        return printer._into.ToString();
    }

    private void Any(Value value, int indent, int allowance, int level)
    {
        StackGuard.Check();
        var flat = Flat(value);
        _rendering.CheckLength(_into.Length + (long)flat.Length);
        if (flat.Length <= Width - indent - allowance || value is not (DictValue { Count: > 0 } or ListValue { Count: > 0 } or TupleValue { Count: > 0 } or StrValue { IsMarkup: false }))
            _into.Append(flat);
        else if (value is DictValue dict) Dict(dict, indent, allowance, level);
        else if (value is StrValue text) Text(text.Text, indent, allowance, level);
        else Sequence(value, indent, allowance, level);
    }

    /// <summary>On one line; dictionaries are sorted inside, too.</summary>
    private string Flat(Value value)
    {
        StackGuard.Check();
        _rendering.Charge(2 + value.Weight);
        var text = value switch
        {
            DictValue dict => "{" + string.Join(", ", Sorted(dict).Select(e => Flat(e.Key) + ": " + Flat(e.Value))) + "}",
            ListValue list => "[" + string.Join(", ", list.Elements.Select(Flat)) + "]",
            TupleValue { Count: 1 } one => "(" + Flat(one.Elements[0]) + ",)",
            TupleValue tuple => "(" + string.Join(", ", tuple.Elements.Select(Flat)) + ")",
            _ => PyRepr.Of(value, _rendering),
        };
        _rendering.CheckLength(text.Length);
        _rendering.Allocate(2L * text.Length);
        return text;
    }

    private List<KeyValuePair<Value, Value>> Sorted(DictValue dict)
    {
        try
        {
            return Sorting.Stable([.. dict.Entries], e => e.Key, reverse: false, _rendering);
        }
        catch (TemplateFault fault) when (fault.Kind == "TypeError")
        {
            // Keys of several types are ordered by type first.
            return Sorting.Stable([.. dict.Entries], e => new TupleValue([new StrValue(e.Key.TypeName), e.Key is StrValue or IntValue or FloatValue ? e.Key : NoneValue.Instance]), reverse: false, _rendering);
        }
    }

    private void Dict(DictValue dict, int indent, int allowance, int level)
    {
        _into.Append('{');
        var entries = Sorted(dict);
        for (var i = 0; i < entries.Count; i++)
        {
            var isLast = i == entries.Count - 1;
            var key = Flat(entries[i].Key);
            _into.Append(key).Append(": ");
            Any(entries[i].Value, indent + 1 + PyText.CodePoints(key) + 2, isLast ? allowance + 1 : 1, level + 1);
            if (!isLast) Line(",", indent + 1);
        }
        _into.Append('}');
    }

    private void Sequence(Value value, int indent, int allowance, int level)
    {
        var (elements, open, close) = value is ListValue list ? (list.Elements, "[", "]") : (((TupleValue)value).Elements, "(", value.Count == 1 ? ",)" : ")");
        _into.Append(open);
        for (var i = 0; i < elements.Length; i++)
        {
            var isLast = i == elements.Length - 1;
            Any(elements[i], indent + 1, isLast ? allowance + close.Length : 1, level + 1);
            if (!isLast) Line(",", indent + 1);
        }
        _into.Append(close);
    }

    private void Line(string before, int indent)
    {
        _rendering.CheckLength(_into.Length + (long)indent);
        _into.Append(before).Append('\n').Append(' ', indent);
    }

    /// <summary>A long text becomes several literals, cut after blanks.</summary>
    private void Text(string text, int indent, int allowance, int level)
    {
        var lines = PyText.Lines(text, keepEnds: true);
        if (level == 0)
        {
            indent++;
            allowance++;
        }
        var literals = new List<string>();
        for (var i = 0; i < lines.Count; i++)
        {
            var isLastLine = i == lines.Count - 1;
            var room = Width - indent - (isLastLine ? allowance : 0);
            var whole = PyRepr.Of(lines[i]);
            if (whole.Length <= room)
            {
                literals.Add(whole);
                continue;
            }
            var parts = Words(lines[i]);
            var current = "";
            for (var j = 0; j < parts.Count; j++)
            {
                _rendering.Charge(1 + current.Length / 16);
                var candidate = current + parts[j];
                var allowed = isLastLine && j == parts.Count - 1 ? Width - indent - allowance : Width - indent;
                if (PyRepr.Of(candidate).Length > allowed)
                {
                    if (current.Length > 0) literals.Add(PyRepr.Of(current));
                    current = parts[j];
                }
                else current = candidate;
            }
            if (current.Length > 0) literals.Add(PyRepr.Of(current));
        }
        if (literals.Count == 1)
        {
            _into.Append(literals[0]);
            return;
        }
        if (level == 0) _into.Append('(');
        for (var i = 0; i < literals.Count; i++)
        {
            if (i > 0) Line("", indent);
            _into.Append(literals[i]);
            _rendering.CheckLength(_into.Length);
        }
        if (level == 0) _into.Append(')');
    }

    /// <summary>Each word with the blanks after it.</summary>
    private static List<string> Words(string line)
    {
        var words = new List<string>();
        for (var at = 0; at < line.Length;)
        {
            var end = at;
            while (end < line.Length && !PyText.IsSpace(line[end])) end++;
            while (end < line.Length && PyText.IsSpace(line[end])) end++;
            words.Add(line[at..end]);
            at = end;
        }
        return words;
    }
}
