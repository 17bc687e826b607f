using System.Globalization;
using System.Text.Json;

namespace OnnxTransformers.Tokenizers;

/// <summary>The keyword arguments of transformers' tokenizer call.</summary>
internal readonly struct CallArguments(JsonElement arguments)
{
    private static readonly string[] Strategies = ["longest_first", "only_first", "only_second", "do_not_truncate"];

    private JsonElement? Find(string key) =>
        arguments.ValueKind == JsonValueKind.Object && arguments.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    internal bool? FlagOrNull(string key) => Find(key) is not { } value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw TokenizeLines.Refused(key, value.GetRawText(), "true or false");

    internal bool Flag(string key, bool absent) => FlagOrNull(key) ?? absent;

    private int? Count(string key) => Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var n) && n >= 0 ? n : throw TokenizeLines.Refused(key, value.GetRawText(), "a whole number of at least 0");

    /// <summary>The text of an argument that may also be true or false.</summary>
    private string? Choice(string key, string whenTrue) => Find(key) is not { } value ? null : value.ValueKind switch
    {
        JsonValueKind.True => whenTrue,
        JsonValueKind.False => "",
        JsonValueKind.String => value.GetString(),
        _ => throw TokenizeLines.Refused(key, value.GetRawText(), "true, false or a text"),
    };

    /// <summary>What the arguments come to for a tokenizer, and whether overflowing pieces are wanted.</summary>
    internal EncodeOptions Options(Tokenizer tokenizer, out bool keepOverflow)
    {
        keepOverflow = Flag("return_overflowing_tokens", false);
        var (padding, truncation, longest) = (Choice("padding", "longest"), Choice("truncation", "longest_first"), Count("max_length"));
        var multiple = Count("pad_to_multiple_of");
        if (padding is null && tokenizer.CallPadding > 0) (padding, multiple) = ("longest", multiple ?? tokenizer.CallPadding);
        if (longest is not null && truncation is null && padding is null or "") truncation = "longest_first";
        if (padding is "" or "do_not_pad") padding = null;
        if (truncation is "" or "do_not_truncate") truncation = null;
        if (padding is not (null or "longest" or "max_length")) throw TokenizeLines.Refused("padding", $"\"{padding}\"", "true, false, longest, max_length, do_not_pad");
        if (truncation is not null && !Strategies.Contains(truncation)) throw TokenizeLines.Refused("truncation", $"\"{truncation}\"", "true, false, " + string.Join(", ", Strategies));
        if (longest is null)
        {
            var known = tokenizer.ModelMaxLength < int.MaxValue;
            if (!known && padding == "max_length") padding = null;
            if (!known) truncation = null;
            longest = known ? tokenizer.ModelMaxLength : null;
        }
        if (padding is not null && truncation is not null && multiple is > 0 && longest is { } limit && limit % multiple != 0)
            throw TokenizeLines.Refused("pad_to_multiple_of", $"a max_length of {limit.ToString(CultureInfo.InvariantCulture)}, which is no multiple of {multiple.Value.ToString(CultureInfo.InvariantCulture)}", "a multiple");
        return new()
        {
            AddSpecialTokens = Flag("add_special_tokens", true),
            Truncation = truncation is null ? null : new(longest!.Value) { Strategy = StrategyOf(truncation), Stride = Count("stride") ?? 0 },
            Padding = padding is null ? null : PaddingOf(tokenizer, padding == "max_length" ? longest : null, multiple),
        };
    }

    private static TruncationStrategy StrategyOf(string name) => name switch
    {
        "only_first" => TruncationStrategy.OnlyFirst,
        "only_second" => TruncationStrategy.OnlySecond,
        _ => TruncationStrategy.LongestFirst,
    };

    private Padding PaddingOf(Tokenizer tokenizer, int? length, int? multiple)
    {
        var padding = new Padding { Length = length, ToMultipleOf = multiple };
        if (Find("padding_side") is { } side)
            padding = padding with { Direction = side.ValueEquals("left") ? Side.Left : side.ValueEquals("right") ? Side.Right : throw TokenizeLines.Refused("padding_side", side.GetRawText(), "left, right") };
        if (Find("pad_token") is not { ValueKind: JsonValueKind.String } token) return padding;
        var name = token.GetString()!;
        return padding with { Token = name, Id = tokenizer.TokenToId(name) ?? throw TokenizeLines.Refused("pad_token", $"\"{name}\"", "a token of the vocabulary") };
    }
}
