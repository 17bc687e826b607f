using System.Collections.Immutable;
using OnnxTransformers.Tokenizers;

namespace OnnxTransformers;

/// <summary>From tagged tokens to entities. Reference: pipelines/token_classification.py (gather_pre_entities, aggregate, aggregate_overlapping_entities).</summary>
internal static class Entities
{
    /// <summary>One token of the text.</summary>
    /// <param name="Word">Its name, or the text itself where it stands for something unknown.</param>
    /// <param name="Scores">The probability of each label.</param>
    /// <param name="Start">Where it begins.</param>
    /// <param name="End">Where it ends.</param>
    /// <param name="Index">Its number in the row.</param>
    /// <param name="IsSubword">Whether it continues the word before it.</param>
    internal sealed record Token(string Word, float[] Scores, int Start, int End, int Index, bool IsSubword);

    /// <summary>The tokens of a window, without the special ones.</summary>
    internal static List<Token> Tokens(Tokenizer tokenizer, Encoding window, TokenClassification.Source source, float[] scores, int width)
    {
        var (ids, special, offsets, names) = (window.Ids, window.SpecialTokensMask, window.Offsets, window.Tokens);
        var starts = source.Words is null ? null : WordStarts(source);
        var words = source.Words is null ? [] : window.WordIds;
        var wordAware = !string.IsNullOrEmpty(tokenizer.ContinuingSubwordPrefix);
        var tokens = new List<Token>(ids.Length);
        for (var t = 0; t < ids.Length; t++)
        {
            if (special[t] != 0) continue;
            var shift = starts is not null && words[t] >= 0 ? starts[words[t]] : 0;
            var (start, end) = (offsets[t].Start + shift, offsets[t].End + shift);
            var slice = source.Text[start..end];
            // With a prefix such as ## a piece inside a word is longer than what it stands for; without, a blank tells where words begin.
            var subword = wordAware
                ? CodePoints.Count(names[t]) != CodePoints.Count(slice)
                : start > 0 && !source.Text.AsSpan(start - 1, Math.Min(2, source.Text.Length - start + 1)).Contains(' ');
            var unknown = ids[t] == tokenizer.Special.Unk?.Id;
            tokens.Add(new(unknown ? slice : names[t], scores[(t * width)..((t + 1) * width)], start, end, t, subword && !unknown));
        }
        return tokens;
    }

    /// <summary>Joins tokens as asked for.</summary>
    internal static List<TaggedEntity> Join(TextModel model, List<Token> tokens, Aggregation aggregation)
    {
        var labels = model.Config.Labels;
        if (aggregation == Aggregation.None) return [.. tokens.Select(t => Tagged(t, labels, t.Index))];
        var entities = aggregation == Aggregation.Simple ? [.. tokens.Select(t => Tagged(t, labels, null))] : Words(model, tokens, aggregation);
        return Groups(model, entities);
    }

    /// <summary>Of entities that overlap, as windows do, the longer stays, then the more certain.</summary>
    internal static List<TaggedEntity> WithoutOverlaps(List<TaggedEntity> entities)
    {
        var result = new List<TaggedEntity>();
        TaggedEntity? last = null;
        foreach (var entity in entities.OrderBy(e => e.Start))
        {
            if (last is null) last = entity;
            else if (last.Start <= entity.Start && entity.Start < last.End)
            {
                var (length, lastLength) = (entity.End - entity.Start, last.End - last.Start);
                if (length > lastLength || (length == lastLength && entity.Score > last.Score)) last = entity;
            }
            else
            {
                result.Add(last);
                last = entity;
            }
        }
        if (last is not null) result.Add(last);
        return result;
    }

    private static int[] WordStarts(TokenClassification.Source source)
    {
        var starts = new int[source.Words!.Count];
        for (var i = 1; i < starts.Length; i++) starts[i] = starts[i - 1] + source.Words[i - 1].Length + source.Delimiter;
        return starts;
    }

    private static TaggedEntity Tagged(Token token, ImmutableArray<string> labels, int? index)
    {
        var best = Scores.Largest(token.Scores);
        return new(labels[best], token.Scores[best], token.Word, token.Start, token.End, index);
    }

    private static List<TaggedEntity> Words(TextModel model, List<Token> tokens, Aggregation aggregation)
    {
        var words = new List<TaggedEntity>();
        for (var first = 0; first < tokens.Count;)
        {
            var next = first + 1;
            while (next < tokens.Count && tokens[next].IsSubword) next++;
            words.Add(Word(model, tokens[first..next], aggregation));
            first = next;
        }
        return words;
    }

    private static TaggedEntity Word(TextModel model, List<Token> tokens, Aggregation aggregation)
    {
        var scores = aggregation switch
        {
            Aggregation.First => tokens[0].Scores,
            Aggregation.Max => tokens.MaxBy(t => t.Scores.Max())!.Scores,
            _ => Mean(tokens),
        };
        var best = Scores.Largest(scores);
        return new(model.Config.Labels[best], scores[best], TokenNames.Join(model.Tokenizer, [.. tokens.Select(t => t.Word)]), tokens[0].Start, tokens[^1].End, null);
    }

    private static float[] Mean(List<Token> tokens)
    {
        var mean = new float[tokens[0].Scores.Length];
        foreach (var token in tokens)
            for (var i = 0; i < mean.Length; i++) mean[i] += token.Scores[i];
        for (var i = 0; i < mean.Length; i++) mean[i] /= tokens.Count;
        return mean;
    }

    private static List<TaggedEntity> Groups(TextModel model, List<TaggedEntity> entities)
    {
        var groups = new List<TaggedEntity>();
        for (var first = 0; first < entities.Count;)
        {
            var next = first + 1;
            // A B- begins an entity even beside one of its own kind.
            while (next < entities.Count && TagOf(entities[next].Tag) == TagOf(entities[next - 1].Tag) && !entities[next].Tag.StartsWith("B-", StringComparison.Ordinal)) next++;
            var group = entities[first..next];
            var sum = 0f;
            foreach (var entity in group) sum += entity.Score;
            var dash = group[0].Tag.IndexOf('-', StringComparison.Ordinal);
            groups.Add(new(group[0].Tag[(dash + 1)..], sum / group.Count, TokenNames.Join(model.Tokenizer, [.. group.Select(e => e.Word)]), group[0].Start, group[^1].End, null));
            first = next;
        }
        return groups;
    }

    /// <summary>A label without B- or I-.</summary>
    private static string TagOf(string label) => label.StartsWith("B-", StringComparison.Ordinal) || label.StartsWith("I-", StringComparison.Ordinal) ? label[2..] : label;
}
