namespace OnnxTransformers.Generation;

/// <summary>The prompts of a request, checked.</summary>
/// <param name="Ids">The tokens, all rows of one length.</param>
/// <param name="Masks">1 for each that counts.</param>
internal sealed record Prompts(int[][] Ids, int[][] Masks)
{
    private const string Doing = "reading the prompts";

    internal int Count => Ids.Length;

    internal int Length => Ids[0].Length;

    /// <summary>Checks prompts and their mask.</summary>
    /// <param name="ids">The prompts.</param>
    /// <param name="mask">Their mask, or null.</param>
    /// <param name="config">The configuration, for the padding.</param>
    /// <param name="vocabulary">Number of tokens.</param>
    /// <param name="name">What the prompts are called, for messages.</param>
    /// <exception cref="InvalidInputException">There is none, one is empty, or lengths or ids don't fit.</exception>
    internal static Prompts Of(IReadOnlyList<IReadOnlyList<int>> ids, IReadOnlyList<IReadOnlyList<int>>? mask, GenerationConfig config, int vocabulary, string name = "input_ids")
    {
        if (ids.Count == 0) throw new InvalidInputException(Doing, new Problem(name, "no prompt", "one or more"));
        int[][] rows = [.. ids.Select(r => r.ToArray())];
        if (rows.Any(r => r.Length != rows[0].Length)) throw new InvalidInputException(Doing, new Problem(name, $"rows of {string.Join(", ", rows.Select(r => r.Length).Distinct().Take(5))} tokens", "rows of one length", "fill the shorter ones on the left, and give a mask"));
        if (rows[0].Length == 0) throw new InvalidInputException(Doing, new Problem(name, "an empty prompt", "one token or more", "begin with the tokenizer's first special token"));
        if (rows.SelectMany(r => r).FirstOrDefault(i => i < 0 || i >= vocabulary, -1) is var outside && rows.Any(r => r.Contains(outside)))
            throw new InvalidInputException(Doing, new Problem(name, $"id {outside}", $"ids from 0 to {vocabulary - 1}"));
        if (mask is null) return new(rows, Masks: [.. rows.Select(r => MaskOf(r, rows, config))]);
        int[][] given = [.. mask.Select(r => r.ToArray())];
        if (given.Length != rows.Length || given.Any(r => r.Length != rows[0].Length)) throw new InvalidInputException(Doing, new Problem("attention_mask", "another shape than the prompts'", $"[{rows.Length}, {rows[0].Length}]"));
        if (given.Any(r => r.Any(v => v is not (0 or 1)))) throw new InvalidInputException(Doing, new Problem("attention_mask", "values other than 0 and 1", "0 and 1"));
        return new(rows, given);
    }

    /// <summary>Without a mask, padding is told by its id where that is there and does not also end sequences.</summary>
    private static int[] MaskOf(int[] row, int[][] all, GenerationConfig config)
    {
        var tells = config.PadTokenId is { } pad && !(config.EosTokenId ?? []).Contains(pad) && all.Any(r => r.Contains(pad));
        return [.. row.Select(id => tells && id == config.PadTokenId ? 0 : 1)];
    }
}
