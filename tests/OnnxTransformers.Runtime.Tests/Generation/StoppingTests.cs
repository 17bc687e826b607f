using NUnit.Framework;
using OnnxTransformers.Testing;
using OnnxTransformers.Tokenizers;

namespace OnnxTransformers.Generation;

/// <summary>What ends sequences, against the reference.</summary>
public sealed class StoppingTests
{
    private static IEnumerable<GoldenCase> Criteria() => GenerationFixtures.Cases("processors", "stopping-criteria");

    private static IEnumerable<GoldenCase> Strings() => GenerationFixtures.Cases("stop-strings", "stopping-criteria");

    [TestCaseSource(nameof(Criteria))]
    public void CriteriaAgree(GoldenCase golden)
    {
        var arguments = golden.Arguments();
        var ids = golden.Ids("input_ids");
        bool[] got;
        if (arguments.TryGetProperty("assistant_confidence_threshold", out var threshold))
            got = [Confidence.IsLow(golden.Input("scores").Floats(), ids[0][^1], threshold.GetDouble())];
        else
        {
            IStoppingCriterion criterion = arguments.TryGetProperty("max_length", out var length) ? new MaxLengthCriterion(length.GetInt32())
                : new EndTokenCriterion([.. arguments.GetProperty("eos_token_id").EnumerateArray().Select(i => i.GetInt32())]);
            got = [.. ids.Select((row, i) => criterion.IsDone(row, i))];
        }
        Assert.That(got.Select(g => g ? 1L : 0), Is.EqualTo(golden.Output("done").Longs()));
    }

    [TestCaseSource(nameof(Strings))]
    public void StopStringsAgree(GoldenCase golden)
    {
        var arguments = golden.Arguments();
        var tokenizer = Tokenizer.Load(Path.Combine(golden.Golden.Folder, arguments.GetProperty("tokenizer").GetString()!));
        var criterion = StopStrings.Create([.. arguments.GetProperty("stop_strings").EnumerateArray().Select(s => s.GetString()!)], new TokenTexts(tokenizer));
        var ids = golden.Ids("input_ids")[0];
        Assert.That(Enumerable.Range(1, ids.Length).Select(n => criterion.IsDone(ids.AsSpan(0, n), 0) ? 1L : 0), Is.EqualTo(golden.Output("done_after_each_token").Longs()));
    }
}
