using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>A text. Lengths and positions count code points, as Python's do; texts without surrogates, nearly all, need no conversion.</summary>
internal sealed class StrValue(string text, bool isMarkup = false) : Value
{
    internal static readonly StrValue Empty = new("");

    private int _length = -1;

    internal string Text { get; } = text;

    /// <summary>True for text that the escape filters made: what is joined to it is escaped.</summary>
    internal bool IsMarkup { get; } = isMarkup;

    internal override string TypeName => IsMarkup ? "Markup" : "str";

    internal override bool Truth => Text.Length > 0;

    internal override int Weight => Text.Length >> 4;

    internal override bool IsIndexable => true;

    internal bool IsPlain => Count == Text.Length;

    internal override int Count => _length >= 0 ? _length : _length = PyText.CodePoints(Text);

    internal StrValue With(string text) => new(text, IsMarkup);

    internal override void Repr(StringBuilder into, Rendering rendering)
    {
        rendering.Charge(1 + Weight);
        if (IsMarkup) into.Append("Markup(");
        PyRepr.Quote(into, Text);
        if (IsMarkup) into.Append(')');
        rendering.CheckLength(into.Length);
    }

    internal override string Str(Rendering rendering) => Text;

    internal override IEnumerable<Value> Items(Rendering rendering)
    {
        for (var i = 0; i < Text.Length;)
        {
            var width = PyText.WidthAt(Text, i);
            yield return rendering.Text(Text.Substring(i, width));
            i += width;
        }
    }

    internal override Value? Attribute(string name, Rendering rendering) => StringMethods.Find(this, name);

    internal override Value? Item(Value key, Rendering rendering)
    {
        if (Indexing.Position(key, Count) is not { } at) return null;
        if (!IsPlain) rendering.Charge(at >> 2);
        var start = IsPlain ? at : PyText.Offset(Text, at);
        return rendering.Text(Text.Substring(start, PyText.WidthAt(Text, start)));
    }
}
