using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Methods of Python's str.</summary>
internal static partial class StringMethods
{
    private delegate Value Method(Rendering rendering, StrValue self, Value?[] arguments);

    private static readonly Dictionary<string, (Signature Signature, Method Body)> Methods = Build(
        ("capitalize", "", (r, s, _) => Make(r, s, PyText.Capitalize(s.Text))), ("casefold", "", (r, s, _) => Make(r, s, PyText.Fold(s.Text))),
        ("lower", "", (r, s, _) => Make(r, s, PyText.Lower(s.Text))), ("upper", "", (r, s, _) => Make(r, s, PyText.Upper(s.Text))),
        ("title", "", (r, s, _) => Make(r, s, PyText.Title(s.Text))), ("swapcase", "", (r, s, _) => Make(r, s, PyText.SwapCase(s.Text))),
        ("strip", "chars? /", (r, s, a) => Make(r, s, PyText.Trim(s.Text, Characters("strip", a[0])))),
        ("lstrip", "chars? /", (r, s, a) => Make(r, s, PyText.TrimStart(s.Text, Characters("lstrip", a[0])))),
        ("rstrip", "chars? /", (r, s, a) => Make(r, s, PyText.TrimEnd(s.Text, Characters("rstrip", a[0])))),
        ("center", "width fillchar? /", (r, s, a) => Pad(r, s, a, Side.Both)),
        ("ljust", "width fillchar? /", (r, s, a) => Pad(r, s, a, Side.Right)),
        ("rjust", "width fillchar? /", (r, s, a) => Pad(r, s, a, Side.Left)),
        ("zfill", "width /", ZeroFill), ("expandtabs", "tabsize?", ExpandTabs), ("replace", "old new count? /", Replace),
        ("split", "sep? maxsplit?", (r, s, a) => Split(r, s, a, fromEnd: false)),
        ("rsplit", "sep? maxsplit?", (r, s, a) => Split(r, s, a, fromEnd: true)),
        ("splitlines", "keepends?", (r, s, a) => Strings(r, s, PyText.Lines(s.Text, Table.Flag(a[0])))),
        ("partition", "sep /", (r, s, a) => Partition(r, s, a, last: false)),
        ("rpartition", "sep /", (r, s, a) => Partition(r, s, a, last: true)),
        ("join", "iterable /", (r, s, a) => Join(r, s, a[0]!)),
        ("find", "sub start? end? /", (r, s, a) => IntValue.Of(Search(r, s, a, last: false))),
        ("rfind", "sub start? end? /", (r, s, a) => IntValue.Of(Search(r, s, a, last: true))),
        ("index", "sub start? end? /", (r, s, a) => Found(Search(r, s, a, last: false))),
        ("rindex", "sub start? end? /", (r, s, a) => Found(Search(r, s, a, last: true))),
        ("count", "sub start? end? /", Count),
        ("startswith", "prefix start? end? /", (r, s, a) => Affix(r, s, a, atEnd: false)), ("endswith", "suffix start? end? /", (r, s, a) => Affix(r, s, a, atEnd: true)),
        ("removeprefix", "prefix /", (r, s, a) => Make(r, s, s.Text.StartsWith(Required(a[0]), StringComparison.Ordinal) ? s.Text[Required(a[0]).Length..] : s.Text)),
        ("removesuffix", "suffix /", (r, s, a) => Make(r, s, s.Text.EndsWith(Required(a[0]), StringComparison.Ordinal) ? s.Text[..^Required(a[0]).Length] : s.Text)),
        ("isalpha", "", (_, s, _) => All(s, PyText.IsLetter)),
        ("isdigit", "", (_, s, _) => All(s, PyText.IsDigit)),
        ("isdecimal", "", (_, s, _) => All(s, PyText.IsDecimal)),
        ("isnumeric", "", (_, s, _) => All(s, PyText.IsNumeric)),
        ("isalnum", "", (_, s, _) => All(s, PyText.IsAlphanumeric)),
        ("isspace", "", (_, s, _) => BoolValue.Of(s.Text.Length > 0 && s.Text.All(PyText.IsSpace))),
        ("isascii", "", (_, s, _) => BoolValue.Of(Ascii.IsValid(s.Text))),
        ("isprintable", "", (_, s, _) => BoolValue.Of(s.Text.EnumerateRunes().All(PyText.IsPrintable))), ("isidentifier", "", (_, s, _) => IsIdentifier(s.Text)),
        ("islower", "", (_, s, _) => BoolValue.Of(IsLower(s.Text))),
        ("isupper", "", (_, s, _) => BoolValue.Of(IsUpper(s.Text))),
        ("istitle", "", (_, s, _) => BoolValue.Of(s.Text.Any(char.IsLetter) && PyText.Title(s.Text) == s.Text)),
        ("maketrans", "x y? z? /", MakeTranslation), ("translate", "table /", Translate));

    private static Dictionary<string, (Signature, Method)> Build(params (string Name, string Parameters, Method Body)[] rows) =>
        rows.ToDictionary(r => r.Name, r => (new Signature(r.Parameters.Length == 0 ? "str." + r.Name : r.Name, r.Parameters), r.Body), StringComparer.Ordinal);

    /// <summary>Methods that look at the ends only.</summary>
    private static readonly HashSet<string> Short = new(StringComparer.Ordinal) { "startswith", "endswith", "strip", "lstrip", "rstrip", "removeprefix", "removesuffix" };

    internal static Value? Find(StrValue self, string name)
    {
        if (name == "format") return new FunctionValue(name, (r, a) => StringFormat.Apply(self, a, r));
        if (name == "format_map") return new FunctionValue(name, (r, a) => StringFormat.Apply(self, Map(a, r), r));
        if (name == "encode")
            return new FunctionValue(name, (_, _) => throw TemplateFault.Type("bytes are not supported in templates: str.encode() has nothing to give"));
        if (!Methods.TryGetValue(name, out var method)) return null;
        return new FunctionValue(name, (r, a) =>
        {
            if (!Short.Contains(name)) r.Charge(1 + (self.Text.Length >> 2));
            foreach (var argument in a.Positional) r.Charge(argument.Weight);
            return method.Body(r, self, method.Signature.Bind(a));
        });
    }

    private static Arguments Map(Arguments arguments, Rendering rendering)
    {
        if (arguments.Named.Length > 0) throw TemplateFault.Type("format_map() takes no keyword arguments");
        if (arguments.Positional is not [DictValue dict])
            throw TemplateFault.Type($"format_map() takes exactly one argument ({arguments.Positional.Length} given)");
        return new Arguments([], [.. dict.Entries.Where(e => e.Key is StrValue).Select(e => (e.Key.Str(rendering), e.Value))]);
    }

    internal static StrValue Make(Rendering rendering, StrValue self, string text)
    {
        if (ReferenceEquals(text, self.Text)) return self;
        var made = rendering.Text(text);
        return self.IsMarkup ? self.With(text) : made;
    }

    private static string Required(Value? value) => value is StrValue text ? text.Text : throw TemplateFault.Type($"must be str, not {value!.TypeName}");

    private static string? Characters(string method, Value? value) => value switch
    {
        null or NoneValue => null,
        StrValue text => text.Text,
        _ => throw TemplateFault.Type($"{method} arg must be None or str"),
    };

    internal static ListValue Strings(Rendering rendering, StrValue self, List<string> parts)
    {
        rendering.Reserve(parts.Count);
        return new ListValue([.. parts.Select(p => Make(rendering, self, p))]);
    }

    private enum Side { Left, Right, Both }

    internal static StrValue Center(Rendering rendering, StrValue self, int width) => Pad(rendering, self, [IntValue.Of(width), null], Side.Both);

    private static StrValue Pad(Rendering rendering, StrValue self, Value?[] arguments, Side side)
    {
        var width = Table.Integer(arguments[0], 0);
        var fill = arguments[1] is null ? " " : Required(arguments[1]);
        if (PyText.CodePoints(fill) != 1) throw TemplateFault.Type("The fill character must be exactly one character long");
        var missing = width - self.Count;
        if (missing <= 0) return self;
        rendering.CheckLength(self.Text.Length + (long)missing * fill.Length);
        // Python puts the odd blank on the left where the width is odd.
        var left = side == Side.Left ? missing : side == Side.Right ? 0 : missing / 2 + (missing & width & 1);
        return Make(rendering, self, Repeat(fill, left) + self.Text + Repeat(fill, missing - left));
    }

    private static string Repeat(string fill, int count) => fill.Length == 1 ? new string(fill[0], count) : string.Concat(Enumerable.Repeat(fill, count));

    private static StrValue ZeroFill(Rendering rendering, StrValue self, Value?[] arguments)
    {
        var missing = Table.Integer(arguments[0], 0) - (long)self.Count;
        if (missing <= 0) return self;
        rendering.CheckLength(self.Text.Length + missing);
        var sign = self.Text.Length > 0 && self.Text[0] is '+' or '-' ? 1 : 0;
        return Make(rendering, self, self.Text[..sign] + new string('0', (int)missing) + self.Text[sign..]);
    }

    private static StrValue ExpandTabs(Rendering rendering, StrValue self, Value?[] arguments)
    {
        var size = Table.Integer(arguments[0], 8);
        var result = new StringBuilder();
        var column = 0;
        foreach (var c in self.Text)
        {
            var blanks = c == '\t' && size > 0 ? size - column % size : 0;
            rendering.CheckLength(result.Length + (long)blanks);
            if (c == '\t') result.Append(' ', blanks);
            else result.Append(c);
            column = c is '\n' or '\r' ? 0 : column + (c == '\t' ? blanks : 1);
        }
        return Make(rendering, self, result.ToString());
    }

    private static StrValue Join(Rendering rendering, StrValue self, Value iterable)
    {
        var result = new StringBuilder();
        var at = 0;
        foreach (var item in Access.Iterate(iterable, rendering))
        {
            if (item is not StrValue text) throw TemplateFault.Type($"sequence item {at}: expected str instance, {item.TypeName} found");
            if (at++ > 0) rendering.Append(result, self.Text);
            rendering.Append(result, self.IsMarkup ? Markup.Escape(text) : text.Text);
        }
        return Make(rendering, self, result.ToString());
    }

    private static BoolValue All(StrValue self, Func<Rune, bool> test) => BoolValue.Of(self.Text.Length > 0 && self.Text.EnumerateRunes().All(test));

    private static BoolValue IsIdentifier(string text) =>
        BoolValue.Of(text.Length > 0 && (text[0] == '_' || char.IsLetter(text[0])) && text.All(c => c == '_' || char.IsLetterOrDigit(c)));

    internal static bool IsLower(string text) => IsCase(text, char.IsLower, char.IsUpper);

    internal static bool IsUpper(string text) => IsCase(text, char.IsUpper, char.IsLower);

    private static bool IsCase(string text, Func<char, bool> wanted, Func<char, bool> other)
    {
        var found = false;
        foreach (var c in text)
        {
            if (other(c)) return false;
            found |= wanted(c);
        }
        return found;
    }

    private static DictValue MakeTranslation(Rendering rendering, StrValue self, Value?[] arguments)
    {
        var table = new DictValue(rendering);
        if (arguments[1] is null)
        {
            if (arguments[0] is not DictValue map) throw TemplateFault.Type("if you give only one argument to maketrans it must be a dict");
            foreach (var (key, value) in map.Entries) table.Set(key is StrValue { Count: 1 } one ? IntValue.Of(PyText.RuneAt(one.Text, 0).Value) : key, value);
            return table;
        }
        var (from, to) = (Required(arguments[0]).EnumerateRunes().ToList(), Required(arguments[1]).EnumerateRunes().ToList());
        if (from.Count != to.Count) throw TemplateFault.Value("the first two maketrans arguments must have equal length");
        for (var i = 0; i < from.Count; i++) table.Set(IntValue.Of(from[i].Value), IntValue.Of(to[i].Value));
        if (arguments[2] is not null)
            foreach (var rune in Required(arguments[2]).EnumerateRunes()) table.Set(IntValue.Of(rune.Value), NoneValue.Instance);
        return table;
    }

    private static StrValue Translate(Rendering rendering, StrValue self, Value?[] arguments)
    {
        var result = new StringBuilder();
        foreach (var rune in self.Text.EnumerateRunes())
        {
            rendering.Charge(1);
            switch (arguments[0]!.Item(IntValue.Of(rune.Value), rendering))
            {
                case null:
                    result.Append(rune.ToString());
                    break;
                case StrValue text:
                    rendering.Append(result, text.Text);
                    break;
                case NoneValue:
                    break;
                case var other:
                    var code = Table.Integer(other, 0);
                    result.Append(Rune.IsValid(code) ? new Rune(code).ToString() : throw TemplateFault.Value("character mapping must be in range(0x110000)"));
                    break;
            }
        }
        return Make(rendering, self, result.ToString());
    }
}
