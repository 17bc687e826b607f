using System.Diagnostics;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tokenizers.Benchmarks;

/// <summary>Ours and the peer in turn, over the same texts.</summary>
internal sealed class Comparison(string[] texts, string corpus, NodePackage? package, int rounds)
{
    private const int Batch = 256;
    private readonly double _bytes = texts.Sum(t => (double)System.Text.Encoding.UTF8.GetByteCount(t));

    /// <summary>Times of ours and of the peer, round by round.</summary>
    private sealed class Pair
    {
        private readonly List<double> _ours = [], _peers = [];

        internal void Add(Run ours, Run? peer)
        {
            _ours.Add(ours.Seconds);
            if (peer is { } p) _peers.Add(p.Seconds);
        }

        internal string Speed(double amount, string unit) => $"{Of(amount, _ours),7:F1} {unit}" + (_peers.Count == 0 ? "" : $"  peer {Of(amount, _peers),6:F1}  ratio {Ratio:F2}");

        internal string Times => $"{Median(_ours) * 1000,7:F0} ms" + (_peers.Count == 0 ? "" : $"  peer {Median(_peers) * 1000,6:F0}  ratio of times {1 / Ratio:F2}");

        /// <summary>How many times as fast ours is: the median of the rounds, each of which ran at about the same moment.</summary>
        private double Ratio => Median([.. _ours.Zip(_peers, (o, p) => p / o)]);

        private static double Of(double amount, List<double> seconds) => amount / Median(seconds);

        private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
    }

    internal void Compare(string name, string file)
    {
        Console.WriteLine(name);
        using var single = package is null ? null : Peer.Start(package, corpus, Batch, threads: 1);
        using var many = package is null ? null : Peer.Start(package, corpus, Batch, threads: 0);
        many?.Do("load", file);
        var load = new Pair();
        Tokenizer? tokenizer = null;
        for (var round = 0; round < rounds; round++)
        {
            var run = Time(() => (tokenizer = Tokenizer.FromFile(file)).VocabSize);
            load.Add(run, single?.Do("load", file));
        }
        var ids = texts.Select(t => tokenizer!.Encode(t).Ids.ToArray()).ToArray();
        single?.Do("ids");
        var (one, batch, decode) = (new Pair(), new Pair(), new Pair());
        long tokens = 0, allocated = 0, unpacked = 0;
        for (var round = 0; round <= rounds; round++)
        {
            allocated = Allocated(() => EncodeEach(tokenizer!, offsets: false));
            var ours = new Run();
            unpacked = Allocated(() => ours = Time(() => EncodeEach(tokenizer!, offsets: true)));
            tokens = ours.Count;
            var peer = single?.Do("encode");
            if (peer is { } p && p.Count != tokens) Console.WriteLine($"  ours makes {tokens} tokens, the peer {p.Count}: not the same work");
            var (oursBatch, peerBatch) = (Time(() => EncodeBatches(tokenizer!)), many?.Do("batch"));
            var (oursDecode, peerDecode) = (Time(() => ids.Sum(i => (long)tokenizer!.Decode(i).Length)), single?.Do("decode"));
            if (round == 0) continue; // The first compiles and fills caches.
            one.Add(ours, peer);
            batch.Add(oursBatch, peerBatch);
            decode.Add(oursDecode, peerDecode);
        }
        Console.WriteLine($"  one thread  {one.Speed(_bytes / 1e6, "MB/s")}");
        Console.WriteLine($"  batches     {batch.Speed(_bytes / 1e6, "MB/s")}");
        Console.WriteLine($"  decoding    {decode.Speed(tokens / 1e6, "M tokens/s")}");
        Console.WriteLine($"  loading     {load.Times}");
        Console.WriteLine(FormattableString.Invariant($"  allocation  {allocated / _bytes:F1} KB a KB of text, {unpacked / _bytes:F1} with the offsets unpacked; a token is {_bytes / tokens:F1} bytes of text"));
    }

    private long EncodeEach(Tokenizer tokenizer, bool offsets)
    {
        long count = 0;
        foreach (var text in texts)
        {
            var encoding = tokenizer.Encode(text);
            count += offsets ? encoding.Offsets.Length : encoding.Length;
        }
        return count;
    }

    private static long Allocated(Action work)
    {
        var before = GC.GetTotalAllocatedBytes();
        work();
        return GC.GetTotalAllocatedBytes() - before;
    }

    private long EncodeBatches(Tokenizer tokenizer)
    {
        long count = 0;
        for (var i = 0; i < texts.Length; i += Batch)
            foreach (var encoding in tokenizer.EncodeBatch(texts[i..Math.Min(i + Batch, texts.Length)])) count += encoding.Offsets.Length;
        return count;
    }

    private static Run Time(Func<long> work)
    {
        var clock = Stopwatch.StartNew();
        var count = work();
        return new(clock.Elapsed.TotalSeconds, count);
    }
}
