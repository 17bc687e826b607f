using System.Collections.Immutable;

namespace OnnxTransformers.Checkpoints;

/// <summary>Finds the state dict in what a torch file holds: a dictionary of tensors, or one inside a training checkpoint.</summary>
internal static class StateDict
{
    private const int MostLevels = 3;

    // Where training programs put the model.
    private static readonly ImmutableArray<string> Wrappers = ["state_dict", "model_state_dict", "model", "module", "ema"];

    internal static Dictionary<string, TorchTensor> Find(PickleValue root, string file, List<SkippedEntry> skipped)
    {
        var doing = $"reading {file}";
        if (root.Kind == PickleKind.Module) return OfModule(root.AsModule) is { Count: > 0 } found ? found : throw NoTensors();
        if (root.Kind != PickleKind.Dict) throw new UnsupportedCheckpointException(doing,
            new Problem("", $"{root.Described} is stored", "a dictionary of tensors", "save the model's state_dict()"));
        var dict = root.AsDict;
        for (var level = 0; level < MostLevels && !HoldsTensors(dict); level++)
        {
            if (Wrappers.FirstOrDefault(key => dict.Find(key) is { Kind: PickleKind.Dict }) is not { } wrapper) break;
            skipped.AddRange(dict.Items.Where(item => item.Key.Kind != PickleKind.Text || item.Key.AsText != wrapper).Select(item => Skip(item, $"beside {wrapper}")));
            dict = dict.Find(wrapper)!.Value.AsDict;
        }
        var tensors = new Dictionary<string, TorchTensor>(dict.Items.Count, StringComparer.Ordinal);
        foreach (var item in dict.Items)
        {
            if (item.Key.Kind != PickleKind.Text || item.Value.Kind != PickleKind.Tensor) skipped.Add(Skip(item, item.Value.Described));
            else if (!tensors.TryAdd(item.Key.AsText, item.Value.AsTensor)) throw new CorruptCheckpointException(doing,
                new Problem(Shown.Tensor(item.Key.AsText), "it is there twice"));
        }
        return tensors.Count > 0 ? tensors : throw NoTensors();

        UnsupportedCheckpointException NoTensors() => new(doing, new Problem("", "no tensors are stored", "a dictionary of tensors", "save the model's state_dict()"));

        SkippedEntry Skip(KeyValuePair<PickleValue, PickleValue> item, string why) => new(file, item.Key.Kind == PickleKind.Text ? item.Key.AsText : item.Key.Described, why);
    }

    /// <summary>The tensors of a TorchScript archive under the names that its state_dict() would have. A module that is there twice counts once.</summary>
    private static Dictionary<string, TorchTensor> OfModule(PickleModule root)
    {
        var tensors = new Dictionary<string, TorchTensor>(StringComparer.Ordinal);
        var seen = new HashSet<PickleModule>(ReferenceEqualityComparer.Instance) { root };
        var open = new Stack<(string Path, PickleModule Module)>([("", root)]);
        while (open.TryPop(out var next))
        {
            foreach (var (key, value) in next.Module.Parts.Items.Where(item => item.Key.Kind == PickleKind.Text))
            {
                if (value.Kind == PickleKind.Tensor) tensors.TryAdd(next.Path + key.AsText, value.AsTensor);
                else if (value.Kind == PickleKind.Module && seen.Add(value.AsModule)) open.Push(($"{next.Path}{Shown.Clip(key.AsText)}.", value.AsModule));
            }
        }
        return tensors;
    }

    private static bool HoldsTensors(PickleDict dict) => dict.Items.Any(item => item.Value.Kind == PickleKind.Tensor);
}
