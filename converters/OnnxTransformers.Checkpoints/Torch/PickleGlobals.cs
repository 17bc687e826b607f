using System.Collections.Frozen;

namespace OnnxTransformers.Checkpoints;

/// <summary>A name that a pickle may ask for.</summary>
/// <param name="Name">Module and name.</param>
/// <param name="Call">What calling it gives, from its arguments; null where it is no function. Nothing of Python runs: these are descriptions of tensors.</param>
/// <param name="Dtype">The element type that it names, where it is a dtype.</param>
/// <param name="Storage">The element type of the storage that it names, where it is a storage's class.</param>
internal sealed record PickleGlobal(string Name, Func<PickleValue[], PickleValue?>? Call = null, ElementType? Dtype = null, ElementType? Storage = null);

/// <summary>The only names that a pickle may ask for. Everything else is refused by name.</summary>
/// <remarks>The same choice as torch.load(weights_only=True), less what no state dict of a model holds. A call returns null where its arguments don't fit.</remarks>
internal static class PickleGlobals
{
    private static readonly FrozenDictionary<string, PickleGlobal> Table = All().ToFrozenDictionary(global => global.Name, StringComparer.Ordinal);

    internal static PickleGlobal? Find(string module, string name) => Table.GetValueOrDefault($"{module}.{name}");

    private static IEnumerable<PickleGlobal> All()
    {
        yield return new("torch._utils._rebuild_tensor", args => args.Length == 4 ? Rebuild(args, null) : null);
        yield return new("torch._utils._rebuild_tensor_v2", args => args.Length is 6 or 7 ? Rebuild(args, null) : null);
        yield return new("torch._utils._rebuild_tensor_v3", args => args.Length is 7 or 8 && args[6] is { Kind: PickleKind.Global } type
            && type.AsGlobal.Dtype is { } dtype ? Rebuild(args, dtype) : null);
        yield return new("torch._utils._rebuild_parameter", args => args is [{ Kind: PickleKind.Tensor } tensor, _, _] ? tensor : null);
        yield return new("torch._utils._rebuild_parameter_with_state", args => args is [{ Kind: PickleKind.Tensor } tensor, _, _, _] ? tensor : null);
        yield return new("torch._tensor._rebuild_from_type_v2", RebuildFromType);
        yield return new("torch.Tensor");
        yield return new("torch.nn.parameter.Parameter");
        yield return new("torch.Size", args => args is [{ Kind: PickleKind.Tuple or PickleKind.List }] ? args[0] : null);
        yield return new("torch.device", _ => PickleValue.Inert());
        // Its items are set afterwards; a call with items would let a few bytes copy many.
        yield return new("collections.OrderedDict", args => args.Length == 0 ? PickleValue.Dict() : null);
        foreach (var builtins in new[] { "builtins", "__builtin__" }) yield return new($"{builtins}.set", _ => PickleValue.Inert());
        // How protocol 2 writes bytes.
        yield return new("_codecs.encode", _ => PickleValue.Inert());
        foreach (var (name, type) in TorchTypes.Dtypes) yield return new($"torch.{name}", Dtype: type);
        foreach (var (name, type) in TorchTypes.Storages)
            foreach (var module in new[] { "torch", "torch.cuda", "torch.storage" }) yield return new($"{module}.{name}", Storage: type);
    }

    // (storage, storage_offset, size, stride, ...)
    private static PickleValue? Rebuild(PickleValue[] args, ElementType? dtype)
    {
        if (args[0].Kind != PickleKind.Storage || args[1].Kind != PickleKind.Int || Numbers(args[2]) is not { } shape || Numbers(args[3]) is not { } strides) return null;
        var storage = args[0].AsStorage;
        var type = dtype ?? storage.Type;
        return type == ElementType.Undefined ? null : PickleValue.Tensor(new TorchTensor(storage, type, args[1].Number, shape, strides));
    }

    // (function, type, arguments, state): a tensor of a subclass. Parameters are the only subclass that holds nothing more.
    private static PickleValue? RebuildFromType(PickleValue[] args) =>
        args is [{ Kind: PickleKind.Global } function, { Kind: PickleKind.Global } type, { Kind: PickleKind.Tuple } inner, _]
        && type.AsGlobal.Name is "torch.Tensor" or "torch.nn.parameter.Parameter"
        && function.AsGlobal.Name.StartsWith("torch._utils._rebuild_", StringComparison.Ordinal)
            ? function.AsGlobal.Call!(inner.AsTuple) : null;

    private static long[]? Numbers(PickleValue value)
    {
        IReadOnlyList<PickleValue>? items = value.Kind == PickleKind.Tuple ? value.AsTuple : value.Kind == PickleKind.List ? value.AsList.Items : null;
        if (items is null || items.Count > TorchLayout.MaxRank || items.Any(item => item.Kind != PickleKind.Int)) return null;
        return [.. items.Select(item => item.Number)];
    }
}
