using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>GLPN (Kim et al., 2022): depth from SegFormer's encoder and a decoder that at each size chooses between what it has and what the encoder saw. vinvino02/glpn-nyu, glpn-kitti. Reference: transformers, models/glpn.</summary>
internal sealed class Glpn(Glpn.Config c, Module m)
{
    internal sealed record Config(ImmutableArray<Segformer.Stage> Stages, int Channels, Activation Activation, int DecoderWidth, double MaxDepth, int HeadAt)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("layer_norm_eps", "image_size", "downsampling_rates");                       // the norms have PyTorch's epsilon, whatever the key says
            var stages = Segformer.Config.Mix(json);
            var at = json.Int("head_in_index", -1);
            if (at >= stages.Length || at < -stages.Length) json.Problem("head_in_index", $"{at}", $"{-stages.Length} to {stages.Length - 1}");
            return new(stages, json.Count("num_channels", 3), json.Activation("hidden_act", "gelu"), json.Count("decoder_hidden_size", 64), json.Double("max_depth", 10), at);
        }
    }

    private ImmutableArray<Value> Encode() => Segformer.Encode(m["encoder"], PixelValues(m.Graph, c.Channels, Segformer.ProofSize), c.Stages, c.Activation);

    /// <summary>How much of each of two maps is taken, cell by cell. [B, D, h, w] twice -> [B, D, h, w].</summary>
    private Value Choose(Module at, Value own, Value other)
    {
        Value Normed(int i, Value x, int width) => Op.Relu(BatchNorm(at[$"convolutional_layer{i}.1"], Conv(at[$"convolutional_layer{i}.0"], x, width, Window.Padded(3, 1, 1)), 1e-5f));
        var x = Normed(2, Normed(1, Op.Concat(1, own, other), c.DecoderWidth), c.DecoderWidth / 2);
        var share = Op.Sigmoid(Conv(at["convolutional_layer3"], x, 2, Window.Padded(3, 1, 1)));
        return own * Op.Slice(share, 1, 0, 1) + other * Op.Slice(share, 1, 1, 2);
    }

    /// <summary>From the smallest map to the largest, each twice as large as it comes out. -> [B, D, h, w] each.</summary>
    private ImmutableArray<Value> Decode(ImmutableArray<Value> maps)
    {
        var results = ImmutableArray.CreateBuilder<Value>();
        for (var i = 0; i < maps.Length; i++)
        {
            var (at, map) = (m.Root["decoder.stages"][i], maps[^(i + 1)]);
            if (map.Shape[1] != c.DecoderWidth) map = Conv(at["convolution"], map, c.DecoderWidth, new Window(1));
            if (i > 0) map = Choose(at["fusion"], map, Op.Known(results[^1], map.Shape));
            results.Add(Enlarge(map, 2, alignCorners: false));
        }
        results[^1] = Enlarge(results[^1], 2, alignCorners: false);
        return results.ToImmutable();
    }

    private GraphOutputs Depth()
    {
        var (all, head) = (Decode(Encode()), m.Root["head.head"]);
        var h = Op.Relu(Conv(head["0"], all[c.HeadAt < 0 ? c.HeadAt + all.Length : c.HeadAt], c.DecoderWidth, Window.Padded(3, 1, 1)));
        return [("predicted_depth", Op.Squeeze(Op.Sigmoid(Conv(head["2"], h, 1, Window.Padded(3, 1, 1))) * c.MaxDepth, 1))];
    }

    private GraphOutputs Features() => [("last_hidden_state", Encode()[^1])];

    internal static readonly ModelFamily Family = ModelFamily.Of("glpn", "glpn", Config.Read, (c, m) => new Glpn(c, m), [],
        [
            new TaskGraphs<Glpn>("feature-extraction", g => g.Features()),
            new TaskGraphs<Glpn>("depth-estimation", g => g.Depth()),
        ]);
}
