using System.Globalization;
using System.Text;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tokenizers;

/// <summary>Texts made to be slow: four times the length may take little more than four times the processor's time. Ratios are measured, not seconds, so that slow and busy machines pass as well.</summary>
[NonParallelizable]
public class LinearTests
{
    private const int Length = 1 << 20;
    private const int Attempts = 5;

    /// <summary>Between n log n (4.4 for these lengths, and the caches' share) and n squared (16).</summary>
    private const double MostRatio = 8;

    /// <summary>A whole megabyte in less is certainly not quadratic, which would be half a trillion steps; ratios of so short times are those of collections, of caches and of a busy machine.</summary>
    private static readonly TimeSpan Fast = TimeSpan.FromSeconds(1);

    private static readonly Dictionary<string, Func<int, string>> Texts = new()
    {
        ["one letter"] = n => new('a', n),
        ["one capital"] = n => new('A', n),
        ["spaces"] = n => new(' ', n),
        ["spaces before a word"] = n => new string(' ', n - 1) + "a",
        ["line breaks"] = n => new('\n', n),
        ["spaces and line breaks"] = n => Repeat(" \r\n", n),
        ["no-break spaces"] = n => new('\u00A0', n),
        ["two letters in turn"] = n => Repeat("ab", n),
        ["letters and capitals in turn"] = n => Repeat("aA", n),
        ["letters and spaces in turn"] = n => Repeat("a ", n),
        ["digits"] = n => Repeat("1234567890", n),
        ["apostrophes"] = n => new('\'', n),
        ["contractions"] = n => Repeat("'s'LL", n),
        ["signs"] = n => Repeat("=-", n),
        ["one mark"] = n => new('\u0301', n),
        ["marks out of order"] = n => "e" + Repeat("\u0301\u0323", n - 1),
        ["decomposed letters"] = n => Repeat("e\u0301", n),
        ["jamo"] = n => Repeat("\u1112\u1161\u11AB", n),
        ["conjuncts"] = n => Repeat("\u0915\u094D", n),
        ["emoji"] = n => Repeat("😀", n),
        ["joined emoji"] = n => Repeat("👩\u200D", n),
        ["flags"] = n => Repeat("🇩", n),
        ["ideographs"] = n => new('中', n),
        ["visible spaces"] = n => new('\u2581', n),
        ["beginnings of special tokens"] = n => Repeat("<|", n),
        ["nearly special tokens"] = n => Repeat("<|endoftext", n),
        ["special tokens"] = n => Repeat("<|endoftext|></s>[SEP]", n),
        ["one long word"] = n => Random(n, r => (char)('a' + r.Next(26))),
        ["one long word of Greek"] = n => Random(n, r => (char)(0x3B1 + r.Next(24))),
        ["bytes as text"] = n => Random(n, r => (char)r.Next(256)),
        ["any characters"] = n => Random(n, r => (char)r.Next(0xD800)),
    };

    private static string Repeat(string part, int length) => new StringBuilder(length + part.Length).Insert(0, part, length / part.Length + 1).ToString(0, length);

    private static string Random(int length, Func<Random, char> next)
    {
        var random = new Random(7);
        return string.Create(length, (random, next), (text, from) =>
        {
            foreach (ref var c in text) c = from.next(from.random);
        });
    }

    /// <summary>All but those that are put together like another.</summary>
    private static IEnumerable<string> Names => Fixtures.Of("tokenization", n => n is not ("batch" or "components" or "slow" or "bert_cased_trained" or "whisper" or "xlm_roberta_trained"));

    [TestCaseSource(nameof(Names))]
    public void A_megabyte_takes_its_share(string name)
    {
        var tokenizer = new Tokenizer(TokenizerReader.Read(Reference.Bytes(Path.Combine(Fixtures.Find(name), "tokenizer.json")), "tokenizer.json").Parts);
        var slow = new List<string>();
        foreach (var (kind, make) in Texts)
        {
            var (few, many) = Check($"encoding {kind}", t => tokenizer.Encode(t).Ids, make(Length / 4), make(Length));
            Check($"decoding {kind}", ids => tokenizer.Decode(ids.AsSpan()), few, many);
        }
        Assert.That(slow, Is.Empty, string.Join('\n', slow));

        (TResult Small, TResult Large) Check<T, TResult>(string what, Func<T, TResult> work, T small, T large)
        {
            var (least, whole) = (TimeSpan.MaxValue, TimeSpan.MaxValue);
            for (var attempt = 0; ; attempt++)
            {
                var results = (Time(work, small, ref least), Time(work, large, ref whole));
                if (whole < Fast || whole < least * MostRatio) return results;
                if (attempt + 1 < Attempts) continue;
                slow.Add(string.Create(CultureInfo.InvariantCulture, $"{what}: {least.TotalMilliseconds:F1} ms for 0.25 MB, {whole.TotalMilliseconds:F1} ms for 1 MB, which is {whole / least:F1} times as long"));
                return results;
            }
        }
    }

    private static TResult Time<T, TResult>(Func<T, TResult> work, T input, ref TimeSpan least)
    {
        var before = Environment.CpuUsage.TotalTime;
        var result = work(input);
        var time = Environment.CpuUsage.TotalTime - before;
        if (time < least) least = time;
        return result;
    }
}
