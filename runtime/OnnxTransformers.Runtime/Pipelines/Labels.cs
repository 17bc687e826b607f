namespace OnnxTransformers;

/// <summary>Checks that a graph and its config.json speak of the same labels.</summary>
internal static class Labels
{
    internal static void Match(TextModel model, int given)
    {
        var named = model.Config.Labels.Length;
        if (given != named)
            throw new CorruptCheckpointException($"reading {model.Package.PathOf("config.json")}", new Problem("$.id2label", $"{named} labels, but the graph's logits have {given}", null, "export the model again"));
    }
}
