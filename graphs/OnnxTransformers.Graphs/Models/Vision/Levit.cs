using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>LeViT (Graham et al., 2021): a small convolutional stem, attention with learned biases of distances, and attention that makes the map smaller. facebook/levit-128S. Its biases fit images of the trained size alone.
/// Reference: transformers, models/levit.</summary>
internal sealed class Levit(Levit.Config c, Module m)
{
    internal sealed record Config(int Image, int Channels, Window Stem, int Patch, ImmutableArray<int> Widths, ImmutableArray<int> Heads, ImmutableArray<int> Depths, ImmutableArray<int> KeyWidths, ImmutableArray<int> Ratios, ImmutableArray<int> FeedForwards, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("drop_path_rate", "down_ops");                                                    // down_ops follows from hidden_sizes and key_dim, whatever is saved
            return new(json.Count("image_size", 224), json.Count("num_channels", 3), Window.Padded(json.Count("kernel_size", 3), json.Count("stride", 2), json.Int("padding", 1)), json.Count("patch_size", 16),
                json.Counts("hidden_sizes", [128, 256, 384], 3), json.Counts("num_attention_heads", [4, 8, 12], 3), json.Counts("depths", [4, 4, 4], 3), json.Counts("key_dim", [16, 16, 16], 3), json.Counts("attention_ratio", [2, 2, 2], 3),
                json.Ints("mlp_ratio", [2, 2, 2]), json.Labels());
        }
    }

    /// <summary>Values are four times as wide as keys where maps become smaller, and the stride is 2.</summary>
    private const int DownRatio = 4, DownStride = 2, DownFeedForward = 2;

    private static Value Layer(Module at, Value x, long width) => BatchNormLast(at["batch_norm"], Linear(at["linear"], x, width, bias: false), 1e-5f);

    /// <summary>Parts of each head, side by side. [B, N, H * all] -> [B, N, H * width] each.</summary>
    private static Value[] Parts(Value x, int heads, params int[] widths)
    {
        var each = Op.Reshape(x, [0, 0, heads, widths.Sum()]);
        return [.. Split(each, [.. widths.Select(w => (long)w)]).Select((part, i) => Op.Reshape(part, [0, 0, (long)heads * widths[i]]))];
    }

    /// <summary>A number for each head and pair of cells by how far they are apart. -> [1, H, n, N].</summary>
    private static Value Bias(Module at, int heads, int from, int to, int stride)
    {
        using var scope = at.Enter();
        ImmutableArray<long> places = [.. Enumerable.Range(0, from * from).SelectMany(a => Enumerable.Range(0, to * to).Select(b =>
            (long)Math.Abs(a / from * stride - b / to) * to + Math.Abs(a % from * stride - b % to)))];
        return Op.Unsqueeze(Op.Gather(at.Weight("attention_biases", heads, to * to), at.Graph.Integers([from * from, to * to], places), 1), 0);
    }

    private static Value Attention(Module at, Value x, int heads, int keys, int ratio, int side)
    {
        var parts = Parts(Layer(at["queries_keys_values"], x, heads * keys * (2 + ratio)), heads, keys, keys, ratio * keys);
        var context = Attend(at, parts[0], parts[1], parts[2], heads, mask: null, Bias(at, heads, side, side, 1));
        return Layer(at["projection"], Op.HardSwish(context), x.Shape[2].Size!.Value);
    }

    /// <summary>Attention whose queries are every other cell. [B, N, D] -> [B, n, D'].</summary>
    private Value Smaller(Module at, Value x, int stage, int side, int smaller)
    {
        int keys = c.KeyWidths[0], heads = c.Widths[stage] / keys;
        var parts = Parts(Layer(at["keys_values"], x, heads * keys * (1 + DownRatio)), heads, keys, DownRatio * keys);
        ImmutableArray<long> kept = [.. Enumerable.Range(0, smaller * smaller).Select(i => (long)(i / smaller * DownStride * side + i % smaller * DownStride))];
        var queries = Layer(at["queries"], Op.Gather(x, x.Graph.Integers([kept.Length], kept), 1), heads * keys);
        var context = Attend(at, queries, parts[0], parts[1], heads, mask: null, Bias(at, heads, smaller, side, DownStride));
        return Layer(at["projection"], Op.HardSwish(context), c.Widths[stage + 1]);
    }

    private static Value FeedForward(Module at, Value x, int ratio) => Layer(at["linear_down"], Op.HardSwish(Layer(at["linear_up"], x, x.Shape[2].Size!.Value * ratio)), x.Shape[2].Size!.Value);

    private Value Encode()
    {
        var (e, h) = (m["patch_embeddings"], FixedPixelValues(m.Graph, c.Channels, (c.Image, c.Image)));
        for (var i = 1; i <= 4; i++)
        {
            var layer = e[$"embedding_layer_{i}"];
            h = BatchNorm(layer["batch_norm"], Conv(layer["convolution"], h, c.Widths[0] >> (4 - i), c.Stem, bias: false), 1e-5f);
            if (i < 4) h = Op.HardSwish(h);
        }
        h = Tokens(h);
        var side = c.Image / c.Patch;
        for (var stage = 0; stage < c.Depths.Length; stage++)
        {
            var (layers, next) = (m[$"encoder.stages.{stage}.layers"], 0);
            for (var i = 0; i < c.Depths[stage]; i++)
            {
                h += Attention(layers[next++]["module"], h, c.Heads[stage], c.KeyWidths[stage], c.Ratios[stage], side);
                if (c.FeedForwards[stage] > 0) h += FeedForward(layers[next++]["module"], h, c.FeedForwards[stage]);
            }
            if (stage == c.Depths.Length - 1) break;
            var smaller = (side - 1) / DownStride + 1;
            h = Smaller(layers[next++], h, stage, side, smaller);
            h += FeedForward(layers[next]["module"], h, DownFeedForward);
            side = smaller;
        }
        return h;
    }

    private GraphOutputs Features() => MeanFeatures(Encode());

    private Value Labels(string head, Value pooled)
    {
        var at = m.Root[head];
        return Logits(at["linear"], BatchNormLast(at["batch_norm"], pooled, 1e-5f), c.Labels)["logits"];
    }

    /// <summary>By one classifier; where the checkpoint has the teacher's as well, by the mean of both.</summary>
    private GraphOutputs Classify()
    {
        var pooled = Op.ReduceMean(Encode(), 1, keep: false);
        var own = Labels("classifier", pooled);
        if (!m.Root["classifier_distill.linear"].Has("weight")) return [("logits", own)];
        var teacher = Labels("classifier_distill", pooled);
        return [("logits", (own + teacher) / 2), ("cls_logits", own), ("distillation_logits", teacher)];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("levit", "levit", Config.Read, (c, m) => new Levit(c, m), [SkippedTensors.BatchCounts, new(".attention_bias_idxs", "a buffer that the map's size tells")],
        [
            new TaskGraphs<Levit>("feature-extraction", l => l.Features()),
            new TaskGraphs<Levit>("image-classification", l => l.Classify()),
        ]);
}
