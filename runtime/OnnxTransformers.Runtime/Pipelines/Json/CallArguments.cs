using System.Text.Json;

namespace OnnxTransformers;

/// <summary>One line of input: what a pipeline is asked, and its keyword arguments. What nobody takes is refused by name.</summary>
/// <remarks>A member <c>pipeline</c> holds arguments that the reference takes when the pipeline is made; those beside it win.</remarks>
internal sealed class CallArguments
{
    private readonly Dictionary<string, JsonElement> _given = new(StringComparer.Ordinal);
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly string _task;
    private readonly string _doing;

    internal CallArguments(string task, JsonElement line)
    {
        _task = task;
        _doing = $"answering a line of {task}";
        if (line.ValueKind == JsonValueKind.String) _given.Add("inputs", line);
        else if (line.ValueKind != JsonValueKind.Object) throw Wrong("line", line, "a text or an object");
        else
        {
            if (line.TryGetProperty("pipeline", out var made) && made.ValueKind == JsonValueKind.Object)
                foreach (var argument in made.EnumerateObject()) _given[argument.Name] = argument.Value;
            foreach (var argument in line.EnumerateObject())
                if (argument.Name != "pipeline" || argument.Value.ValueKind != JsonValueKind.Object) _given[argument.Name] = argument.Value;
        }
        // How many rows the reference computes at once never changes an answer here.
        Known("batch_size", "num_workers");
    }

    /// <summary>True where the argument was given, be it null.</summary>
    internal bool Has(string name)
    {
        _known.Add(name);
        return _given.ContainsKey(name);
    }

    /// <summary>The first of these that was given and is not null.</summary>
    internal JsonElement? Raw(params ReadOnlySpan<string> names)
    {
        Known(names);
        foreach (var name in names)
            if (_given.TryGetValue(name, out var value) && value.ValueKind != JsonValueKind.Null) return value;
        return null;
    }

    /// <summary>The inputs, by whichever of these names was given; two of them contradict each other.</summary>
    internal JsonElement Inputs(params ReadOnlySpan<string> names)
    {
        string[] given = [.. names.ToArray().Where(n => _given.TryGetValue(n, out var value) && value.ValueKind != JsonValueKind.Null)];
        if (given.Length > 1) throw Error(string.Join(" and ", given), "all given", "one of them");
        return Raw(names) ?? throw Error(string.Join(" or ", names.ToArray()), "not given", null);
    }

    internal string? Text(string name) => Raw(name) is not { } v ? null : v.ValueKind == JsonValueKind.String ? v.GetString() : throw Wrong(name, v, "a text");

    internal bool? Bool(string name) => Raw(name) is not { } v ? null : v.ValueKind is JsonValueKind.True or JsonValueKind.False ? v.GetBoolean() : throw Wrong(name, v, "true or false");

    internal int? Count(string name, int least = 0)
    {
        if (Raw(name) is not { } v) return null;
        return v.ValueKind == JsonValueKind.Number && v.TryGetInt32(out var n) && n >= least ? n : throw Wrong(name, v, $"a whole number of at least {least}");
    }

    internal float? Number(string name)
    {
        if (Raw(name) is not { } v) return null;
        return v.ValueKind == JsonValueKind.Number && v.TryGetSingle(out var n) && float.IsFinite(n) ? n : throw Wrong(name, v, "a number");
    }

    /// <summary>One of a closed set of texts.</summary>
    internal T? OneOf<T>(string name, params ReadOnlySpan<(string Text, T Value)> choices) where T : struct
    {
        if (Raw(name) is not { } v) return null;
        foreach (var (text, value) in choices)
            if (v.ValueKind == JsonValueKind.String && v.ValueEquals(text)) return value;
        throw Wrong(name, v, string.Join(", ", choices.ToArray().Select(c => c.Text)));
    }

    /// <summary>A list of texts, or one text as a list of it.</summary>
    internal string[]? Texts(string name) => Raw(name) is { } v ? Texts(name, v) : null;

    internal string[] Texts(string name, JsonElement v)
    {
        if (v.ValueKind == JsonValueKind.String) return [v.GetString()!];
        if (v.ValueKind != JsonValueKind.Array) throw Wrong(name, v, "a text or a list of texts");
        var texts = new string[v.GetArrayLength()];
        var i = 0;
        foreach (var item in v.EnumerateArray()) texts[i++] = item.ValueKind == JsonValueKind.String ? item.GetString()! : throw Wrong($"{name}[{i - 1}]", item, "a text");
        return texts;
    }

    /// <summary><c>candidate_labels</c>, or an older name of it: a list, or a text with commas.</summary>
    internal string[] Candidates(params ReadOnlySpan<string> others) => Candidates(Inputs(["candidate_labels", .. others]));

    internal string[] Candidates(JsonElement given) => given.ValueKind == JsonValueKind.String ? given.GetString()!.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) : Texts("candidate_labels", given);

    /// <summary>How texts are cut: <c>truncation</c>, <c>max_length</c>, <c>padding</c> and <c>add_special_tokens</c> of a tokenizer's call.</summary>
    internal TokenizerArguments Tokenizer()
    {
        if (Raw("padding") is { ValueKind: not (JsonValueKind.True or JsonValueKind.False) } padding && !(padding.ValueKind == JsonValueKind.String && (padding.ValueEquals("longest") || padding.ValueEquals("do_not_pad"))))
            throw Wrong("padding", padding, "true, false, longest, do_not_pad");
        return new(Cut(), Count("max_length", 1), Bool("add_special_tokens") == false);
    }

    /// <summary>Arguments of a tokenizer's call that stand in an object of their own, as tokenizer_kwargs.</summary>
    internal TokenizerArguments NestedTokenizer(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object) throw Wrong(name, value, "an object");
        var call = new CallArguments($"{_task}, {name}", value);
        var arguments = call.Tokenizer();
        call.RefuseOthers();
        return arguments;
    }

    /// <summary>Refuses what nobody took. Call it when everything has been asked for.</summary>
    internal void RefuseOthers()
    {
        var others = _given.Keys.Where(k => !_known.Contains(k)).ToList();
        if (others.Count > 0) throw new InvalidInputException(_doing, others.Select(o => new Problem(o, "no such argument", string.Join(", ", _known.Except(["batch_size", "num_workers"]).Order(StringComparer.Ordinal)))));
    }

    internal InvalidInputException Error(string where, string found, string? supported) => new(_doing, new Problem(where, found, supported));

    internal InvalidInputException Wrong(string name, JsonElement found, string supported)
    {
        var text = found.GetRawText();
        return Error(name, text.Length > 80 ? text[..80] + "..." : text, supported);
    }

    private CutSide? Cut()
    {
        if (Raw("truncation") is not { } v) return null;
        if (v.ValueKind is JsonValueKind.True or JsonValueKind.False) return v.GetBoolean() ? CutSide.Longest : CutSide.None;
        return OneOf<CutSide>("truncation", ("longest_first", CutSide.Longest), ("only_first", CutSide.First), ("only_second", CutSide.Second), ("do_not_truncate", CutSide.None));
    }

    private void Known(params ReadOnlySpan<string> names)
    {
        foreach (var name in names) _known.Add(name);
    }
}
