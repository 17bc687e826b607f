namespace OnnxTransformers.Checkpoints;

/// <summary>What a value on the pickle machine's stack is.</summary>
internal enum PickleKind : byte
{
    None, Bool, Int, Text, List, Tuple, Dict, Global, Storage, Tensor, Module, Mark,
    /// <summary>A value that may be in a file but that nothing here looks into: a float, bytes, a set, a device.</summary>
    Inert,
}

/// <summary>A value of a pickle. Numbers need no object of their own, so that a hostile pickle can't multiply its size in memory.</summary>
internal readonly record struct PickleValue(PickleKind Kind, long Number, object? Object)
{
    internal static readonly PickleValue None = new(PickleKind.None, 0, null);
    internal static readonly PickleValue Mark = new(PickleKind.Mark, 0, null);
    internal static readonly PickleValue EmptyTuple = new(PickleKind.Tuple, 0, Array.Empty<PickleValue>());

    internal static PickleValue Bool(bool value) => new(PickleKind.Bool, value ? 1 : 0, null);
    internal static PickleValue Int(long value) => new(PickleKind.Int, value, null);
    internal static PickleValue Text(string value) => new(PickleKind.Text, 0, value);
    internal static PickleValue Tuple(PickleValue[] items) => new(PickleKind.Tuple, 0, items);
    internal static PickleValue List() => new(PickleKind.List, 0, new PickleList());
    internal static PickleValue Dict() => new(PickleKind.Dict, 0, new PickleDict());
    internal static PickleValue Global(PickleGlobal value) => new(PickleKind.Global, 0, value);
    internal static PickleValue Storage(TorchStorage value) => new(PickleKind.Storage, 0, value);
    internal static PickleValue Tensor(TorchTensor value) => new(PickleKind.Tensor, 0, value);
    internal static PickleValue Module() => new(PickleKind.Module, 0, new PickleModule());
    internal static PickleValue Inert(object? value = null) => new(PickleKind.Inert, 0, value);

    internal string AsText => (string)Object!;
    internal PickleValue[] AsTuple => (PickleValue[])Object!;
    internal PickleList AsList => (PickleList)Object!;
    internal PickleDict AsDict => (PickleDict)Object!;
    internal PickleModule AsModule => (PickleModule)Object!;
    internal PickleGlobal AsGlobal => (PickleGlobal)Object!;
    internal TorchStorage AsStorage => (TorchStorage)Object!;
    internal TorchTensor AsTensor => (TorchTensor)Object!;

    /// <summary>The kind for messages.</summary>
    internal string Described => Kind switch
    {
        PickleKind.None => "None",
        PickleKind.Bool => "a boolean",
        PickleKind.Int => "a whole number",
        PickleKind.Text => "a text",
        PickleKind.List => "a list",
        PickleKind.Tuple => "a tuple",
        PickleKind.Dict => "a dictionary",
        PickleKind.Global => AsGlobal.Name,
        PickleKind.Storage => "a storage",
        PickleKind.Tensor => "a tensor",
        PickleKind.Module => "a module",
        PickleKind.Mark => "a mark",
        _ => "another value",
    };
}

/// <summary>A list; empty ones hold nothing.</summary>
internal sealed class PickleList
{
    private List<PickleValue>? _items;

    internal IReadOnlyList<PickleValue> Items => _items ?? [];

    internal void Add(PickleValue value) => (_items ??= []).Add(value);
}

/// <summary>A dictionary as the list of what was set, in order: a pickler never sets a key twice, and nothing here has to hash hostile keys.</summary>
internal sealed class PickleDict
{
    private List<KeyValuePair<PickleValue, PickleValue>>? _items;

    internal IReadOnlyList<KeyValuePair<PickleValue, PickleValue>> Items => _items ?? [];

    internal void Add(PickleValue key, PickleValue value) => (_items ??= []).Add(new(key, value));

    internal PickleValue? Find(string key)
    {
        foreach (var (k, v) in Items)
            if (k.Kind == PickleKind.Text && k.AsText == key) return v;
        return null;
    }
}

/// <summary>An object of TorchScript: its tensors and the modules inside it, by name.</summary>
internal sealed class PickleModule
{
    internal PickleDict Parts { get; set; } = new();
}

/// <summary>A storage, or a part of one: what tensors are views of.</summary>
/// <param name="Key">Its name in the file.</param>
/// <param name="Type">The type of its elements; undefined for bytes whose meaning the tensor says.</param>
/// <param name="Count">Elements of the whole storage (bytes where the type is undefined).</param>
/// <param name="First">The first element of the part.</param>
/// <param name="Length">Elements of the part.</param>
internal sealed record TorchStorage(string Key, ElementType Type, long Count, long First, long Length)
{
    /// <summary>Bytes of one element.</summary>
    internal int ElementSize => Type == ElementType.Undefined ? 1 : Type.Bits() / 8;
}

/// <summary>A strided view of a storage, as the pickle says it; not yet checked.</summary>
internal sealed record TorchTensor(TorchStorage Storage, ElementType Type, long Offset, long[] Shape, long[] Strides);
