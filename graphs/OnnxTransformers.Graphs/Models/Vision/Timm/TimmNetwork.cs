using System.Collections.Immutable;
using System.Text.Json;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision.Timm;

/// <summary>A network of timm (PyTorch Image Models) under its own names, as functions of the module where it is.</summary>
/// <param name="Image">The size of images that it was made for.</param>
/// <param name="Classifier">The module of its classifier.</param>
/// <param name="Features">Pixels [B, C, height, width] to the last hidden state.</param>
/// <param name="Pooled">That to a vector for each image [B, D].</param>
internal sealed record TimmNetwork(PixelSize Image, string Classifier, Func<Module, Value, Value> Features, Func<Module, Value, Value> Pooled)
{
    /// <summary>Stored tensors of the pooled vector's own, for a graph without it.</summary>
    internal ImmutableArray<string> HeadModules { get; init; } = [];

    /// <summary>What stands in for arguments that are not given.</summary>
    internal static ConfigReader NoArguments(string file)
    {
        using var empty = JsonDocument.Parse("{}");
        return ConfigReader.Of(empty.RootElement.Clone(), file);
    }

    /// <summary>The network of an architecture, with arguments in place of its own; null where the name is not known.</summary>
    internal static TimmNetwork? Find(string architecture, ConfigReader arguments) =>
        Readers.Select(read => read(architecture, arguments)).FirstOrDefault(n => n is not null);

    /// <summary>What is known, for messages.</summary>
    internal const string Known = "resnet18 to resnet200 and their d variants, resnext50_32x4d, wide_resnet50_2, vit_{tiny,small,base,large}_patch*, deit_{tiny,small,base}_patch16_*, convnext_{tiny,small,base,large,xlarge}, convnextv2_{tiny,small,base,large}, efficientnet_b0 to b8";

    private static readonly Func<string, ConfigReader, TimmNetwork?>[] Readers = [TimmResNet.Find, TimmVit.Find, TimmConvNext.Find, TimmEfficientNet.Find];

    /// <summary>Pooling of maps by its name in timm.</summary>
    internal static Func<Value, Value> PoolingOfMaps(ConfigReader arguments) => arguments.OneOf<Func<Value, Value>>("global_pool", Layer.PooledMap, ("avg", Layer.PooledMap), ("max", LargestOfMap));

    private static Value LargestOfMap(Value map) => Op.Reshape(Op.GlobalMaxPool(map), [0, map.Shape[1].Size!.Value]);
}
