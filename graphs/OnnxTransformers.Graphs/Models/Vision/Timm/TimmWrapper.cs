using OnnxTransformers.Graphs.Heads;

namespace OnnxTransformers.Graphs.Models.Vision.Timm;

/// <summary>A checkpoint of timm: config.json names an architecture and holds no model type. Reference: transformers, models/timm_wrapper.</summary>
internal sealed class TimmWrapper(TimmWrapper.Config c, Module m)
{
    internal sealed record Config(TimmNetwork? Network, PixelSize Image, int Channels, bool Pools, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("num_features", "label_names", "label_descriptions", "global_pool", "pretrained_cfg");
            var arguments = json.Object("model_args") ?? TimmNetwork.NoArguments(json.File);
            var architecture = json.String("architecture", "resnet50");
            var network = TimmNetwork.Find(architecture, arguments);
            if (network is null) json.Problem("architecture", $"\"{architecture}\"", TimmNetwork.Known, "export this one with optimum");
            arguments.MustBe("features_only", false, "the whole network");
            int? channels = arguments.IntOrNull("in_chans");
            return new(network, InputSize(json) ?? network?.Image ?? new(224, 224), channels ?? 3, json.Bool("do_pooling", true), json.IntOrNull("num_classes") ?? json.Labels());
        }

        /// <summary>The size of images in pretrained_cfg: channels, height and width.</summary>
        private static PixelSize? InputSize(ConfigReader json) =>
            json.Raw("pretrained_cfg") is { ValueKind: System.Text.Json.JsonValueKind.Object } made && made.TryGetProperty("input_size", out var size) && size.ValueKind == System.Text.Json.JsonValueKind.Array && size.GetArrayLength() == 3
            && size[1].TryGetInt32(out var height) && size[2].TryGetInt32(out var width) && height > 0 && width > 0 ? new(height, width) : null;
    }

    private Value Encode() => c.Network!.Features(m, PixelValues(m.Graph, c.Channels, c.Image.Pixels));

    private GraphOutputs Features()
    {
        var h = Encode();
        if (c.Pools) return [("last_hidden_state", h), ("pooler_output", c.Network!.Pooled(m, h))];
        foreach (var module in c.Network!.HeadModules) m[module].LeaveOut("the head, which do_pooling leaves out");
        return [("last_hidden_state", h)];
    }

    private GraphOutputs Classify() => Logits(m[c.Network!.Classifier], c.Network.Pooled(m, Encode()), c.Labels);

    internal static readonly ModelFamily Family = ModelFamily.Of("timm_wrapper", "timm_model", Config.Read, (c, m) => new TimmWrapper(c, m),
        [SkippedTensors.BatchCounts, new("fc", "the classifier, which the task does not read"), new("head.fc", "the classifier, which the task does not read"), new("classifier", "the classifier, which the task does not read")],
        [
            new TaskGraphs<TimmWrapper>("feature-extraction", t => t.Features()),
            new TaskGraphs<TimmWrapper>("image-classification", t => t.Classify()),
        ]);
}
