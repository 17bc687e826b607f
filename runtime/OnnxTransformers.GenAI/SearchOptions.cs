using System.Collections.Immutable;
using System.Globalization;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace OnnxTransformers.Generation;

/// <summary>What onnxruntime-genai can be told of a generation configuration. A field that would change the answer and is not here is refused.</summary>
internal static class SearchOptions
{
    private static readonly ImmutableArray<(string Key, Func<GenerationConfig, double?> Value)> Numbers =
    [
        ("num_beams", c => c.NumBeams), ("num_return_sequences", c => c.NumReturnSequences), ("temperature", c => c.DoSample == true ? c.Temperature : null), ("top_k", c => c.DoSample == true ? c.TopK ?? 0 : null),
        ("top_p", c => c.DoSample == true ? c.TopP : null), ("repetition_penalty", c => c.RepetitionPenalty), ("length_penalty", c => c.LengthPenalty), ("no_repeat_ngram_size", c => c.NoRepeatNgramSize), ("random_seed", c => c.Seed),
    ];

    // Lengths and special tokens are resolved before; early_stopping is a flag of its own.
    private static readonly ImmutableArray<string> Resolved = ["do_sample", "seed", "early_stopping", "max_length", "max_new_tokens", "min_length", "min_new_tokens", "pad_token_id", "bos_token_id", "eos_token_id"];

    private static readonly ImmutableArray<SearchMode> Modes = [SearchMode.Greedy, SearchMode.Sample, SearchMode.Beam];

    /// <summary>Fields that can be told.</summary>
    internal static IEnumerable<string> Known => Numbers.Select(n => n.Key).Where(k => k != "random_seed").Concat(Resolved).Order(StringComparer.Ordinal);

    /// <summary>Tells them.</summary>
    internal static void Set(GeneratorParams options, GenerationPlan plan, int rows)
    {
        options.SetSearchOption("batch_size", rows);
        options.SetSearchOption("max_length", plan.MaxLength);
        options.SetSearchOption("min_length", plan.MinLength);
        options.SetSearchOption("do_sample", plan.Samples);
        options.SetSearchOption("early_stopping", plan.Config.EarlyStopping == EarlyStopping.WhenFull);
        foreach (var (key, value) in Numbers)
            if (value(plan.Config) is { } number) options.SetSearchOption(key, number);
    }

    /// <summary>What can't be told of a request.</summary>
    internal static IEnumerable<Problem> Problems(GenerationRequest request, GenerationPlan plan, ImmutableArray<int> ends)
    {
        if (!Modes.Contains(plan.Mode)) yield return new Problem("mode", plan.Mode.ToString(), string.Join(", ", Modes), "use TokenGenerator");
        foreach (var key in plan.Config.Changed.Where(k => !Known.Contains(k))) yield return new Problem(key, "a field that onnxruntime-genai does not have", string.Join(", ", Known), "use TokenGenerator");
        if (plan.Eos.Except(ends).Any() || ends.Except(plan.Eos).Any())
            yield return new Problem("eos_token_id", Shown(plan.Eos), $"{Shown(ends)}, as genai_config.json has it", "change genai_config.json, or use TokenGenerator");
        if (plan.Mode == SearchMode.Beam && plan.Config.EarlyStopping == EarlyStopping.Never) yield return new Problem("early_stopping", "never", "true, false", "use TokenGenerator");
        if (request.Processors.Count > 0 || request.StoppingCriteria.Count > 0 || request.Sampler is not null || request.Assistant is not null || request.Cache is not null)
            yield return new Problem("request", "processors, criteria, a sampler, an assistant or a cache", "none of these with onnxruntime-genai", "use TokenGenerator");
    }

    private static string Shown(ImmutableArray<int> ids) => ids.IsEmpty ? "none" : string.Join(", ", ids.Select(i => i.ToString(CultureInfo.InvariantCulture)));
}
