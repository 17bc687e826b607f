using System.Text.Json;

namespace OnnxTransformers.Tokenizers;

/// <summary>Answers one line of the <c>tokenize</c> command: a text to encode, ids to decode, or a batch with the arguments of transformers' tokenizer call.</summary>
public static class TokenizeLines
{
    private const int MostOfError = 80;

    /// <summary>Writes the answer to a line as one JSON object.</summary>
    /// <param name="tokenizer">The tokenizer; of <see cref="Tokenizer.FromFile"/> for <c>--raw</c>, else of <see cref="Tokenizer.Load"/>.</param>
    /// <param name="line">The parsed line.</param>
    /// <param name="output">Where the answer goes; nothing is written where an exception is thrown.</param>
    /// <exception cref="InvalidInputException">The line is not understood, or the arguments contradict each other or the tokenizer.</exception>
    public static void Answer(Tokenizer tokenizer, JsonElement line, Utf8JsonWriter output)
    {
        if (line.ValueKind != JsonValueKind.Object) throw Refused("", $"a JSON {line.ValueKind}", "an object");
        if (line.TryGetProperty("ids", out var ids)) Decode(tokenizer, line, ids, output);
        else if (line.TryGetProperty("texts", out var texts)) Batch(tokenizer, line, texts, output);
        else if (line.TryGetProperty("text", out var text)) Encode(tokenizer, line, text, output);
        else if (line.TryGetProperty("text_target", out var target)) Encode(tokenizer.Target, line, target, output);
        else throw Refused("", "none of text, text_target, texts, ids", "one of them");
    }

    internal static InvalidInputException Refused(string where, string found, string? supported = null) => new("reading a line", new Problem(where, found, supported));

    private static void Decode(Tokenizer tokenizer, JsonElement line, JsonElement list, Utf8JsonWriter output)
    {
        var arguments = new CallArguments(line);
        var ids = new List<int>();
        if (list.ValueKind != JsonValueKind.Array) throw Refused("ids", $"a JSON {list.ValueKind}", "a list of ids");
        foreach (var item in list.EnumerateArray())
            ids.Add(item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var id) && id >= 0 ? id : throw Refused("ids", item.GetRawText(), "whole numbers of at least 0"));
        var skip = arguments.Flag("skip_special_tokens", false);
        if (!arguments.Flag("stream", false))
        {
            var text = tokenizer.Decode([.. ids], skip, arguments.FlagOrNull("clean_up_tokenization_spaces"));
            output.WriteStartObject();
            output.WriteString("text", text);
            output.WriteEndObject();
            return;
        }
        var stream = tokenizer.CreateDecodeStream(skip, strict: true);
        output.WriteStartObject();
        output.WriteStartArray("pieces");
        foreach (var id in ids)
        {
            try
            {
                if (stream.Step(id) is { } piece) output.WriteStringValue(piece);
                else output.WriteNullValue();
            }
            catch (InvalidInputException e)
            {
                // A decoder may take back what it said; that ends the stream, and what came before stays.
                output.WriteStartObject();
                output.WriteString("error", e.Problems[0].Found is { Length: > MostOfError } found ? found[..MostOfError] : e.Problems[0].Found);
                output.WriteEndObject();
                break;
            }
        }
        output.WriteEndArray();
        output.WriteEndObject();
    }

    private static void Encode(Tokenizer tokenizer, JsonElement line, JsonElement text, Utf8JsonWriter output)
    {
        var options = new CallArguments(line).Options(tokenizer, out _);
        var pair = line.TryGetProperty("pair", out var p) && p.ValueKind != JsonValueKind.Null ? (JsonElement?)p : null;
        var encoding = text.ValueKind == JsonValueKind.Array
            ? tokenizer.EncodeWords(Words(text), pair is { } words ? Words(words) : null, options)
            : tokenizer.Encode(Text(text), pair is { } second ? Text(second) : null, options);
        output.WriteStartObject();
        Write(output, "ids", encoding.Ids);
        if (tokenizer.MakesTypeIds) Write(output, "type_ids", encoding.TypeIds);
        Write(output, "attention_mask", encoding.AttentionMask);
        Write(output, "special_tokens_mask", encoding.SpecialTokensMask);
        output.WriteStartArray("tokens");
        foreach (var token in encoding.Tokens) output.WriteStringValue(token);
        output.WriteEndArray();
        if (tokenizer.HasOffsets) WriteOffsets(output, "offsets", encoding);
        output.WriteStartArray("word_ids");
        foreach (var word in encoding.WordIds)
        {
            if (word < 0) output.WriteNullValue();
            else output.WriteNumberValue(word);
        }
        output.WriteEndArray();
        output.WriteEndObject();
    }

    private static void Batch(Tokenizer tokenizer, JsonElement line, JsonElement texts, Utf8JsonWriter output)
    {
        var arguments = new CallArguments(line.TryGetProperty("arguments", out var a) ? a : default);
        var options = arguments.Options(tokenizer, out var keepOverflow);
        var pairs = line.TryGetProperty("pairs", out var p) && p.ValueKind == JsonValueKind.Array ? (JsonElement?)p : null;
        if (texts.ValueKind != JsonValueKind.Array) throw Refused("texts", $"a JSON {texts.ValueKind}", "a list of texts");
        IReadOnlyList<Encoding> encodings;
        if (texts.GetArrayLength() > 0 && texts[0].ValueKind == JsonValueKind.Array)
            encodings = tokenizer.EncodeWordsBatch([.. texts.EnumerateArray().Select(Words)], pairs is { } w ? [.. w.EnumerateArray().Select(Words)] : null, options);
        else
            encodings = tokenizer.EncodeBatch([.. texts.EnumerateArray().Select(Text)], pairs is { } t ? [.. t.EnumerateArray().Select(Text)] : null, options);
        var rows = encodings.SelectMany((e, i) => keepOverflow ? e.Overflowing.Prepend(e).Select(r => (Encoding: r, Sample: i)) : [(e, i)]).ToArray();
        bool Wanted(string flag, string input) => arguments.FlagOrNull(flag) ?? tokenizer.ModelInputNames.Contains(input);
        output.WriteStartObject();
        WriteAll(output, "input_ids", rows, e => e.Ids);
        if (Wanted("return_token_type_ids", "token_type_ids")) WriteAll(output, "token_type_ids", rows, e => e.TypeIds);
        if (Wanted("return_attention_mask", "attention_mask")) WriteAll(output, "attention_mask", rows, e => e.AttentionMask);
        if (arguments.Flag("return_special_tokens_mask", false)) WriteAll(output, "special_tokens_mask", rows, e => e.SpecialTokensMask);
        if (arguments.Flag("return_offsets_mapping", false))
        {
            output.WriteStartArray("offset_mapping");
            foreach (var row in rows) WriteOffsets(output, null, row.Encoding);
            output.WriteEndArray();
        }
        if (arguments.Flag("return_length", false))
        {
            output.WriteStartArray("length");
            foreach (var row in rows) output.WriteNumberValue(row.Encoding.Length);
            output.WriteEndArray();
        }
        if (keepOverflow)
        {
            output.WriteStartArray("overflow_to_sample_mapping");
            foreach (var row in rows) output.WriteNumberValue(row.Sample);
            output.WriteEndArray();
        }
        output.WriteEndObject();
    }

    private static string Text(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String) throw Refused("text", $"a JSON {value.ValueKind}", "a text");
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Refused("text", "half a surrogate pair", "a text of whole characters");
        }
    }

    private static string[] Words(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(Text)] : throw Refused("text", $"a JSON {value.ValueKind}", "a list of words");

    private static void WriteAll(Utf8JsonWriter output, string name, IEnumerable<(Encoding Encoding, int Sample)> rows, Func<Encoding, IEnumerable<int>> values)
    {
        output.WriteStartArray(name);
        foreach (var row in rows) Write(output, null, values(row.Encoding));
        output.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter output, string? name, IEnumerable<int> values)
    {
        if (name is null) output.WriteStartArray();
        else output.WriteStartArray(name);
        foreach (var value in values) output.WriteNumberValue(value);
        output.WriteEndArray();
    }

    private static void WriteOffsets(Utf8JsonWriter output, string? name, Encoding encoding)
    {
        if (name is null) output.WriteStartArray();
        else output.WriteStartArray(name);
        foreach (var (start, end) in encoding.CodePointOffsets())
        {
            output.WriteStartArray();
            output.WriteNumberValue(start);
            output.WriteNumberValue(end);
            output.WriteEndArray();
        }
        output.WriteEndArray();
    }
}
