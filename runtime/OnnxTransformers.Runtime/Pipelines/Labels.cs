namespace OnnxTransformers;

/// <summary>Checks that a graph and its config.json speak of the same labels.</summary>
internal static class Labels
{
    internal static void Match(TextModel model, int given) => Match(model.Package, given);

    internal static void Match(Package package, int given)
    {
        var named = package.Config.Labels.Length;
        if (given != named)
            throw new CorruptCheckpointException($"reading {package.PathOf("config.json")}", new Problem("$.id2label", $"{named} labels, but the graph's logits have {given}", null, "export the model again"));
    }
}
