using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>MGP-STR (Wang et al., 2022): reads the text in a picture at once, as characters, pieces of words and words, each through an attention of its own over the vision transformer. alibaba-damo/mgp-str-base. Reference: transformers, models/mgp_str.</summary>
internal sealed class MgpStr(MgpStr.Config c, Module m)
{
    private const int Groups = 8;

    private static readonly Activation Gelu = Activation.Named("gelu");

    internal sealed record Config(PixelSize Image, PixelSize Patch, int Channels, int Width, int Layers, int Heads, int Inner, bool QkvBias, float Epsilon, int Tokens, int Characters, int Pieces, int Words)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("drop_rate", "attn_drop_rate");                                     // training only
            json.Ignore("output_a3_attentions");                                            // the graph always gives them
            json.MustBe("distilled", false, "a second special token is not supported");
            var width = json.Count("hidden_size", 768);
            var image = json.Has("image_size") ? json.PixelSize("image_size", 32) : new PixelSize(32, 128);
            return new(image, json.PixelSize("patch_size", 4), json.Count("num_channels", 3), width, json.Count("num_hidden_layers", 12), json.Heads("num_attention_heads", 12, width), (int)(width * json.Double("mlp_ratio", 4)),
                json.Bool("qkv_bias", true), json.Float("layer_norm_eps", 1e-5f), json.Count("max_token_length", 27), json.Count("num_character_labels", 38), json.Count("num_bpe_labels", 50257), json.Count("num_wordpiece_labels", 30522));
        }

        /// <summary>Patches of an image of the trained size.</summary>
        internal PixelSize Grid => Image.Over(Patch);
    }

    /// <summary>Declares images. -> [B, 1 + N, D].</summary>
    private Value Encode()
    {
        var e = m["embeddings"];
        var map = Patches(e["proj"], PixelValues(m.Graph, c.Channels, c.Image.Pixels), c.Width, c.Patch.Height, c.Patch.Width);
        var (size, h) = (GridSize.Of(map), Tokens(map));
        var table = e.Weight("pos_embed", 1, c.Grid.Cells + 1, c.Width);
        h += InterpolatePositions(table.Slice(1, 1, c.Grid.Cells), c.Grid.Height, c.Grid.Width, size);
        h = Op.Concat(1, ForEachRow((Value)e.Weight("cls_token", 1, 1, c.Width) + table.Slice(1, 0, 1), h), h);
        return m["encoder.blocks"].Fold(c.Layers, h, Block);
    }

    private Value Block(Module b, Value h)
    {
        var a = b["attn"];
        var parts = Split(Linear(a["qkv"], LayerNorm(b["norm1"], h, c.Epsilon), 3L * c.Width, c.QkvBias), c.Width, c.Width, c.Width);
        h += Linear(a["proj"], Attend(a, parts[0], parts[1], parts[2], c.Heads, mask: null), c.Width);
        return h + Linear(b["mlp.fc2"], Linear(b["mlp.fc1"], LayerNorm(b["norm2"], h, c.Epsilon), c.Inner, Gelu), c.Width);
    }

    /// <summary>What each place of a text finds in the picture. [B, N, D] -> [B, T, D], and where it looks [B, T, N].</summary>
    private (Value Found, Value Weights) Look(Module a, Value h)
    {
        var column = Op.Unsqueeze(Op.Transpose(LayerNorm(a["token_norm"], h, c.Epsilon), [0, 2, 1]), 3);             // [B, D, N, 1]
        var places = Conv(a["tokenLearner.1"], Conv(a["tokenLearner.0"], column, c.Width, new Window(1), Groups, bias: false), c.Tokens, new Window(1), bias: false);
        var weights = Op.Softmax(Op.Squeeze(places, 3), -1);
        var values = Op.Transpose(Op.Squeeze(Conv(a["feat"], column, c.Width, new Window(1), Groups, bias: false), 3), [0, 2, 1]);
        return (LayerNorm(a["norm"], Op.MatMul(weights, values), c.Epsilon), weights);
    }

    /// <summary>logits.0 of characters, logits.1 of pieces as GPT-2 has them, logits.2 of BERT's pieces: [B, T, labels]; and where each looks: a3_attentions.0 to .2 [B, T, N].</summary>
    private GraphOutputs ReadText()
    {
        var h = Encode();
        var kinds = new[] { ("char", c.Characters), ("bpe", c.Pieces), ("wp", c.Words) }.Select(k => (Seen: Look(m.Root[$"{k.Item1}_a3_module"], h), Head: m.Root[$"{k.Item1}_head"], Labels: k.Item2)).ToList();
        return GraphOutputs.Create([.. kinds.Select((k, i) => ($"logits.{i}", Linear(k.Head, k.Seen.Found, k.Labels, role: MatrixRole.Head))), .. kinds.Select((k, i) => ($"a3_attentions.{i}", k.Seen.Weights))]);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("mgp-str", "mgp_str", Config.Read, (c, m) => new MgpStr(c, m), [],
        [
            new TaskGraphs<MgpStr>("image-to-text", x => x.ReadText()),
            new TaskGraphs<MgpStr>("feature-extraction", x => [("last_hidden_state", x.Encode())]),
        ]);
}
