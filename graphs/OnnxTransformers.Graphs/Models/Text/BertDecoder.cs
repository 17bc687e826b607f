using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Text;

/// <summary>BERT as a decoder, where config.json says is_decoder: its blocks over what came before only, with a cache; all tokens are of type 0. Reference: models/bert/modeling_bert.py, BertLMHeadModel.</summary>
internal sealed class BertDecoder(BertDecoder.Config c, Module m)
{
    /// <param name="Bert">What it has of the encoder.</param>
    /// <param name="Sizes">The same sizes, as causal models have them.</param>
    internal sealed record Config(Bert.Config Bert, DecoderSizes Sizes)
    {
        internal static Config Read(ConfigReader json)
        {
            json.MustBe("add_cross_attention", false, "the decoder alone; cross-attention is not supported yet");
            json.MustBe("is_encoder_decoder", false, "the decoder alone");
            json.RefusePrunedHeads();
            json.Ignore("is_decoder");                                                              // it brought us here
            var bert = Text.Bert.Config.ReadBlocks(json);
            var block = bert.Block;
            if (block.Positions != PositionKind.Absolute) json.Problem("position_embedding_type", "positions by distance", "absolute, for a decoder");
            return new(bert, new(bert.VocabSize, block.HiddenSize, bert.Layers, block.Heads, block.Heads, block.HiddenSize / block.Heads, block.MaxPositions, bert.Tied, bert.Labels, json.IntOrNull("pad_token_id") ?? 0));
        }
    }

    private Value Layer(Module m, int i, Value h, CausalInputs x)                                   // [B, S, D] -> [B, S, D]
    {
        var (self, block) = (m["attention.self"], c.Bert.Block);
        Value Heads(string name) => SplitHeads(Linear(self[name], h, block.HiddenSize), block.Heads);
        var context = AttendCausal(self, x, i, Heads("query"), Heads("key"), Heads("value"), new(c.Sizes.Scale));
        h = AddNorm(m["attention.output.LayerNorm"], Linear(m["attention.output.dense"], context, block.HiddenSize), h, block.Epsilon);
        var wide = Linear(m["intermediate.dense"], h, block.IntermediateSize, block.Activation);
        return AddNorm(m["output.LayerNorm"], Linear(m["output.dense"], wide, block.HiddenSize), h, block.Epsilon);
    }

    private Value Hidden(CausalInputs x)                                                            // [B, S] -> [B, S, D]
    {
        var (e, b) = (m["embeddings"], c.Bert);
        var sum = Embedding(e["word_embeddings"], x.InputIds, b.VocabSize, b.Block.HiddenSize) + Embedding(e["token_type_embeddings"], m.Graph.Constant(0), b.TypeVocabSize, b.Block.HiddenSize)
            + PositionEmbedding(e["position_embeddings"], x, b.Block.MaxPositions, b.Block.HiddenSize);
        return m["encoder.layer"].Fold(b.Layers, LayerNorm(e["LayerNorm"], sum, b.Block.Epsilon), (layer, i, h) => Layer(layer, i, h, x));
    }

    private CausalNetwork Network => new(m, c.Sizes, Hidden, new Bert(c.Bert, m).Words) { Positions = PositionInput.Absolute };

    internal static readonly ModelFamily Family = ModelFamily.Of("bert", "bert", Config.Read, (c, m) => new BertDecoder(c, m).Network, [SkippedTensors.Positions, SkippedTensors.Pooler, new("cls.seq_relationship", "a head of another task")],
        [CausalFamily.Generation]).Causal().Decoder();
}
