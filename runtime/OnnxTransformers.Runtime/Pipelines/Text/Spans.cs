using System.Collections.Immutable;
using OnnxTransformers.Tokenizers;

namespace OnnxTransformers;

/// <summary>From the logits of first and last tokens to passages. Reference: pipelines/question_answering.py (select_starts_ends, decode_spans, postprocess).</summary>
internal static class Spans
{
    /// <summary>The answers of all windows over one context, merged and sorted.</summary>
    /// <param name="windows">The windows, unpadded.</param>
    /// <param name="logits">Logits of each window's tokens.</param>
    /// <param name="context">The context.</param>
    /// <param name="questionFirst">Whether the context is the second sequence.</param>
    /// <param name="cls">The id of the token whose span stands for "no answer"; null where there is none.</param>
    /// <param name="options">What is asked for.</param>
    internal static List<PassageAnswer> Merge(Encoding[] windows, (float[] Start, float[] End)[] logits, string context, bool questionFirst, int? cls, QuestionAnsweringOptions options)
    {
        var answers = new List<PassageAnswer>();
        var impossible = 1_000_000f;
        // Widening to words makes some candidates equal, so more are looked at.
        var candidates = options.AlignToWords ? options.TopK * 2 + 10 : options.TopK;
        for (var w = 0; w < windows.Length; w++)
        {
            var allowed = Allowed(windows[w], questionFirst, cls);
            var (start, end) = (Probabilities(logits[w].Start, allowed), Probabilities(logits[w].End, allowed));
            impossible = MathF.Min(impossible, start[0] * end[0]);
            start[0] = end[0] = 0;
            var sequences = windows[w].SequenceIds;
            foreach (var (first, last, score) in Best(start, end, allowed, candidates, options.MaxAnswerLength))
            {
                var (from, to) = Characters(windows[w], sequences, first, last, questionFirst ? 1 : 0, options.AlignToWords);
                Add(answers, context, from, to, score);
            }
        }
        if (options.AllowImpossible) answers.Add(new(impossible, 0, 0, ""));
        return [.. answers.OrderByDescending(a => a.Score).Take(options.TopK)];
    }

    /// <summary>Tokens of the context, and the one that stands for "no answer". Where the context comes first, the reference masks nothing.</summary>
    private static bool[] Allowed(Encoding window, bool questionFirst, int? cls)
    {
        var (ids, sequences) = (window.Ids, window.SequenceIds);
        var allowed = new bool[ids.Length];
        for (var t = 0; t < allowed.Length; t++) allowed[t] = !questionFirst || sequences[t] == 1 || ids[t] == cls;
        return allowed;
    }

    private static float[] Probabilities(float[] logits, bool[] allowed)
    {
        var values = new float[logits.Length];
        for (var t = 0; t < values.Length; t++) values[t] = allowed[t] ? logits[t] : -10000f;
        Scores.SoftmaxInPlace(values);
        return values;
    }

    private static IEnumerable<(int First, int Last, float Score)> Best(float[] start, float[] end, bool[] allowed, int count, int longest)
    {
        var spans = new List<(int First, int Last, float Score)>();
        for (var first = 0; first < start.Length; first++)
            for (var last = first; allowed[first] && last < Math.Min(end.Length, first + longest); last++)
                if (allowed[last]) spans.Add((first, last, start[first] * end[last]));
        return spans.OrderByDescending(s => s.Score).Take(count).Where(s => s.Score > 0);
    }

    private static (int From, int To) Characters(Encoding window, ImmutableArray<int> sequences, int first, int last, int sequence, bool align)
    {
        var (words, offsets) = (window.WordIds, window.Offsets);
        if (align && words[first] is >= 0 and var firstWord && words[last] is >= 0 and var lastWord)
        {
            var (from, to) = (-1, -1);
            for (var t = 0; t < words.Length; t++)
            {
                if (sequences[t] != sequence) continue;
                if (from < 0 && words[t] == firstWord) from = t;
                if (words[t] == lastWord) to = t;
            }
            if (from >= 0 && to >= 0) return (offsets[from].Start, offsets[to].End);
        }
        return (offsets[first].Start, offsets[last].End);
    }

    private static void Add(List<PassageAnswer> answers, string context, int from, int to, float score)
    {
        var text = to > from ? context[from..to] : "";
        var same = answers.FindIndex(a => string.Equals(a.Text, text, StringComparison.OrdinalIgnoreCase));
        if (same >= 0) answers[same] = answers[same] with { Score = answers[same].Score + score };
        else answers.Add(new(score, from, to, text));
    }
}
