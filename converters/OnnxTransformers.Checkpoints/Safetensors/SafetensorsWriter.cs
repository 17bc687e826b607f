using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace OnnxTransformers.Checkpoints;

/// <summary>Writes a safetensors file whose tensors are known beforehand and whose bytes come piece by piece: those of one tensor in order, the tensors in any order.</summary>
/// <remarks>The file has another name until <see cref="Complete"/>; without that, disposing deletes it. Same tensors and bytes, same file: tensors lie by falling element size, then by name,
/// so that each is aligned, as the reference writes them. Not thread-safe.</remarks>
public sealed class SafetensorsWriter : IDisposable
{
    private readonly string _path;
    private readonly string _partial;
    private readonly SafeFileHandle _file;
    private readonly Dictionary<string, Slot> _slots = new(StringComparer.Ordinal);
    private bool _done;

    private sealed record Slot(TensorInfo Info, long Start)
    {
        internal long Written { get; set; }
    }

    private SafetensorsWriter(string path, IEnumerable<TensorInfo> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        _path = Path.GetFullPath(path);
        _partial = _path + ".partial";
        var ordered = tensors.OrderByDescending(tensor => tensor.Type.Bits()).ThenBy(tensor => tensor.Name, StringComparer.Ordinal).ToList();
        var header = Header(ordered, metadata);
        long at = header.Length;
        foreach (var tensor in ordered)
        {
            if (!_slots.TryAdd(tensor.Name, new Slot(tensor, at))) throw new ArgumentException($"{Shown.Tensor(tensor.Name)} is there twice", nameof(tensors));
            at += tensor.Bytes;
        }
        _file = File.OpenHandle(_partial, FileMode.Create, FileAccess.Write, FileShare.None, FileOptions.None, preallocationSize: at);
        RandomAccess.Write(_file, header, 0);
    }

    /// <summary>Begins a file.</summary>
    /// <param name="path">Its final name; what is there is replaced by <see cref="Complete"/>.</param>
    /// <param name="tensors">All tensors.</param>
    /// <param name="metadata">Texts for <c>__metadata__</c>; where it is null, format is "pt".</param>
    /// <exception cref="ArgumentException">A name is there twice, is no valid text or is <c>__metadata__</c>; safetensors has no such element type; elements don't fill whole bytes.</exception>
    public static SafetensorsWriter Create(string path, IEnumerable<TensorInfo> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        new(path, tensors, metadata ?? new Dictionary<string, string> { ["format"] = "pt" });

    /// <summary>Adds the next bytes of a tensor.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="bytes">Elements in row-major order, little-endian.</param>
    /// <exception cref="ArgumentException">There is no such tensor, or it has fewer bytes.</exception>
    public void Write(string name, ReadOnlySpan<byte> bytes)
    {
        if (!_slots.TryGetValue(name, out var slot)) throw new ArgumentException($"{Shown.Tensor(name)} was not announced", nameof(name));
        if (slot.Written + bytes.Length > slot.Info.Bytes) throw new ArgumentException($"{Shown.Tensor(name)} has {Shown.Bytes(slot.Info.Bytes)}, got {slot.Written + bytes.Length}", nameof(bytes));
        RandomAccess.Write(_file, bytes, slot.Start + slot.Written);
        slot.Written += bytes.Length;
    }

    /// <summary>Adds the next elements of a tensor.</summary>
    /// <inheritdoc cref="Write(string, ReadOnlySpan{byte})"/>
    public void WriteElements<T>(string name, ReadOnlySpan<T> elements) where T : unmanaged => Write(name, MemoryMarshal.AsBytes(elements));

    /// <summary>Ends the file and gives it its name.</summary>
    /// <exception cref="InvalidOperationException">Bytes of a tensor are missing.</exception>
    public void Complete()
    {
        foreach (var (name, slot) in _slots)
            if (slot.Written != slot.Info.Bytes) throw new InvalidOperationException($"{Shown.Tensor(name)} has {Shown.Bytes(slot.Info.Bytes)}, {slot.Written} were written");
        _file.Dispose();
        File.Move(_partial, _path, overwrite: true);
        _done = true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        if (!_done) File.Delete(_partial);
        _done = true;
    }

    private static bool IsText(ReadOnlySpan<char> name)
    {
        while (!name.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(name, out _, out var length) != OperationStatus.Done) return false;
            name = name[length..];
        }
        return true;
    }

    // 8 bytes of length, the JSON, and spaces up to a multiple of 8.
    private static byte[] Header(IReadOnlyList<TensorInfo> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var stream = new MemoryStream();
        stream.Write(stackalloc byte[sizeof(ulong)]);
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { SkipValidation = true }))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal)) json.WriteString(key, value);
                json.WriteEndObject();
            }
            var at = 0L;
            foreach (var tensor in tensors)
            {
                if (!IsText(tensor.Name)) throw new ArgumentException($"{Shown.Tensor(tensor.Name)}: half of a surrogate pair is no text", nameof(tensors));
                if (tensor.Name == "__metadata__") throw new ArgumentException("no tensor can have the name __metadata__", nameof(tensors));
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", SafetensorsTypes.NameOf(tensor.Type) ?? throw new ArgumentException($"{Shown.Tensor(tensor.Name)}: safetensors has no {tensor.Type}", nameof(tensors)));
                json.WriteStartArray("shape");
                foreach (var dimension in tensor.Shape) json.WriteNumberValue(dimension);
                json.WriteEndArray();
                if (tensor.Count * tensor.Type.Bits() % 8 != 0) throw new ArgumentException($"{Shown.Tensor(tensor.Name)}: {tensor.Count} elements of {tensor.Type} don't fill whole bytes", nameof(tensors));
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(at);
                json.WriteNumberValue(at += tensor.Bytes);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        while (stream.Length % sizeof(ulong) != 0) stream.WriteByte((byte)' ');
        var header = stream.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)(header.Length - sizeof(ulong)));
        return header;
    }
}
