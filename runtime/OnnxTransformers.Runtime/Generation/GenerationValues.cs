using System.Collections.Immutable;
using System.Text.Json;

namespace OnnxTransformers.Generation;

/// <summary>Reads a value; null where it is of the wrong kind.</summary>
/// <param name="v">The value.</param>
/// <param name="expected">The kinds that are right, for a message.</param>
internal delegate object? Reader(JsonElement v, out string expected);

/// <summary>The kinds of values that fields of a generation configuration have.</summary>
internal static class GenerationValues
{
    internal static Reader Whole(int least) => (JsonElement v, out string expected) =>
    {
        expected = least == int.MinValue ? "a whole number" : $"a whole number of at least {least}";
        return v.ValueKind == JsonValueKind.Number && v.TryGetDouble(out var n) && n == Math.Floor(n) && n >= least && n <= int.MaxValue ? (int)n : null;
    };

    internal static Reader OneOf(params string[] texts) => (JsonElement v, out string expected) =>
    {
        expected = string.Join(", ", texts);
        return v.ValueKind == JsonValueKind.String && texts.Contains(v.GetString()) ? v.GetString() : null;
    };

    internal static readonly Reader Number = (JsonElement v, out string expected) =>
    {
        expected = "a number";
        return v.ValueKind == JsonValueKind.Number ? v.GetDouble() : null;
    };

    internal static readonly Reader Flag = (JsonElement v, out string expected) =>
    {
        expected = "true or false";
        return v.ValueKind is JsonValueKind.True or JsonValueKind.False ? v.GetBoolean() : null;
    };

    internal static readonly Reader Text = (JsonElement v, out string expected) =>
    {
        expected = "a text";
        return v.ValueKind == JsonValueKind.String ? v.GetString() : null;
    };

    internal static readonly Reader Early = (JsonElement v, out string expected) =>
    {
        expected = "true, false, \"never\"";
        return v.ValueKind switch
        {
            JsonValueKind.True => EarlyStopping.WhenFull,
            JsonValueKind.False => EarlyStopping.Heuristic,
            JsonValueKind.String when v.ValueEquals("never") => EarlyStopping.Never,
            _ => null,
        };
    };

    internal static readonly Reader Texts = (JsonElement v, out string expected) =>
    {
        expected = "a text or a list of texts, none of them empty";
        if (v.ValueKind == JsonValueKind.String) return v.GetString() is { Length: > 0 } one ? ImmutableArray.Create(one) : null;
        return v.ValueKind == JsonValueKind.Array && v.EnumerateArray().All(t => t.ValueKind == JsonValueKind.String && t.GetString()!.Length > 0) ? v.EnumerateArray().Select(t => t.GetString()!).ToImmutableArray() : null;
    };

    internal static readonly Reader First = (JsonElement v, out string expected) => Ids!(v, out expected) is ImmutableArray<int> { Length: > 0 } ids ? ids[0] : null;

    internal static readonly Reader Ids = (JsonElement v, out string expected) =>
    {
        expected = "an id or a list of ids";
        if (IsId(v)) return ImmutableArray.Create(v.GetInt32());
        return v.ValueKind == JsonValueKind.Array && v.EnumerateArray().All(IsId) ? IdsOf(v) : null;
    };

    internal static readonly Reader Sequences = (JsonElement v, out string expected) =>
    {
        expected = "a list of lists of ids";
        return v.ValueKind == JsonValueKind.Array && v.GetArrayLength() > 0 && v.EnumerateArray().All(IsSequence) ? v.EnumerateArray().Select(IdsOf).ToImmutableArray() : null;
    };

    internal static readonly Reader Forced = (JsonElement v, out string expected) =>
    {
        expected = "a list of sequences of ids, or of lists of such sequences";
        if (v.ValueKind != JsonValueKind.Array || v.GetArrayLength() == 0) return null;
        var words = ImmutableArray.CreateBuilder<ForcedWords>();
        foreach (var word in v.EnumerateArray())
        {
            if (IsSequence(word)) words.Add(new([IdsOf(word)]));
            else if (word.ValueKind == JsonValueKind.Array && word.GetArrayLength() > 0 && word.EnumerateArray().All(IsSequence)) words.Add(new([.. word.EnumerateArray().Select(IdsOf)]));
            else return null;
        }
        return words.ToImmutable();
    };

    internal static readonly Reader Biases = (JsonElement v, out string expected) =>
    {
        expected = "a list of [ids, number] with at least one entry";
        if (v.ValueKind != JsonValueKind.Array || v.GetArrayLength() == 0) return null;
        var biases = ImmutableArray.CreateBuilder<BiasedSequence>();
        foreach (var pair in v.EnumerateArray())
        {
            if (pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2 || !IsSequence(pair[0]) || pair[1].ValueKind != JsonValueKind.Number) return null;
            biases.Add(new(IdsOf(pair[0]), pair[1].GetDouble()));
        }
        return biases.ToImmutable();
    };

    internal static readonly Reader Decay = (JsonElement v, out string expected) =>
    {
        expected = "[new tokens, factor]";
        return v.ValueKind == JsonValueKind.Array && v.GetArrayLength() == 2 && v[0].ValueKind == JsonValueKind.Number && v[0].TryGetInt32(out var start) && v[1].ValueKind == JsonValueKind.Number
            ? new ExponentialDecay(start, v[1].GetDouble()) : null;
    };

    private static bool IsId(JsonElement v) => v.ValueKind == JsonValueKind.Number && v.TryGetInt32(out var id) && id >= 0;

    private static bool IsSequence(JsonElement v) => v.ValueKind == JsonValueKind.Array && v.GetArrayLength() > 0 && v.EnumerateArray().All(IsId);

    private static ImmutableArray<int> IdsOf(JsonElement v) => [.. v.EnumerateArray().Select(i => i.GetInt32())];
}
