using System.Buffers.Binary;
using System.Globalization;

namespace OnnxTransformers.Checkpoints;

/// <summary>Reads one pickle (protocols 2 to 5) as the description of tensors that it is.
/// It runs nothing: names are looked up in <see cref="PickleGlobals"/>, and calls are those of that table.</summary>
/// <remarks>Opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py. There is no recursion, and the number of values, the stack and the memo are bounded.</remarks>
internal sealed class PickleMachine
{
    /// <summary>The longest pickle; storages are beside it, so that even a thousand layers need a few megabytes.</summary>
    internal const long MaxLength = 64 << 20;

    private const int MaxValues = 4_000_000;
    private const int MaxStack = 500_000;

    // A tensor's description has five lists and tuples in about a hundred bytes; more of them in fewer bytes are there to fill the memory.
    private const int FreeContainers = 4096, BytesPerContainer = 8;
    private const int MaxProtocol = 5;

    private static readonly Dictionary<byte, Action<PickleMachine>> Opcodes = new()
    {
        [0x80] = m => m.Protocol(),
        [0x95] = m => m._input.Skip(8),                                              // FRAME: a length that nothing needs
        [(byte)'('] = m => m.Push(PickleValue.Mark),
        [(byte)'0'] = m => m.Pop(),
        [(byte)'1'] = m => m.PopToMark(),
        [(byte)'2'] = m => m.Push(m.Peek()),
        [(byte)'N'] = m => m.Push(PickleValue.None),
        [0x88] = m => m.Push(PickleValue.Bool(true)),
        [0x89] = m => m.Push(PickleValue.Bool(false)),
        [(byte)'J'] = m => m.Push(PickleValue.Int(m._input.Int32())),
        [(byte)'K'] = m => m.Push(PickleValue.Int(m._input.Byte())),
        [(byte)'M'] = m => m.Push(PickleValue.Int(m._input.UInt16())),
        [0x8a] = m => m.Long(m._input.Byte()),
        [0x8b] = m => m.Long(m._input.UInt32()),
        [(byte)'G'] = m => m.Inert(8),                                               // BINFLOAT
        [(byte)'X'] = m => m.Text(m._input.UInt32()),
        [0x8c] = m => m.Text(m._input.Byte()),
        [0x8d] = m => m.Text(m._input.UInt64()),
        [(byte)'T'] = m => m.Text(m._input.UInt32()),                                // strings of Python 2: names in old files
        [(byte)'U'] = m => m.Text(m._input.Byte()),
        [(byte)'B'] = m => m.Inert(m._input.UInt32()),
        [(byte)'C'] = m => m.Inert(m._input.Byte()),
        [0x8e] = m => m.Inert(m._input.UInt64()),
        [0x96] = m => m.Inert(m._input.UInt64()),
        [(byte)']'] = m => m.PushContainer(PickleValue.List()),
        [(byte)'a'] = m => m.Append([m.Pop()]),
        [(byte)'e'] = m => m.Append(m.PopToMark()),
        [(byte)')'] = m => m.Push(PickleValue.EmptyTuple),
        [(byte)'t'] = m => m.PushContainer(PickleValue.Tuple(m.PopToMark())),
        [0x85] = m => m.PushTuple(1),
        [0x86] = m => m.PushTuple(2),
        [0x87] = m => m.PushTuple(3),
        [(byte)'}'] = m => m.PushContainer(PickleValue.Dict()),
        [(byte)'s'] = m => m.SetItems(m.PopMany(2)),
        [(byte)'u'] = m => m.SetItems(m.PopToMark()),
        [0x8f] = m => m.Push(PickleValue.Inert()),                                   // EMPTY_SET
        [0x90] = m => m.AddItems(),
        [0x91] = m => { m.PopToMark(); m.Push(PickleValue.Inert()); },               // FROZENSET
        [(byte)'c'] = m => m.Global(m._input.Line(), m._input.Line()),
        [0x93] = m => m.StackGlobal(),
        [(byte)'R'] = m => m.Reduce(),
        [0x81] = m => m.Reduce(),                                                    // NEWOBJ
        [(byte)'b'] = m => m.Build(),
        [(byte)'Q'] = m => m.PersistentId(),
        [(byte)'q'] = m => m.Put(m._input.Byte()),
        [(byte)'r'] = m => m.Put(m._input.UInt32()),
        [0x94] = m => m.Put((uint)m._memo.Count),
        [(byte)'h'] = m => m.Get(m._input.Byte()),
        [(byte)'j'] = m => m.Get(m._input.UInt32()),
    };

    private readonly PickleInput _input;
    private readonly Dictionary<string, TorchStorage> _storages;
    private readonly List<PickleValue> _stack = [];
    private readonly List<int> _marks = [];
    private readonly List<PickleValue> _memo = [];
    private readonly long _start;
    private int _values, _containers;

    private PickleMachine(PickleInput input, Dictionary<string, TorchStorage> storages) => (_input, _storages, _start) = (input, storages, input.Position);

    /// <summary>Reads the pickle at the input's position, and leaves the position behind it.</summary>
    /// <param name="input">The bytes.</param>
    /// <param name="storages">Takes the storages that the pickle names, by their keys.</param>
    internal static PickleValue Read(PickleInput input, Dictionary<string, TorchStorage> storages)
    {
        var machine = new PickleMachine(input, storages);
        const byte stop = (byte)'.';
        var opcode = input.Byte();
        if (opcode != 0x80) throw input.Wrong("no pickle of protocol 2 or later");
        for (; opcode != stop; opcode = input.Byte())
        {
            if (!Opcodes.TryGetValue(opcode, out var act)) throw machine.Refused($"opcode 0x{opcode:x2}", "it is not known or would run code");
            act(machine);
        }
        if (machine._stack.Count != 1 || machine._marks.Count != 0) throw input.Wrong("it ends with other than one value");
        return machine._stack[0];
    }

    private void Protocol()
    {
        var protocol = _input.Byte();
        if (protocol is < 2 or > MaxProtocol) throw Refused($"protocol {protocol}", $"it is not known", $"2 to {MaxProtocol}");
    }

    private void Push(PickleValue value)
    {
        if (++_values > MaxValues) throw _input.Wrong(string.Create(CultureInfo.InvariantCulture, $"more than {MaxValues} values"));
        if (_stack.Count == MaxStack) throw _input.Wrong(string.Create(CultureInfo.InvariantCulture, $"more than {MaxStack} values on the stack"));
        if (value.Kind == PickleKind.Mark) _marks.Add(_stack.Count);
        _stack.Add(value);
    }

    private void PushContainer(PickleValue value)
    {
        if (++_containers > FreeContainers + (_input.Position - _start) / BytesPerContainer) throw _input.Wrong("more lists and tuples than its length allows");
        Push(value);
    }

    private PickleValue Peek() => _stack.Count > 0 && _stack[^1].Kind != PickleKind.Mark ? _stack[^1] : throw _input.Wrong("a value is used that is not there");

    private PickleValue Pop()
    {
        var value = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private PickleValue[] PopMany(int count)
    {
        var values = new PickleValue[count];
        for (var i = count - 1; i >= 0; i--) values[i] = Pop();
        return values;
    }

    private PickleValue[] PopToMark()
    {
        if (_marks.Count == 0) throw _input.Wrong("a mark is used that is not there");
        var mark = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        var values = new PickleValue[_stack.Count - mark - 1];
        _stack.CopyTo(mark + 1, values, 0, values.Length);
        _stack.RemoveRange(mark, _stack.Count - mark);
        return values;
    }

    private void PushTuple(int count) => PushContainer(PickleValue.Tuple(PopMany(count)));

    private void Text(ulong length) => Push(PickleValue.Text(_input.Text(length)));

    private void Inert(ulong length)
    {
        _input.Skip(length);
        Push(PickleValue.Inert());
    }

    // A whole number of any length, little-endian, in two's complement. The long ones serve only to recognize the magic number of old files.
    private void Long(ulong length)
    {
        if (length > 255) throw _input.Wrong($"a number of {length} bytes");
        var bytes = _input.Bytes(length);
        if (bytes.Length > sizeof(long))
        {
            Push(PickleValue.Inert(bytes));
            return;
        }
        Span<byte> whole = stackalloc byte[sizeof(long)];
        whole.Fill(bytes.Length > 0 && bytes[^1] >= 0x80 ? (byte)0xff : (byte)0);
        bytes.CopyTo(whole);
        Push(PickleValue.Int(BinaryPrimitives.ReadInt64LittleEndian(whole)));
    }

    private void Append(ReadOnlySpan<PickleValue> values)
    {
        var list = Peek();
        if (list.Kind != PickleKind.List) throw _input.Wrong($"{list.Described} is appended to");
        foreach (var value in values) list.AsList.Add(value);
    }

    private void AddItems()
    {
        PopToMark();
        if (Peek().Kind != PickleKind.Inert) throw _input.Wrong($"{Peek().Described} is added to");
    }

    private void SetItems(ReadOnlySpan<PickleValue> values)
    {
        var dict = Peek();
        if (dict.Kind != PickleKind.Dict) throw _input.Wrong($"an item of {dict.Described} is set");
        if (values.Length % 2 != 0) throw _input.Wrong("a key without its value");
        for (var i = 0; i < values.Length; i += 2) dict.AsDict.Add(values[i], values[i + 1]);
    }

    private void Global(string module, string name)
    {
        if (PickleGlobals.Find(module, name) is { } global)
        {
            Push(PickleValue.Global(global));
            return;
        }
        if (module.StartsWith("__torch__.", StringComparison.Ordinal))
        {
            // A class of TorchScript: what its objects hold is read, and its code is not.
            Push(PickleValue.Global(new PickleGlobal($"{module}.{name}", args => args.Length == 0 ? PickleValue.Module() : null)));
            return;
        }
        throw Refused($"{module}.{name}", "the pickle asks for it, and nothing of a pickle is run", "tensors, their storages and types, OrderedDict",
            "get the checkpoint as safetensors, or save only its state_dict()");
    }

    private void StackGlobal()
    {
        var (name, module) = (Pop(), Pop());
        if (name.Kind != PickleKind.Text || module.Kind != PickleKind.Text) throw _input.Wrong("a name that is no text");
        Global(Shown.Clip(module.AsText), Shown.Clip(name.AsText));
    }

    private void Reduce()
    {
        var (args, function) = (Pop(), Pop());
        if (function.Kind != PickleKind.Global || function.AsGlobal.Call is not { } call) throw _input.Wrong($"{function.Described} is called");
        if (args.Kind != PickleKind.Tuple) throw _input.Wrong($"{function.Described} is called with {args.Described}");
        PushContainer(call(args.AsTuple) ?? throw _input.Wrong($"{function.Described} is called with arguments that don't fit"));
    }

    // Attributes of a module are its parts. Those of a dictionary (a state dict's _metadata) or of a tensor change no number.
    private void Build()
    {
        var state = Pop();
        if (Peek().Kind == PickleKind.Module && state.Kind == PickleKind.Dict) Peek().AsModule.Parts = state.AsDict;
        else if (Peek().Kind is not (PickleKind.Dict or PickleKind.Tensor)) throw _input.Wrong($"attributes of {Peek().Described} are set");
    }

    // ("storage", class, key, location, count), and in old files a view of it as None or (key, first, count).
    private void PersistentId()
    {
        var id = Pop();
        var args = id.Kind == PickleKind.Tuple ? id.AsTuple : [];
        if (args is not [{ Kind: PickleKind.Text } tag, { Kind: PickleKind.Global } type, { Kind: PickleKind.Text } key, _, { Kind: PickleKind.Int, Number: >= 0 } count, ..]
            || args.Length > 6 || tag.AsText != "storage" || type.AsGlobal.Storage is not { } element)
            throw _input.Wrong("a reference that is no storage");
        var whole = new TorchStorage(key.AsText, element, count.Number, 0, count.Number);
        if (!_storages.TryAdd(whole.Key, whole) && (whole = _storages[whole.Key]) is var known && (known.Type != element || known.Count != count.Number))
            throw _input.Wrong($"storage {Shown.Clip(known.Key)} with two types or sizes");
        if (args.Length == 6 && args[5].Kind != PickleKind.None)
        {
            if (args[5].Kind != PickleKind.Tuple || args[5].AsTuple is not [_, { Kind: PickleKind.Int } first, { Kind: PickleKind.Int } length]
                || first.Number < 0 || length.Number < 0 || first.Number > whole.Count - length.Number)
                throw _input.Wrong($"a part of storage {Shown.Clip(whole.Key)} that is not inside it");
            whole = whole with { First = first.Number, Length = length.Number };
        }
        Push(PickleValue.Storage(whole));
    }

    // Picklers number what they remember from 0 on without gaps, and remember nothing twice.
    private void Put(uint index)
    {
        var value = Peek();
        if (index < _memo.Count) _memo[(int)index] = value;
        else if (index == _memo.Count && _memo.Count < _values) _memo.Add(value);
        else throw _input.Wrong($"memo {index} after {_memo.Count - 1}");
    }

    private void Get(uint index) => Push(index < _memo.Count ? _memo[(int)index] : throw _input.Wrong($"memo {index}, which is not there"));

    private UnsupportedCheckpointException Refused(string what, string found, string? supported = null, string? next = null) =>
        new($"reading the pickle in {_input.File}", new Problem(what, found, supported, next));
}
