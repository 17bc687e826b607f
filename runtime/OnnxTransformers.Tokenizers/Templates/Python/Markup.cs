using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>HTML escaping as the escape filters do it (markupsafe).</summary>
internal static class Markup
{
    internal static string Escape(string text) => text.AsSpan().IndexOfAny("&><'\"") < 0 ? text : new StringBuilder(text)
        .Replace("&", "&amp;").Replace(">", "&gt;").Replace("<", "&lt;").Replace("'", "&#39;").Replace("\"", "&#34;").ToString();

    /// <summary>The text of a value in markup: escaped unless it is markup already.</summary>
    internal static string Escape(StrValue text) => text.IsMarkup ? text.Text : Escape(text.Text);

    internal static StrValue Of(Value value, Rendering rendering)
    {
        if (value is StrValue { IsMarkup: true } markup) return markup;
        var text = Escape(value.Str(rendering));
        rendering.Text(text);
        return new StrValue(text, isMarkup: true);
    }

    /// <summary>Without comments and tags, blanks collapsed, entities read.</summary>
    internal static string StripTags(string text)
    {
        var plain = Remove(Remove(text, "<!--", "-->"), "<", ">");
        return System.Net.WebUtility.HtmlDecode(string.Join(' ', PyText.Words(plain, -1, fromEnd: false)));
    }

    private static string Remove(string text, string open, string close)
    {
        var result = new StringBuilder(text.Length);
        var at = 0;
        while (true)
        {
            var start = text.IndexOf(open, at, StringComparison.Ordinal);
            var end = start < 0 ? -1 : text.IndexOf(close, start, StringComparison.Ordinal);
            if (end < 0) return result.Append(text, at, text.Length - at).ToString();
            result.Append(text, at, start - at);
            at = end + close.Length;
        }
    }
}
