using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace OnnxTransformers.Checkpoints;

/// <summary>One safetensors file: validated when it is opened, read by position, mapped on request.</summary>
/// <remarks>Safe to read from several threads. Nothing of the data is read before it is asked for.</remarks>
public sealed unsafe class SafetensorsFile : ITensorSource, IWeightFile
{
    private readonly InputFile _file;
    private readonly Dictionary<string, SafetensorsEntry> _entries;
    private readonly long _data;

    private SafetensorsFile(InputFile file, Dictionary<string, SafetensorsEntry> entries, Dictionary<string, string> metadata, long data)
    {
        (_file, _entries, Metadata, _data) = (file, entries, metadata, data);
        var tensors = new Dictionary<string, TensorInfo>(entries.Count, StringComparer.Ordinal);
        foreach (var (name, entry) in entries) tensors.Add(name, entry.Info);
        Tensors = tensors;
    }

    /// <summary>Opens a file and validates its header.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">What messages call it; the file's name where it is null.</param>
    /// <exception cref="CorruptCheckpointException">It is not there, no safetensors file, cut short, or contradicts itself.</exception>
    public static SafetensorsFile Open(string path, string? name = null)
    {
        var file = InputFile.Open(path, name ?? Path.GetFileName(path));
        try
        {
            var length = HeaderLength(file);
            // Native memory: a header of 100 MB would otherwise stay in the large object heap until a full collection.
            var bytes = (byte*)NativeMemory.Alloc((nuint)length);
            try
            {
                var json = new Span<byte>(bytes, length);
                file.Read(sizeof(ulong), json);
                var data = sizeof(ulong) + (long)length;
                var (entries, metadata) = SafetensorsHeader.Parse(json, file.Length - data, file.Name);
                return new SafetensorsFile(file, entries, metadata, data);
            }
            finally
            {
                NativeMemory.Free(bytes);
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>The texts of <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <inheritdoc/>
    public void Read(string name, long offset, Span<byte> destination)
    {
        var entry = Find(name);
        TensorArguments.Check(entry.Info, offset, destination.Length);
        _file.Read(_data + entry.Begin + offset, destination);
    }

    /// <inheritdoc/>
    public TensorLocation? Locate(string name)
    {
        var entry = Find(name);
        return new TensorLocation(_file.FullPath, _data + entry.Begin, entry.Info.Bytes);
    }

    /// <summary>Gives the bytes of a tensor in the mapped file, without a copy.</summary>
    /// <returns>True: safetensors always can. The caller disposes the view.</returns>
    public bool TryView(string name, [NotNullWhen(true)] out TensorView? view)
    {
        var entry = Find(name);
        var length = entry.Info.Bytes;
        view = new TensorView(length == 0 ? null : _file.View(_data + entry.Begin, length), length);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    string IWeightFile.Name => _file.Name;

    IReadOnlyList<SkippedEntry> IWeightFile.Skipped => [];

    private static int HeaderLength(InputFile file)
    {
        var doing = $"reading the header of {file.Name}";
        Span<byte> first = stackalloc byte[sizeof(ulong)];
        if (file.Length < first.Length)
            throw new CorruptCheckpointException(doing, new Problem("", $"{Shown.Bytes(file.Length)}", "8 bytes of length, a header and data", "download the file again"));
        file.Read(0, first);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(first);
        if (length > SafetensorsHeader.MaxLength)
            throw new CorruptCheckpointException(doing, new Problem("", $"a header of {length} bytes", $"{SafetensorsHeader.MaxLength} at most",
                "check that this is a safetensors file, and download it again"));
        if ((long)length > file.Length - first.Length)
            throw new CorruptCheckpointException(doing, new Problem("", $"a header of {length} bytes in a file of {file.Length}", Next: "download the file again"));
        return (int)length;
    }

    private SafetensorsEntry Find(string name) => _entries.TryGetValue(name, out var entry) ? entry : throw TensorArguments.Unknown(_file.Name, name);
}
