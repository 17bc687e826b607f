using System.Numerics.Tensors;
using OnnxTransformers;

namespace PictureSearch;

/// <summary>The pictures of a folder and a vector for each; kept in a file of that folder.</summary>
public sealed class PictureIndex
{
    private const string FileName = "pictures.index";
    private const int Version = 2, AtOnce = 64;
    private static readonly string[] Kinds = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp"];
    private readonly Dictionary<string, Entry> _entries;

    private PictureIndex(Dictionary<string, Entry> entries) => _entries = entries;

    public int Count => _entries.Count;

    /// <summary>Reads the index of a folder, adds the pictures that are new or changed, forgets those that are gone, and writes it again.</summary>
    /// <param name="folder">The folder; its own folders are looked into, too.</param>
    /// <param name="model">What makes the vectors: those of another model are not compared with them, and all pictures are read again.</param>
    /// <param name="embedding">Makes vectors of pictures.</param>
    /// <param name="report">Told of pictures that can't be read, which are left out.</param>
    public static PictureIndex Update(string folder, string model, PictureEmbedding embedding, Action<string> report)
    {
        var known = Read(Path.Combine(folder, FileName), model);
        var entries = new Dictionary<string, Entry>(StringComparer.Ordinal);
        var fresh = new List<(string File, long Changed)>();
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(p => Kinds.Contains(Path.GetExtension(p).ToLowerInvariant())).Order(StringComparer.Ordinal))
        {
            var (file, changed) = (Path.GetRelativePath(folder, path), File.GetLastWriteTimeUtc(path).Ticks);
            if (known.TryGetValue(file, out var entry) && entry.Changed == changed) entries.Add(file, entry);
            else fresh.Add((file, changed));
        }
        foreach (var part in fresh.Chunk(AtOnce))
            foreach (var (file, changed, vector) in Vectors(folder, part, embedding, report)) entries.Add(file, new(changed, vector));
        Write(Path.Combine(folder, FileName), model, entries);
        return new(entries);
    }

    /// <summary>The pictures nearest to a vector, the nearest first.</summary>
    public IReadOnlyList<(string File, float Score)> Find(float[] wanted, int most) =>
        [.. _entries.Select(e => (File: e.Key, Score: TensorPrimitives.Dot<float>(e.Value.Vector, wanted))).OrderByDescending(e => e.Score).ThenBy(e => e.File, StringComparer.Ordinal).Take(most)];

    private static List<(string, long, float[])> Vectors(string folder, (string File, long Changed)[] part, PictureEmbedding embedding, Action<string> report)
    {
        var vectors = new List<(string, long, float[])>(part.Length);
        try
        {
            var all = embedding.EmbedPictures([.. part.Select(p => new PictureInput(Path.Combine(folder, p.File)))]);
            for (var i = 0; i < part.Length; i++) vectors.Add((part[i].File, part[i].Changed, all[i]));
        }
        catch (InvalidInputException e)
        {
            // One bad picture fails its batch: ask again one by one.
            if (part.Length == 1) report(e.Message);
            else foreach (var one in part) vectors.AddRange(Vectors(folder, [one], embedding, report));
        }
        return vectors;
    }

    private static Dictionary<string, Entry> Read(string path, string model)
    {
        var entries = new Dictionary<string, Entry>(StringComparer.Ordinal);
        if (!File.Exists(path)) return entries;
        using var reader = new BinaryReader(File.OpenRead(path));
        if (reader.ReadInt32() != Version || reader.ReadString() != model) return entries;
        for (var (left, width) = (reader.ReadInt32(), reader.ReadInt32()); left > 0; left--)
        {
            var (file, changed, vector) = (reader.ReadString(), reader.ReadInt64(), new float[width]);
            for (var i = 0; i < width; i++) vector[i] = reader.ReadSingle();
            entries.Add(file, new(changed, vector));
        }
        return entries;
    }

    private static void Write(string path, string model, Dictionary<string, Entry> entries)
    {
        var temporary = path + ".partial";
        using (var writer = new BinaryWriter(File.Create(temporary)))
        {
            writer.Write(Version);
            writer.Write(model);
            writer.Write(entries.Count);
            writer.Write(entries.Values.FirstOrDefault()?.Vector.Length ?? 0);
            foreach (var (file, entry) in entries)
            {
                writer.Write(file);
                writer.Write(entry.Changed);
                foreach (var v in entry.Vector) writer.Write(v);
            }
        }
        File.Move(temporary, path, overwrite: true);
    }

    private sealed record Entry(long Changed, float[] Vector);
}
