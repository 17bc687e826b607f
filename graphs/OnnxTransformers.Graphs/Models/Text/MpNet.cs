using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text;

/// <summary>MPNet (Song et al., 2020): post-norm blocks whose scores have one table of relative positions for all layers. microsoft/mpnet-base, all-mpnet-base-v2. Reference: models/mpnet/modeling_mpnet.py.</summary>
internal sealed class MpNet(MpNet.Config c, Module m)
{
    // The reference counts padding as id 1 and distances in 32 buckets up to 128, whatever the configuration says.
    private const int Padding = 1, Buckets = 32, LargestDistance = 128;
    private static readonly Activation Gelu = Activation.Named("gelu");
    private static readonly Activation Tanh = Activation.Named("tanh");

    internal sealed record Config(int VocabSize, int HiddenSize, int Layers, int Heads, int IntermediateSize, Activation Activation, float Epsilon, int MaxPositions, int BucketRows, bool Tied, int Labels)
    {
        internal static Config Read(ConfigReader json)
        {
            json.RefuseDecoder();
            var hidden = json.Count("hidden_size", 768);
            return new(json.Count("vocab_size", 30527), hidden, json.Count("num_hidden_layers", 12), json.Heads("num_attention_heads", 12, hidden), json.Count("intermediate_size", 3072), json.Activation("hidden_act", "gelu"),
                json.Float("layer_norm_eps", 1e-12f), json.Count("max_position_embeddings", 512), json.Count("relative_attention_num_buckets", 32, least: Buckets), json.Bool("tie_word_embeddings", true), json.Labels());
        }
    }

    private TextInputs Inputs() => TextInputs.Declare(m.Graph, tokenTypes: false);

    private Value Embed(TextInputs x)                                                               // [B, S] -> [B, S, D]
    {
        var e = m["embeddings"];
        var sum = Embedding(e["word_embeddings"], x.InputIds, c.VocabSize, c.HiddenSize) + Embedding(e["position_embeddings"], PositionsFromIds(x, Padding), c.MaxPositions, c.HiddenSize);
        return LayerNorm(e["LayerNorm"], sum, c.Epsilon);
    }

    private Value Block(Module m, Value h, AttentionMask mask, Value bias)                          // [B, S, D] -> [B, S, D]
    {
        var a = m["attention.attn"];
        var context = Attend(a, Linear(a["q"], h, c.HiddenSize), Linear(a["k"], h, c.HiddenSize), Linear(a["v"], h, c.HiddenSize), c.Heads, mask, bias);
        h = AddNorm(m["attention.LayerNorm"], Linear(a["o"], context, c.HiddenSize), h, c.Epsilon);
        var wide = Linear(m["intermediate.dense"], h, c.IntermediateSize, c.Activation);
        return AddNorm(m["output.LayerNorm"], Linear(m["output.dense"], wide, c.HiddenSize), h, c.Epsilon);
    }

    private Value Encode(TextInputs x)
    {
        var bias = RelativeBias(m["encoder.relative_attention_bias"], x, c.Heads, c.BucketRows, Buckets, LargestDistance);
        return m["encoder.layer"].Fold(c.Layers, Embed(x), (layer, h) => Block(layer, h, x.Mask, bias));
    }

    private Value Encode() => Encode(Inputs());

    private GraphOutputs Features() => Head.Features(m["pooler"], Encode(), c.HiddenSize);

    private GraphOutputs Words()                                                                    // -> [B, S, V]
    {
        var head = m.Root["lm_head"];
        var h = Transform(head["dense"], head["layer_norm"], Encode(), c.HiddenSize, Gelu, c.Epsilon);
        var table = (c.Tied ? m["embeddings.word_embeddings"] : head["decoder"]).Weight("weight", c.VocabSize, c.HiddenSize);
        return [("logits", VocabularyLogits(head["decoder"], h, table, head.Weight(["bias", "decoder.bias"], c.VocabSize)))];
    }

    private GraphOutputs Choices()
    {
        var x = TextInputs.DeclareChoices(m.Graph, tokenTypes: false);
        return Head.Choices(m.Root["classifier"], Pool(m["pooler"], Encode(x), c.HiddenSize), x);
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("mpnet", "mpnet", Config.Read, (c, m) => new MpNet(c, m),
        [new("embeddings.position_ids", "a buffer of consecutive numbers"), new("pooler.", "the pooler, where the task does not read it")],
        new TaskGraphs<MpNet>("feature-extraction", n => n.Features()),
        new TaskGraphs<MpNet>("fill-mask", n => n.Words()),
        new TaskGraphs<MpNet>("text-classification", n => DenseClassifier(n.Top["classifier"], n.Encode(), n.Width, Tanh, n.Labels)),
        new TaskGraphs<MpNet>("token-classification", n => Logits(n.Top["classifier"], n.Encode(), n.Labels)),
        new TaskGraphs<MpNet>("question-answering", n => Spans(n.Top["qa_outputs"], n.Encode())),
        new TaskGraphs<MpNet>("multiple-choice", n => n.Choices()));

    private Module Top => m.Root;

    private int Width => c.HiddenSize;

    private int Labels => c.Labels;
}
