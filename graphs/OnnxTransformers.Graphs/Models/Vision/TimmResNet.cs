using System.Collections.Immutable;
using System.Text.RegularExpressions;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>A residual network of the timm library inside of another network: resnet18, resnet34, resnet50, resnet101, resnet152 and theirs with a deep stem, resnet50d and so on. Its configuration is its name, so sizes are those of the stored tensors.
/// Reference: timm 1.0, models/resnet.py.</summary>
internal sealed partial class TimmResNet(TimmResNet.Config c, Module m)
{
    /// <summary>What a name leaves open.</summary>
    /// <param name="Stages">Stages that make maps; 0 is the stem.</param>
    /// <param name="Averages">Whether shortcuts average before they project, as those of the "d" networks.</param>
    /// <param name="OutputStride">From which stride on windows are dilated instead: 8, 16 or 32.</param>
    internal sealed record Config(ImmutableArray<int> Stages, bool Averages, int OutputStride);

    private const float Epsilon = 1e-5f;

    private static readonly Activation Rectifier = Activation.Named("relu");

    [GeneratedRegex("^resnet(18|34|50|101|152)d?(\\..*)?$")]
    private static partial Regex Names();

    /// <summary>The convolution of a place, with as many channels as are stored.</summary>
    private static Value Convolved(Module at, Value x, Window window) => Conv(at, x, at.Graph.Tensors.TryGetValue($"{at.Path}.weight", out var info) ? (int)info.Shape[0] : (int)x.Shape[1].Size!.Value, window, bias: false);

    private static Value Normalized(Module at, string convolution, string norm, Value x, Window window) => BatchNorm(at[norm], Convolved(at[convolution], x, window), Epsilon);

    private static Value Activated(Module at, string convolution, string norm, Value x, Window window) => Activate(at[norm], Rectifier, Normalized(at, convolution, norm, x, window));

    private Value Stem(Value pixels)
    {
        if (m["conv1"].Has("weight")) return Activated(m, "conv1", "bn1", pixels, Window.Padded(7, 2, 3));
        var x = Activated(m["conv1"], "0", "1", pixels, Window.Padded(3, 2, 1));
        x = Activated(m["conv1"], "3", "4", x, Window.Padded(3, 1, 1));
        return Activated(m, "conv1.6", "bn1", x, Window.Padded(3, 1, 1));
    }

    /// <summary>A block of two 3x3 convolutions, or of three with the 3x3 in the middle.</summary>
    private Value Block(Module at, Value x, int stride, int firstDilation, int dilation)
    {
        Value h;
        if (at["conv3"].Has("weight"))
        {
            h = Activated(at, "conv1", "bn1", x, new Window(1));
            h = Activated(at, "conv2", "bn2", h, Window.Padded(3, stride, firstDilation, firstDilation));
            h = Normalized(at, "conv3", "bn3", h, new Window(1));
        }
        else
        {
            h = Activated(at, "conv1", "bn1", x, Window.Padded(3, stride, firstDilation, firstDilation));
            h = Normalized(at, "conv2", "bn2", h, Window.Padded(3, 1, dilation, dilation));
        }
        return Activate(at, Rectifier, h + Op.Known(Shortcut(at["downsample"], x, stride), h.Shape));
    }

    private Value Shortcut(Module at, Value x, int stride)
    {
        if (at["0"].Has("weight")) return Normalized(at, "0", "1", x, new Window(1, stride));
        if (!at["1"].Has("weight")) return x;
        if (stride > 1 && c.Averages)
            using (at.Enter()) x = Op.AveragePool(x, [new Window(2, stride, Ceiling: true), new Window(2, stride, Ceiling: true)], countPadding: false);
        return Normalized(at, "1", "2", x, new Window(1));
    }

    private ImmutableArray<Value> Maps(Value pixels)
    {
        var h = Stem(pixels);
        List<Value> states = [h];
        using (m["maxpool"].Enter()) h = Op.MaxPool(h, [Window.Padded(3, 2, 1), Window.Padded(3, 2, 1)]);
        int reached = 4, dilation = 1;
        for (var i = 1; m[$"layer{i}.0.conv1"].Has("weight"); i++)
        {
            var (layer, stride, before) = (m[$"layer{i}"], i == 1 ? 1 : 2, dilation);
            if (reached >= c.OutputStride) (dilation, stride) = (dilation * stride, 1);
            else reached *= stride;
            var count = 0;
            while (layer[count]["conv1"].Has("weight")) count++;
            states.Add(h = layer.Fold(count, h, (block, j, x) => Block(block, x, j == 0 ? stride : 1, j == 0 ? before : dilation, dilation)));
        }
        foreach (var stage in c.Stages.Where(stage => stage >= states.Count)) throw m.Graph.Error($"stage {stage} of {m.Path} is asked for, and the checkpoint has {states.Count - 1}");
        return [.. c.Stages.Select(stage => states[stage])];
    }

    /// <summary>Reads what a network says about the timm network in it.</summary>
    internal static Backbone? AsBackbone(ConfigReader json, string name, int channels, ImmutableArray<int> stages)
    {
        if (!Names().IsMatch(name))
        {
            json.Problem("backbone", $"\"{name}\"", "resnet18, resnet34, resnet50, resnet101, resnet152, and each with a d behind it", "use a checkpoint whose backbone is a network of transformers: its configuration is in backbone_config");
            return null;
        }
        var stride = json.Bool("dilation", false) ? 16 : 32;
        if (json.Object("backbone_kwargs") is { } more)
        {
            more.Ignore("layers", "channels");                                                       // sizes, which the tensors tell
            stages = more.Ints("out_indices", stages);
            channels = more.Count("in_chans", channels);
            stride = more.Count("output_stride", stride);
        }
        var c = new Config(stages, name.Split('.')[0].EndsWith('d'), stride);
        return new(new(224, 224), null, (at, pixels) => new TimmResNet(c, at).Maps(pixels)) { Channels = channels };
    }
}
