using System.Collections.Frozen;
using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>A network as a source of feature maps for another one.</summary>
/// <param name="Image">The size of images that it was trained on.</param>
/// <param name="Patch">Pixels of a cell, for networks whose maps all have cells of one size; otherwise null.</param>
/// <param name="Maps">Makes its maps of pixels [B, channels, height, width], at the module where the network is: [B, C, h, w] each, in the order of stages.
/// Where the configuration says that hidden states keep their shape, they are [B, N, C], special tokens included.</param>
internal sealed record Backbone(PixelSize Image, PixelSize? Patch, Func<Module, Value, ImmutableArray<Value>> Maps)
{
    /// <summary>Channels of its images.</summary>
    internal int Channels { get; init; } = 3;

    /// <summary>Networks that can be a part of another, by their model type.</summary>
    private static readonly FrozenDictionary<string, Func<ConfigReader, Backbone>> Rows = new Dictionary<string, Func<ConfigReader, Backbone>>
    {
        ["beit"] = Beit.AsBackbone,
        ["bit"] = Bit.AsBackbone,
        ["convnext"] = ConvNext.AsBackbone,
        ["convnextv2"] = ConvNext.SecondAsBackbone,
        ["dinov2"] = Dinov2.AsBackbone,
        ["dinov2_with_registers"] = Dinov2.WithRegistersAsBackbone,
        ["dinov3_vit"] = Dinov3.AsBackbone,
        ["focalnet"] = FocalNet.AsBackbone,
        ["hgnet_v2"] = HgNetV2.AsBackbone,
        ["maskformer-swin"] = Swin.AsMaskFormerBackbone,
        ["pvt_v2"] = PvtV2.AsBackbone,
        ["resnet"] = ResNet.AsBackbone,
        ["rt_detr_resnet"] = RtDetrResNet.AsBackbone,
        ["swin"] = Swin.AsBackbone,
        ["swinv2"] = SwinV2.AsBackbone,
        ["textnet"] = TextNet.AsBackbone,
        ["vitdet"] = VitDet.AsBackbone,
    }.ToFrozenDictionary();

    /// <summary>Reads the backbone's configuration inside of another one. A type that is not in the table is a problem of the configuration; then null, as where the key is absent.</summary>
    internal static Backbone? Read(ConfigReader json, string key = "backbone_config", string? absentType = null, (string Type, string As)? renamed = null)
    {
        if (json.Object(key) is not { } inner) return null;
        // Whoever saved it whole has written these, too: they change nothing where they say no.
        inner.RefuseDecoder();
        inner.Ignore("tie_word_embeddings");
        var type = inner.String("model_type") ?? absentType;
        if (type == renamed?.Type) type = renamed?.As;
        if (type is not null && Rows.TryGetValue(type, out var read)) return read(inner) with { Channels = inner.Count("num_channels", 3) };
        inner.Problem("model_type", type is null ? "missing" : $"\"{type}\"", string.Join(", ", Rows.Keys.Order(StringComparer.Ordinal)));
        return null;
    }

    /// <summary>Its maps as outputs feature_maps.0, feature_maps.1, ...</summary>
    internal static GraphOutputs Outputs(ImmutableArray<Value> maps) => GraphOutputs.Create([.. maps.Select((map, i) => ($"feature_maps.{i}", map))]);
}

/// <summary>Which stages of a backbone are asked for.</summary>
internal static class Stages
{
    /// <summary>Numbers of the stages whose results are asked for, "stem" being 0: out_features by name, else out_indices, else the last. Reference: transformers, utils/backbone_utils.py.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="count">Stages behind the stem.</param>
    /// <param name="stem">False where no stem counts: then 0 is the first stage.</param>
    internal static ImmutableArray<int> OutStages(this ConfigReader json, int count, bool stem = true)
    {
        json.Ignore("stage_names");
        var names = json.Strings("out_features", []);
        var numbers = json.Ints("out_indices", []);
        ImmutableArray<string> stages = [.. Enumerable.Range(0, count + 1).Select(i => i == 0 ? "stem" : $"stage{i}")];
        if (!stem) (stages, count) = (stages[1..], count - 1);
        if (names.Length > 0)
        {
            foreach (var name in names.Where(n => !stages.Contains(n))) json.Problem("out_features", $"\"{name}\"", string.Join(", ", stages));
            return [.. names.Select(n => stages.IndexOf(n)).Where(i => i >= 0)];
        }
        foreach (var number in numbers.Where(n => n > count || n < -count - 1)) json.Problem("out_indices", $"{number}", $"{-count - 1} to {count}");
        return numbers.Length > 0 ? [.. numbers.Select(n => n < 0 ? n + count + 1 : n).Where(n => n >= 0 && n <= count)] : [count];
    }
}
