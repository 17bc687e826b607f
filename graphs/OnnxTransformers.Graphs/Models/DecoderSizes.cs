using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models;

/// <summary>Sizes that every causal language model has.</summary>
/// <param name="VocabSize">V.</param>
/// <param name="HiddenSize">D.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="Heads">H.</param>
/// <param name="KvHeads">K.</param>
/// <param name="HeadSize">d.</param>
/// <param name="MaxPositions">The longest text that it was made for.</param>
/// <param name="Tied">Whether the output table is that of the embeddings.</param>
/// <param name="Labels">Labels of a classifier.</param>
/// <param name="Padding">The id that a sequence classifier passes over at the end; null where there is none.</param>
internal sealed record DecoderSizes(int VocabSize, int HiddenSize, int Layers, int Heads, int KvHeads, int HeadSize, int MaxPositions, bool Tied, int Labels, int? Padding)
{
    /// <summary>Keys and values of every layer, all of one size.</summary>
    internal ImmutableArray<KeyValueSizes?> Cache => [.. Enumerable.Repeat(new KeyValueSizes(KvHeads, HeadSize, HeadSize), Layers)];

    /// <summary>d^-0.5.</summary>
    internal double Scale => Math.Pow(HeadSize, -0.5);

    /// <summary>Reads them; parameters are the type's own defaults for keys that are absent. Each key also goes by the names that GPT-2 gave it, since the reference takes both where it takes one.</summary>
    internal static DecoderSizes Read(ConfigReader json, int vocab, int hidden, int layers, int heads, int positions, int? kvHeads = null, int? headSize = null, bool tied = false, int? padding = null, string kvKey = "num_key_value_heads")
    {
        var width = json.CountOf(hidden, "hidden_size", "n_embd", "n_embed", "d_model");
        var h = json.CountOf(heads, "num_attention_heads", "n_head", "n_heads");
        var k = json.CountOf(kvHeads ?? h, kvKey);
        if (h % k != 0) json.Problem(kvKey, $"{k}", $"a divisor of the {h} query heads");
        if (headSize is null && !json.Has("head_dim") && width % h != 0) json.Problem("hidden_size", $"{width}", $"a multiple of the {h} heads");
        var d = json.CountOf(headSize ?? Math.Max(1, width / h), "head_dim");
        return new(json.Count("vocab_size", vocab), width, json.CountOf(layers, "num_hidden_layers", "n_layer", "n_layers"), h, k, d, json.CountOf(positions, "max_position_embeddings", "n_positions"),
            json.Bool("tie_word_embeddings", tied), json.Labels(), json.IntOrNull("pad_token_id") ?? padding);
    }
}
