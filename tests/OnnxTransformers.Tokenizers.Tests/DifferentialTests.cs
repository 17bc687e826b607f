using System.Globalization;
using System.Text;
using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tokenizers;

/// <summary>Generated texts through the Rust library (@anush008/tokenizers 0.6.0, which is tokenizers 0.22.2) and through ours: ids, offsets and what they decode to must be equal.
/// ONNX_TRANSFORMERS_DIFFERENTIAL_TEXTS says how many texts all tokenizers share: 10,000 without it, a million at night.</summary>
[Parallelizable(ParallelScope.All)]
public class DifferentialTests
{
    private const int Chunk = 5000;
    private const int MostShown = 5;

    private static readonly int Texts = int.TryParse(Environment.GetEnvironmentVariable("ONNX_TRANSFORMERS_DIFFERENTIAL_TEXTS"), CultureInfo.InvariantCulture, out var n) ? n : 10_000;

    /// <summary>Reads [text, random ids] a line from the file; prints [ids, offsets, decoded, decoded without special tokens, decoded random ids] a line, null where the library fails.
    /// A panic ends the process, so the work is done by a second one, which is started again after the line that it died of; after so many deaths the rest of the lines is left out.</summary>
    private const string Script = """
        import { createRequire } from 'node:module';
        import { spawnSync } from 'node:child_process';
        import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
        const [file, input, output, start] = process.argv.slice(2);
        const lines = readFileSync(input, 'utf8').split('\n').filter(line => line);
        const done = () => readFileSync(output, 'utf8').split('\n').length - 1;
        if (start === undefined) {
          writeFileSync(output, '');
          for (let left = 25; done() < lines.length; left--) {
            spawnSync(process.execPath, [process.argv[1], file, input, output, String(done())], { stdio: 'ignore' });
            appendFileSync(output, 'null\n'.repeat(Math.min(left > 0 ? 1 : lines.length, lines.length - done())));
          }
        } else {
          const { Tokenizer } = createRequire(import.meta.url)('@anush008/tokenizers');
          const tokenizer = Tokenizer.fromFile(file);
          tokenizer.disableTruncation();
          tokenizer.disablePadding();
          for (const line of lines.slice(Number(start))) {
            const [text, random] = JSON.parse(line);
            let answer = null;
            try {
              const encoding = await tokenizer.encode(text);
              const ids = encoding.getIds();
              answer = [ids, encoding.getOffsets().flat(), await tokenizer.decode(ids, false), await tokenizer.decode(ids, true), await tokenizer.decode(random, false)];
            } catch { }
            appendFileSync(output, JSON.stringify(answer) + '\n');
          }
        }
        """;

    private static IEnumerable<string> Whole => Fixtures.Of("tokenization", n => n is not ("batch" or "components" or "slow"));

    private static IEnumerable<string> Small => Fixtures.TryFind("tokenization/components") is { } folder
        ? Directory.EnumerateFiles(folder, "tokenizer.*").Select(f => "tokenization/components/" + Path.GetFileName(f)).Order(StringComparer.Ordinal)
        : [];

    private static List<string> Names => [.. Whole, .. Small];

    [TestCaseSource(nameof(Names))]
    public void Equals_the_Rust_library(string name)
    {
        var package = NodePackage.Require("@anush008/tokenizers@0.6.0");
        using var scratch = new ScratchFolder();
        var json = Json(Fixtures.Find(name));
        var file = scratch["tokenizer.json"];
        File.WriteAllBytes(file, json);
        var tokenizer = Tokenizer.FromFile(file);
        var tokens = Sample(tokenizer);
        var (compared, wrong) = (0, new List<(string Text, string Report)>());
        var wanted = Math.Max(1, Texts / Names.Count);
        for (var chunk = 0; compared < wanted; chunk++)
        {
            var texts = new DifferentialTexts(chunk * 1000 + Names.IndexOf(name), tokens);
            var random = new Random(chunk);
            (string Text, int[] Ids)[] rows = [.. Enumerable.Range(0, Math.Min(Chunk, wanted - compared)).Select(_ => (texts.Next(), RandomIds(random, tokenizer)))];
            var (input, output) = (scratch["in"], scratch["out"]);
            File.WriteAllLines(input, rows.Select(r => $"[{Escaped(r.Text)},[{string.Join(',', r.Ids)}]]"));
            package.Run(Script, null, file, input, output);
            var answers = File.ReadAllLines(output);
            Assert.That(answers, Has.Length.EqualTo(rows.Length));
            for (var i = 0; i < rows.Length; i++) Compare(tokenizer, rows[i].Text, rows[i].Ids, JsonDocument.Parse(answers[i]).RootElement, wrong);
            compared += rows.Length;
        }
        TestContext.Out.WriteLine($"{name}: {compared} texts compared");
        Assert.That(wrong, Is.Empty, $"{wrong.Count} differences\n" + string.Join('\n', wrong.OrderBy(w => w.Text.Length).Take(MostShown).Select(w => w.Report)));
    }

    /// <summary>A file, or the tokenizer that recorded cases belong to.</summary>
    private static byte[] Json(string path)
    {
        if (Directory.Exists(path)) return Reference.Bytes(Path.Combine(path, "tokenizer.json"));
        return Encoding8(JsonDocument.Parse(Reference.Bytes(path)).RootElement.GetProperty("tokenizer").GetRawText());
    }

    private static byte[] Encoding8(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    private static List<string> Sample(Tokenizer tokenizer)
    {
        var added = tokenizer.Components.Added.Tokens.Values.Select(t => t.Content).Take(40);
        var step = Math.Max(1, tokenizer.VocabSize / 400);
        return [.. added, .. Enumerable.Range(0, tokenizer.VocabSize / step).Select(i => tokenizer.IdToToken(i * step)).OfType<string>().Where(t => t.Length > 1)];
    }

    private static int[] RandomIds(Random random, Tokenizer tokenizer)
    {
        var ids = new int[random.Next(12)];
        foreach (ref var id in ids.AsSpan()) id = random.Next(tokenizer.VocabSize + 2);
        return ids;
    }

    private static void Compare(Tokenizer tokenizer, string text, int[] randomIds, JsonElement want, List<(string, string)> wrong)
    {
        // Where the reference itself fails, not crashing is enough.
        if (want.ValueKind == JsonValueKind.Null)
        {
            try
            {
                tokenizer.Decode(tokenizer.Encode(text).Ids.AsSpan());
            }
            catch (OnnxTransformersException)
            {
            }
            return;
        }
        var encoding = tokenizer.Encode(text);
        var ids = encoding.Ids.AsSpan();
        string[] got = [$"[{string.Join(',', encoding.Ids)}]", $"[{string.Join(',', encoding.CodePointOffsets().Select(o => $"{o.Start},{o.End}"))}]",
            Escaped(tokenizer.Decode(ids)), Escaped(tokenizer.Decode(ids, skipSpecialTokens: true)), Escaped(tokenizer.Decode(randomIds))];
        string[] names = ["ids", "offsets", "decoded", "decoded without special tokens", $"decoded [{string.Join(',', randomIds)}]"];
        for (var i = 0; i < got.Length; i++)
        {
            var wanted = i < 2 ? want[i].GetRawText() : Escaped(want[i].GetString()!);
            if (got[i] != wanted) wrong.Add((text, $"{names[i]} of {Escaped(text)}\n  got    {got[i]}\n  wanted {wanted}"));
        }
    }

    /// <summary>A text as JSON in ASCII; halves of surrogate pairs stay what they are.</summary>
    private static string Escaped(string text)
    {
        var result = new StringBuilder("\"");
        foreach (var c in text)
        {
            if (c is >= ' ' and <= '~' and not ('"' or '\\')) result.Append(c);
            else result.Append("\\u").Append(((int)c).ToString("X4", CultureInfo.InvariantCulture));
        }
        return result.Append('"').ToString();
    }
}
