using System.Text;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Checkpoints;

/// <summary>Files by the ten thousand that are damaged or made to do harm: each is refused, or is sound in everything that it says.</summary>
public sealed class SafetensorsHostileTests
{
    private static readonly byte[] Good = Bytes.Safetensors("""
        {"__metadata__":{"format":"pt"},"embeddings.weight":{"dtype":"F32","shape":[5,3],"data_offsets":[0,60]},"h.0.bias":{"dtype":"F16","shape":[4],"data_offsets":[60,68]},
        "h.0.flag":{"dtype":"BOOL","shape":[],"data_offsets":[68,69]},"q":{"dtype":"F4","shape":[2,3],"data_offsets":[69,72]},"none":{"dtype":"I64","shape":[0,9],"data_offsets":[72,72]}}
        """, 72);

    [Test]
    public void Twenty_thousand_mutated_files()
    {
        var refused = Hostile.Mutate(Good, 20_000, Good.Length - 72, (path, length) =>
        {
            using var file = SafetensorsFile.Open(path);
            CheckSound(file, length);
        });
        Assert.That(refused, Is.GreaterThan(15_000));
    }

    [Test]
    public void Fifty_thousand_mutated_headers()
    {
        var header = Good[8..^72];
        var refused = Hostile.Mutate(header, 50_000, header.Length, bad => SafetensorsHeader.Parse(bad, 72, "x"));
        Assert.That(refused, Is.GreaterThan(45_000));
    }

    // Every tensor lies in the file, and together they cover its data exactly.
    private static void CheckSound(SafetensorsFile file, long length)
    {
        var data = length;
        foreach (var name in file.Tensors.Keys) data = Math.Min(data, file.Locate(name)!.Offset);
        Assert.That(file.Tensors.Values.Sum(tensor => tensor.Bytes), Is.EqualTo(file.Tensors.Count == 0 ? 0 : length - data));
        foreach (var name in file.Tensors.Keys)
        {
            Assert.That(file.Locate(name)!.Offset + file.Locate(name)!.Length, Is.LessThanOrEqualTo(length));
            Assert.That(file.All(name), Has.Length.EqualTo(file.Tensors[name].Bytes));
        }
    }

    private sealed record Claim(int Dtype, int[] Shape, long BeginShift, long EndShift);

    /// <summary>Headers whose offsets are sometimes a little off: accepted exactly when they are contiguous, in bounds and as long as dtype and shape say.</summary>
    [Test]
    public void Headers_are_accepted_exactly_when_they_are_sound()
    {
        (string Name, int Bits)[] dtypes = [("U8", 8), ("F16", 16), ("F32", 32), ("I64", 64), ("F4", 4), ("F6_E2M3", 6)];
        var shift = Gen.Frequency((30, Gen.Constant(0L)), (1, Gen.Choose(-9, 9).Select(x => (long)x)), (1, Gen.Elements(long.MaxValue, long.MinValue, 1L << 62)));
        var claim = from dtype in Gen.Choose(0, dtypes.Length - 1)
                    from shape in Gen.Choose(0, 4).ListOf(3)
                    from begin in shift
                    from end in shift
                    select new Claim(dtype, [.. shape], begin, end);
        var cases = from claims in Gen.Choose(0, 5).SelectMany(n => claim.ListOf(n))
                    from seed in Gen.Choose(0, 1000)
                    from extra in Gen.Frequency((20, Gen.Constant(0)), (1, Gen.Choose(-3, 3)))
                    select (Claims: claims.ToArray(), Seed: seed, Extra: extra);
        var (accepted, all) = (0, 0);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            var (at, sound) = (0L, true);
            var entries = new List<string>();
            var intervals = new List<(long Begin, long End)>();
            for (var i = 0; i < c.Claims.Length; i++)
            {
                var (name, bits) = dtypes[c.Claims[i].Dtype];
                var total = (long)bits * c.Claims[i].Shape.Aggregate(1, (a, b) => a * b);
                var next = at + (total + 7) / 8;
                var (begin, end) = (unchecked(at + c.Claims[i].BeginShift), unchecked(next + c.Claims[i].EndShift));
                sound &= total % 8 == 0 && begin >= 0 && end >= begin && end - begin == total / 8;
                intervals.Add((begin, end));
                entries.Add($$"""
                    "t{{i}}":{"dtype":"{{name}}","shape":[{{string.Join(",", c.Claims[i].Shape)}}],"data_offsets":[{{begin}},{{end}}]}
                    """);
                at = next;
            }
            var length = Math.Max(0, at + c.Extra);
            var covered = 0L;
            foreach (var (begin, end) in intervals.Order())
            {
                sound &= begin == covered;
                covered = end;
            }
            sound &= covered == length;
            var header = Encoding.UTF8.GetBytes("{" + string.Join(",", entries.Order(Comparer<string>.Create((a, b) => HashCode(a, c.Seed).CompareTo(HashCode(b, c.Seed))))) + "}");
            all++;
            try
            {
                SafetensorsHeader.Parse(header, length, "x");
                accepted++;
                return sound;
            }
            catch (CorruptCheckpointException)
            {
                return !sound;
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(10_000).WithReplay(4, 5));
        Assert.That(accepted, Is.InRange(all / 10, all * 9 / 10), "the cases are both kinds");

        static int HashCode(string text, int seed) => text.Aggregate(seed, (hash, c) => unchecked(hash * 31 + c));
    }

    [Test]
    public void A_large_header_costs_a_small_multiple_of_itself()
    {
        using var folder = new ScratchFolder();
        foreach (var (name, piece) in new[] { ("names", "\"{0}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"), ("shapes", "\"{0}\":{{\"dtype\":\"U8\",\"shape\":[0,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,0]}}") })
        {
            var header = new StringBuilder("{");
            for (var i = 0; header.Length < 6_000_000; i++) header.Append(i == 0 ? "" : ",").AppendFormat(null, piece, i);
            File.WriteAllBytes(folder["x"], Bytes.Safetensors(header.Append('}').ToString(), 0));
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            using (var file = SafetensorsFile.Open(folder["x"])) Assert.That(file.Tensors, Has.Count.GreaterThan(50_000));
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - allocated, Is.LessThan(12L * header.Length), name);
        }
        File.WriteAllBytes(folder["x"], Bytes.Safetensors("{\"a\":" + new string('[', 4_000_000), 0));
        Assert.That(() => SafetensorsFile.Open(folder["x"]), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo("reading the header of x: $: not valid JSON at line 1, byte 13. Next: download the file again"));
        File.WriteAllBytes(folder["x"], Bytes.Safetensors("{\"" + new string('a', 4_000_000) + "\":1}", 0));
        Assert.That(() => SafetensorsFile.Open(folder["x"]), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo("reading the header of x: $: a name of 4000000 bytes; supported: 4096 at most"));
    }

    /// <summary>config.json and the index, damaged: nothing but our errors.</summary>
    [Test]
    public void Twenty_thousand_mutated_json_files()
    {
        var config = """{"model_type":"bert","architectures":["BertModel"],"hidden_size":32,"id2label":{"0":"a","1":"\u00e4"},"eps":1e-12,"x":null,"y":true}"""u8.ToArray();
        Hostile.Mutate(config, 10_000, config.Length, bad => ConfigReader.Parse(bad, "config.json"));
        var index = """{"metadata":{"total_size":12},"weight_map":{"a.weight":"model-00001-of-00002.safetensors","b.weight":"model-00002-of-00002.safetensors"}}"""u8.ToArray();
        var refused = Hostile.Mutate(index, 10_000, index.Length, bad => ShardIndex.Parse(bad, "index.json"));
        Assert.That(refused, Is.GreaterThan(4_000));
    }
}
