using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace OnnxTransformers.Checkpoints;

/// <summary>One file of torch.save, in the zip format (since torch 1.6) or the one before: its state dict as named tensors, read without running anything.</summary>
internal sealed class TorchFile : IWeightFile
{
    private static readonly Dictionary<string, string> NoText = [];
    private static ReadOnlySpan<byte> LegacyMagic => [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
    private const int LegacyProtocol = 1001;
    private const int MaxProblems = 100;

    private readonly InputFile _file;
    private readonly Dictionary<string, TorchLayout> _layouts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TensorInfo> _tensors = new(StringComparer.Ordinal);
    private readonly List<SkippedEntry> _skipped = [];

    private TorchFile(InputFile file)
    {
        _file = file;
        Span<byte> first = stackalloc byte[4];
        if (file.Length >= first.Length) file.Read(0, first);
        if (first.SequenceEqual("PK\x03\x04"u8)) ReadZip();
        else if (first[0] == 0x80) ReadLegacy();
        else throw new UnsupportedCheckpointException($"reading {file.Name}",
            new Problem("", IsTar() ? "the tar format of torch before 0.1.10" : "no file of torch.save", "the zip format and the one before it",
            "save it again with torch.save, or as safetensors"));
    }

    internal static TorchFile Open(string path, string name)
    {
        var file = InputFile.Open(path, name);
        try
        {
            return new TorchFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public string Name => _file.Name;

    public IReadOnlyDictionary<string, TensorInfo> Tensors => _tensors;

    public IReadOnlyDictionary<string, string> Metadata => NoText;

    public IReadOnlyList<SkippedEntry> Skipped => _skipped;

    public void Read(string name, long offset, Span<byte> destination)
    {
        var layout = Find(name);
        TensorArguments.Check(layout.Info, offset, destination.Length);
        StridedReader.Read(_file, layout, offset, destination);
    }

    public TensorLocation? Locate(string name)
    {
        Find(name);
        return null;
    }

    public bool TryView(string name, [NotNullWhen(true)] out TensorView? view)
    {
        var layout = Find(name);
        view = null;
        if (!layout.IsContiguous) return false;
        var length = layout.Info.Bytes;
        view = new TensorView(length == 0 ? null : _file.View(layout.Start, length), length);
        return true;
    }

    public void Dispose() => _file.Dispose();

    private TorchLayout Find(string name) => _layouts.TryGetValue(name, out var layout) ? layout : throw TensorArguments.Unknown(_file.Name, name);

    // archive/data.pkl describes the tensors, archive/data/<key> hold the storages.
    private void ReadZip()
    {
        const string pickleName = "/data.pkl";
        var zip = ZipDirectory.Read(_file);
        var pickles = zip.Names.Where(name => name.IndexOf('/', StringComparison.Ordinal) == name.Length - pickleName.Length
            && name.EndsWith(pickleName, StringComparison.Ordinal)).Take(2).ToList();
        if (pickles.Count != 1) throw Wrong("", pickles.Count == 0 ? "no data.pkl in it" : "more than one data.pkl in it", "a file of torch.save");
        var archive = pickles[0][..^pickleName.Length];
        if (zip.Find($"{archive}/byteorder") is { } order && !IsLittle(order)) throw NotLittle();
        var (start, length) = zip.Find(pickles[0])!.Value;
        if (length > PickleMachine.MaxLength) throw Wrong(pickles[0], Shown.Bytes(length), $"{Shown.Bytes(PickleMachine.MaxLength)} at most");
        var storages = new Dictionary<string, TorchStorage>(StringComparer.Ordinal);
        var root = PickleMachine.Read(new PickleInput(_file, start, start + length), storages);
        var starts = new Dictionary<string, (long, long)>(StringComparer.Ordinal);
        Take(root, storage =>
        {
            if (starts.TryGetValue(storage.Key, out var known)) return known;
            if (zip.Find($"{archive}/data/{storage.Key}") is not { } entry) throw Wrong($"storage {Shown.Clip(storage.Key)}", "it is not in the file");
            CheckSize(storage, entry.Length);
            return starts[storage.Key] = entry;
        });
    }

    // Five pickles one after the other (magic number, protocol, system, object, keys of the storages), then the storages, each with its length before it.
    private void ReadLegacy()
    {
        var input = new PickleInput(_file, 0, Math.Min(_file.Length, PickleMachine.MaxLength));
        var storages = new Dictionary<string, TorchStorage>(StringComparer.Ordinal);
        if (PickleMachine.Read(input, storages) is not { Kind: PickleKind.Inert, Object: byte[] magic } || !LegacyMagic.SequenceEqual(magic))
            throw new UnsupportedCheckpointException($"reading {_file.Name}",
                new Problem("", "a pickle that torch.save didn't write", "the zip format and the one before it", "save it with torch.save, or as safetensors"));
        if (PickleMachine.Read(input, storages) is not { Kind: PickleKind.Int, Number: LegacyProtocol }) throw Wrong("",
            "an unknown protocol of torch.save", $"{LegacyProtocol}");
        if (PickleMachine.Read(input, storages) is not { Kind: PickleKind.Dict } system) throw Wrong("", "no description of the system that wrote it");
        if (system.AsDict.Find("little_endian") is { Kind: PickleKind.Bool, Number: 0 }) throw NotLittle();
        var root = PickleMachine.Read(input, storages);
        if (PickleMachine.Read(input, []) is not { Kind: PickleKind.List } keys) throw Wrong("", "no list of storages");
        var starts = Storages(keys.AsList, storages, input.Position);
        Take(root, storage => starts.TryGetValue(storage.Key, out var known) ? known : throw Wrong($"storage {Shown.Clip(storage.Key)}", "it is not in the file"));
    }

    private Dictionary<string, (long Start, long Length)> Storages(PickleList keys, Dictionary<string, TorchStorage> storages, long at)
    {
        var starts = new Dictionary<string, (long, long)>(StringComparer.Ordinal);
        Span<byte> count = stackalloc byte[sizeof(long)];
        foreach (var key in keys.Items)
        {
            if (key.Kind != PickleKind.Text || !storages.TryGetValue(key.AsText, out var storage)) throw Wrong("", "a storage that no tensor names");
            if (at > _file.Length - count.Length) throw Wrong($"storage {Shown.Clip(storage.Key)}", "the file ends before it", next: "download the file again");
            _file.Read(at, count);
            at += count.Length;
            var stored = BinaryPrimitives.ReadInt64LittleEndian(count);
            if (stored < 0 || stored > (_file.Length - at) / storage.ElementSize)
                throw Wrong($"storage {Shown.Clip(storage.Key)}", $"{stored} elements where {Shown.Bytes(_file.Length - at)} are left", next: "download the file again");
            CheckSize(storage, stored * storage.ElementSize);
            if (!starts.TryAdd(storage.Key, (at, stored * storage.ElementSize))) throw Wrong($"storage {Shown.Clip(storage.Key)}", "it is there twice");
            at += stored * storage.ElementSize;
        }
        return starts;
    }

    private void CheckSize(TorchStorage storage, long bytes)
    {
        if (bytes % storage.ElementSize != 0 || bytes / storage.ElementSize != storage.Count)
            throw Wrong($"storage {Shown.Clip(storage.Key)}", Shown.Bytes(bytes), $"{storage.Count} elements of {Shown.Bytes(storage.ElementSize)}");
    }

    private void Take(PickleValue root, Func<TorchStorage, (long Start, long Length)> locate)
    {
        var problems = new List<Problem>();
        foreach (var (name, tensor) in StateDict.Find(root, _file.Name, _skipped))
        {
            var (start, length) = locate(tensor.Storage);
            if (TorchLayout.Of(name, tensor, start, length, _file.Length, out var problem) is { } layout)
            {
                _layouts.Add(name, layout);
                _tensors.Add(name, layout.Info);
            }
            else if (problems.Count < MaxProblems) problems.Add(new Problem(Shown.Tensor(name), problem));
        }
        if (problems.Count > 0) throw new CorruptCheckpointException($"reading {_file.Name}", problems);
    }

    private bool IsLittle((long Start, long Length) entry)
    {
        Span<byte> text = stackalloc byte[6];
        if (entry.Length != text.Length) return false;
        _file.Read(entry.Start, text);
        return text.SequenceEqual("little"u8);
    }

    private bool IsTar()
    {
        Span<byte> mark = stackalloc byte[5];
        if (_file.Length < 262) return false;
        _file.Read(257, mark);
        return Encoding.ASCII.GetString(mark) == "ustar";
    }

    private UnsupportedCheckpointException NotLittle() =>
        new($"reading {_file.Name}", new Problem("", "numbers with the highest byte first", "the lowest byte first", "save it again on another machine"));

    private CorruptCheckpointException Wrong(string where, string found, string? supported = null, string? next = null) => new($"reading {_file.Name}",
        new Problem(where, found, supported, next));
}
