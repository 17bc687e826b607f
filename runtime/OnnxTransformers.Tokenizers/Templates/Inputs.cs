using System.Collections;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Turns what callers pass into template values.</summary>
internal static class Inputs
{
    internal static Value From(object? value, Rendering rendering, string where)
    {
        StackGuard.Check();
        return value switch
        {
            null => NoneValue.Instance,
            Value ready => ready,
            string text => rendering.Text(text),
            bool flag => BoolValue.Of(flag),
            JsonElement element => From(element, rendering),
            JsonNode node => FromNode(node, rendering),
            sbyte or short or int or long or byte or ushort or uint => IntValue.Of(Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture)),
            ulong number => IntValue.Of(new BigInteger(number)),
            BigInteger number => IntValue.Of(number),
            float or double or decimal => new FloatValue(Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture)),
            ChatMessage message => Object(message.Fields, rendering, where),
            IEnumerable<KeyValuePair<string, object?>> fields => Object(fields, rendering, where),
            IEnumerable<KeyValuePair<string, string>> fields => Object(fields.Select(f => new KeyValuePair<string, object?>(f.Key, f.Value)), rendering, where),
            IEnumerable items and not IDictionary => List(items, rendering, where),
            _ => throw new InvalidInputException("reading a template variable", new Problem(where, $"a value of the type {value.GetType()}", "null, bool, numbers, string, JsonElement, JsonNode, dictionaries with string keys, sequences of these")),
        };
    }

    internal static DictValue Object(IEnumerable<KeyValuePair<string, object?>> fields, Rendering rendering, string where)
    {
        var result = new DictValue(rendering);
        foreach (var (name, value) in fields) result.Set(rendering.Text(name), From(value, rendering, $"{where}.{name}"));
        rendering.Reserve(4L * result.Count);
        return result;
    }

    private static ListValue List(IEnumerable items, Rendering rendering, string where)
    {
        var result = new List<Value>();
        foreach (var item in items) result.Add(From(item, rendering, $"{where}[{result.Count}]"));
        return rendering.List(result);
    }

    internal static Value From(JsonElement element, Rendering rendering)
    {
        StackGuard.Check();
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var result = new DictValue(rendering);
                foreach (var property in element.EnumerateObject()) result.Set(rendering.Text(JsonTexts.Name(property)), From(property.Value, rendering));
                rendering.Reserve(4L * result.Count);
                return result;
            case JsonValueKind.Array:
                return rendering.List([.. element.EnumerateArray().Select(e => From(e, rendering))]);
            case JsonValueKind.String:
                return rendering.Text(JsonTexts.Of(element));
            case JsonValueKind.Number:
                return Number(element.GetRawText());
            case JsonValueKind.True or JsonValueKind.False:
                return BoolValue.Of(element.GetBoolean());
            default:
                return NoneValue.Instance;
        }
    }

    private static Value FromNode(JsonNode node, Rendering rendering)
    {
        using var document = JsonDocument.Parse(node.ToJsonString());
        return From(document.RootElement, rendering);
    }

    /// <summary>Python reads numbers without a fraction or an exponent as integers of any size.</summary>
    private static Value Number(string text)
    {
        if (text.AsSpan().IndexOfAny(".eE") < 0 && PyInteger.TryParse(text, 10, out var integer)) return IntValue.Of(integer);
        return PyFloat.TryParse(text, out var number) ? new FloatValue(number) : NoneValue.Instance;
    }
}
