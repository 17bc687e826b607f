using System.Collections.Immutable;
using OnnxTransformers.Tokenizers;

namespace OnnxTransformers;

/// <summary>Fills the inputs of a text graph from rows of tokens. Which inputs there are is the graph's to say.</summary>
internal static class TextFeeds
{
    private const string Past = "past_key_values.";

    private static readonly Dictionary<string, Filler> Table = new(StringComparer.Ordinal)
    {
        ["input_ids"] = (rows, target) => rows.Fill(target, rows.PadId, static (row, line) => Copy(row.Ids, line)),
        ["attention_mask"] = (rows, target) => rows.Fill(target, 0, static (_, line) => line.Fill(1)),
        // A tokenizer that does not return types leaves them to the model, whose default is 0.
        ["token_type_ids"] = (rows, target) => rows.Fill(target, 0, rows.HasTypes ? static (row, line) => Copy(row.TypeIds, line) : static (_, line) => line.Clear()),
        // Positions count the row's own tokens; padding has 1, as where the reference computes them from the mask.
        ["position_ids"] = (rows, target) => rows.Fill(target, 1, static (_, line) => Count(line)),
    };

    private delegate void Filler(Rows rows, Span<long> target);

    private delegate void LineFiller(Encoding row, Span<long> line);

    /// <summary>Refuses a graph that asks for more than tokens.</summary>
    internal static void RefuseOthers(ModelSession session, string doing)
    {
        var others = session.Inputs.Where(i => !Table.ContainsKey(i.Name) && !i.Name.StartsWith(Past, StringComparison.Ordinal)).ToList();
        if (others.Count > 0) throw new UnsupportedCheckpointException(doing, others.Select(o => new Problem(o.ToString(), "an input that this task can't fill", string.Join(", ", Table.Keys))));
    }

    internal static void Fill(Feeds feeds, ModelSession session, Tokenizer tokenizer, IReadOnlyList<Encoding> all, RowGroup group, int longest, int promptLength)
    {
        var rows = new Rows(all, group, longest, tokenizer.PaddingSide == Side.Left, tokenizer.Special.Pad?.Id ?? 0, tokenizer.ModelInputNames.Contains("token_type_ids"));
        foreach (var input in session.Inputs)
        {
            if (Table.TryGetValue(input.Name, out var fill)) fill(rows, feeds.Int64(input.Name, group.Count, longest));
            else feeds.Float(input.Name, [.. input.Shape.Select((d, i) => d.Size ?? (i == 0 ? group.Count : 0))]);
        }
        if (promptLength > 0) feeds.Int64("prompt_length", 1)[0] = promptLength;
    }

    /// <summary>Fills the inputs for texts that go beside pictures, all in one batch; inputs of other kinds are left to the caller.</summary>
    /// <param name="feeds">Takes the inputs.</param>
    /// <param name="session">The graph.</param>
    /// <param name="tokenizer">What encoded the rows.</param>
    /// <param name="rows">Encoded texts.</param>
    /// <param name="length">Tokens of each row, padding included.</param>
    internal static void FillTexts(Feeds feeds, ModelSession session, Tokenizer tokenizer, IReadOnlyList<Encoding> rows, int length)
    {
        var batch = new Rows(rows, new RowGroup([.. Enumerable.Range(0, rows.Count)], 0, rows.Count), length, tokenizer.PaddingSide == Side.Left, tokenizer.Special.Pad?.Id ?? 0, tokenizer.ModelInputNames.Contains("token_type_ids"));
        foreach (var input in session.Inputs)
        {
            if (!Table.TryGetValue(input.Name, out var fill)) continue;
            var target = feeds.Int64(input.Name, rows.Count, length);
            // A tokenizer that returns no mask leaves padding visible to the model.
            if (input.Name == "attention_mask" && !tokenizer.ModelInputNames.Contains(input.Name)) target.Fill(1);
            else fill(batch, target);
        }
    }

    private static void Copy(ImmutableArray<int> values, Span<long> line)
    {
        for (var t = 0; t < line.Length; t++) line[t] = values[t];
    }

    private static void Count(Span<long> line)
    {
        for (var t = 0; t < line.Length; t++) line[t] = t;
    }

    private sealed record Rows(IReadOnlyList<Encoding> All, RowGroup Group, int Longest, bool Left, int PadId, bool HasTypes)
    {
        internal void Fill(Span<long> target, long padding, LineFiller fill)
        {
            for (var i = 0; i < Group.Count; i++)
            {
                var row = All[Group[i]];
                var line = target.Slice(i * Longest, Longest);
                var start = Left ? Longest - row.Length : 0;
                line[..start].Fill(padding);
                line[(start + row.Length)..].Fill(padding);
                fill(row, line.Slice(start, row.Length));
            }
        }
    }
}
