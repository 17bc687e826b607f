using System.Collections.Immutable;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>The unified perceptual parsing head (Xiao et al., 2018).</summary>
/// <param name="Width">Channels inside.</param>
/// <param name="Scales">Into how many rows and columns the last map is averaged.</param>
/// <param name="Norm">What checkpoints call its normalizations.</param>
/// <param name="Labels">Labels.</param>
internal sealed record PyramidHead(int Width, ImmutableArray<int> Scales, string Norm, int Labels);

internal static partial class Layer
{
    /// <summary>The means of a map's parts, of rows and columns as equal as can be: those of PyTorch's adaptive pooling. [B, C, h, w] -> [B, C, parts, parts].</summary>
    internal static Value AdaptiveAverage(Value map, int parts)
    {
        if (parts == 1) return Op.GlobalAveragePool(map);
        var g = map.Graph;
        Value Shares(int axis)
        {
            // Part i has the cells from floor(i n / parts) to ceil((i + 1) n / parts).
            Value n = Op.ShapeOf(map, axis, axis + 1), cells = Op.Unsqueeze(Op.Range(g.Scalar(0, ElementType.Int64), Op.Squeeze(n, 0), map.Shape[axis]), 0);
            var i = g.Integers([parts, 1], [.. Enumerable.Range(0, parts).Select(p => (long)p)]);
            Value start = i * n / g.Constant(parts), end = ((i + g.Constant(1)) * n + g.Constant(parts - 1)) / g.Constant(parts);
            var inside = Op.Cast(Op.And(Op.GreaterOrEqual(cells, start), Op.Less(cells, end)), map.Type);                  // [parts, n]
            return inside / Op.Cast(end - start, map.Type);
        }
        return Op.MatMul(Op.MatMul(Shares(2), map), Op.Transpose(Shares(3), [1, 0]));
    }

    private static Value PyramidConv(Module m, Value x, PyramidHead c, int size) => Op.Relu(BatchNorm(m[c.Norm], Conv(m["conv"], x, c.Width, Window.Padded(size, 1, size / 2), bias: false), 1e-5f));

    /// <summary>Maps of several sizes to labels at the size of the first: lateral_convs, psp_modules, bottleneck, fpn_convs, fpn_bottleneck, classifier. -> [B, labels, h, w].</summary>
    internal static Value PyramidLabels(Module m, IReadOnlyList<Value> maps, PyramidHead c)
    {
        var last = maps[^1];
        var parts = c.Scales.Select((scale, i) => SizedAs(PyramidConv(m["psp_modules"][i]["1"], AdaptiveAverage(last, scale), c, 1), last));
        var levels = maps.Take(maps.Count - 1).Select((map, i) => PyramidConv(m["lateral_convs"][i], map, c, 1)).ToList();
        levels.Add(PyramidConv(m["bottleneck"], Op.Concat(1, [last, .. parts]), c, 3));
        for (var i = levels.Count - 1; i > 0; i--) levels[i - 1] += SizedAs(levels[i], levels[i - 1]);
        Value[] all = [.. levels.Select((level, i) => i == levels.Count - 1 ? level : PyramidConv(m["fpn_convs"][i], level, c, 3))];
        var fused = PyramidConv(m["fpn_bottleneck"], Op.Concat(1, [all[0], .. all.Skip(1).Select(x => SizedAs(x, all[0]))]), c, 3);
        return Conv(m["classifier"], fused, c.Labels, new Window(1));
    }

    /// <summary>DeepLab's head (Chen et al., 2017): a map seen through windows of several dilations and as a whole: aspp.convs, aspp.project, classifier. [B, C, h, w] -> [B, labels, h, w].</summary>
    internal static Value DeepLabLabels(Module m, Value map, int width, ImmutableArray<int> rates, int labels)
    {
        Value Normed(Module at, Value x, int size, int rate = 1) => Op.Relu(BatchNorm(at["normalization"], Conv(at["convolution"], x, width, Window.Padded(size, 1, (size - 1) / 2 * rate, rate), bias: false), 1e-5f));
        var convs = m["aspp.convs"];
        List<Value> seen = [Normed(convs[0], map, 1), .. rates.Select((rate, i) => Normed(convs[i + 1], map, 3, rate))];
        seen.Add(EverywhereIn(Normed(convs[rates.Length + 1]["conv_1x1"], Op.GlobalAveragePool(map), 1), map));
        return Conv(m["classifier.convolution"], Normed(m["aspp.project"], Op.Concat(1, [.. seen]), 1), labels, new Window(1));
    }

    /// <summary>One vector for all cells of a map. [B, C, 1, 1] -> [B, C, h, w].</summary>
    internal static Value EverywhereIn(Value x, Value map) => Op.Expand(x, Op.Concat(0, x.Graph.Constant(1, 1), Op.ShapeOf(map, 2, 4)), x.Shape.With(2, map.Shape[2]).With(3, map.Shape[3]));
}
