using System.Diagnostics;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Checkpoints;

/// <summary>Damages files the way accidents and attackers do, and watches what opening them costs.</summary>
internal static class Hostile
{
    // What opening may allocate: an error with its stack, and a small multiple of the file.
    private const long FixedBytes = 512 * 1024, BytesPerByte = 48;

    /// <summary>Runs <paramref name="use"/> on many damaged forms of <paramref name="good"/>; it may only succeed or throw one of our errors, soon, and without much memory.</summary>
    /// <param name="good">A sound file.</param>
    /// <param name="count">How many.</param>
    /// <param name="focus">Damage lies before this position most of the time.</param>
    /// <param name="use">What is done with the path and the length of each.</param>
    /// <returns>How many were refused.</returns>
    internal static int Mutate(byte[] good, int count, int focus, Action<string, long> use)
    {
        using var folder = new ScratchFolder();
        var path = FastPath(folder);
        try
        {
            return Mutate(good, count, focus, bad =>
            {
                File.WriteAllBytes(path, bad);
                use(path, bad.Length);
            });
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>The same on bytes in memory.</summary>
    internal static int Mutate(byte[] good, int count, int focus, Action<byte[]> use)
    {
        var random = new Random(4);
        var refused = 0;
        for (var i = 0; i < count; i++)
        {
            var bad = Damage(random, good, focus);
            var (allocated, clock) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.StartNew());
            try
            {
                use(bad);
            }
            catch (OnnxTransformersException)
            {
                refused++;
            }
            catch (Exception e)
            {
                Assert.Fail($"mutation {i}: {e}");
            }
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            Assert.That(allocated, Is.LessThan(FixedBytes + BytesPerByte * bad.Length), $"mutation {i} allocated {allocated} bytes for a file of {bad.Length}");
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(2)), $"mutation {i} took {clock.Elapsed}");
        }
        return refused;
    }

    /// <summary>A path for files that are written by the ten thousand: in memory where the system has such a place.</summary>
    internal static string FastPath(ScratchFolder folder) => Directory.Exists("/dev/shm") ? Path.Combine("/dev/shm", Path.GetFileName(folder.FullName)) : folder["x"];

    // What means something in JSON, in pickles, in lengths.
    private const string Special = "\0\u00ff09-}{][\",:.eRt(uQ\u0080\u0093\u0094";

    private static byte[] Damage(Random random, byte[] good, int focus)
    {
        var bad = new List<byte>(good);
        for (var n = random.Next(1, 4); n > 0; n--)
        {
            var at = random.Next(Math.Min(bad.Count, random.Next(4) == 0 ? bad.Count : focus) + 1);
            if (at >= bad.Count) bad.Add((byte)random.Next(256));
            else if (random.Next(8) is var kind && kind == 0) bad[at] ^= (byte)(1 << random.Next(8));
            else if (kind == 1) bad[at] = (byte)random.Next(256);
            else if (kind == 2) bad[at] = (byte)Special[random.Next(Special.Length)];
            else if (kind == 3) bad.Insert(at, (byte)random.Next(256));
            else if (kind == 4) bad.RemoveAt(at);
            else if (kind == 5) bad.RemoveRange(at, Math.Min(random.Next(1, 64), bad.Count - at));
            else if (kind == 6) bad.InsertRange(at, bad.GetRange(random.Next(bad.Count), 1).Concat(bad.GetRange(at, Math.Min(random.Next(1, 64), bad.Count - at))));
            else bad.RemoveRange(at, bad.Count - at);
        }
        return [.. bad];
    }
}
