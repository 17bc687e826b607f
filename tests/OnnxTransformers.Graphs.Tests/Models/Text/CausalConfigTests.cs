using NUnit.Framework;
using OnnxTransformers.Graphs.Models.Text.Causal;

namespace OnnxTransformers.Graphs.Models.Text;

/// <summary>How keys of causal types are read that no fixture tells apart.</summary>
public sealed class CausalConfigTests
{
    [TestCase("""{"sliding_window": 8, "sliding_window_pattern": 4}""", ExpectedResult = "8 8 8 0 8 8")]
    [TestCase("""{"sliding_window": 8, "sliding_window_pattern": "LLG"}""", ExpectedResult = "8 8 0 8 8 0")]
    [TestCase("""{"sliding_window": null, "sliding_window_pattern": 4}""", ExpectedResult = "0 0 0 0 0 0")]
    [TestCase("""{"sliding_window": 8, "layer_types": ["full_attention", "sliding_attention", "full_attention", "full_attention", "full_attention", "full_attention"]}""", ExpectedResult = "0 8 0 0 0 0")]
    public string Layers_of_exaone_slide_by_the_list_or_the_pattern_the_last_as_well(string config)
    {
        var json = Configs.Read(config);
        return string.Join(' ', Olmo2.ExaoneAttention(json, DecoderSizes.Read(json, vocab: 8, hidden: 8, layers: 6, heads: 2, positions: 8)).Select(a => a.How.Window));
    }

    [Test]
    public void Jamba_sees_all_keys_whatever_window_is_named()
    {
        var json = Configs.Read("""{"sliding_window": 8}""");
        Assert.That((Jamba.Config.Read(json).Attention.How.Window, json.Unread.Count(), json.Problems.Count), Is.EqualTo((0, 0, 0)));
    }

    [Test]
    public void Gemma_4_reads_texts_as_ever_where_images_are_seen_both_ways()
    {
        var json = Configs.Read("""{"use_bidirectional_attention": "vision", "rope_parameters": {"full_attention": {"rope_type": "proportional", "rope_theta": 1e6}, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}}""");
        Assert.That((Gemma4.Config.Read(json).Layers.Length, json.Unread.Count(), json.Problems.Count), Is.EqualTo((30, 0, 0)));
    }

    [TestCase("""{}""", ExpectedResult = true)]
    [TestCase("""{"tie_word_embeddings": false}""", ExpectedResult = false)]
    [TestCase("""{"tie_embedding": true, "tie_word_embeddings": false}""", ExpectedResult = true)]
    public bool The_first_key_of_lfm2_for_its_output_table_is_the_originals(string config) => Lfm2.ReadDense(Configs.Read(config)).Sizes.Tied;

    [TestCase("""{}""", 0, double.PositiveInfinity)]
    [TestCase("""{"time_step_limit": [0.001, 0.1]}""", 0.001, 0.1)]
    [TestCase("""{"time_step_limit": [0.0, Infinity]}""", 0, double.PositiveInfinity)]
    [TestCase("""{"time_step_limit": [0.5, {"__float__": "Infinity"}]}""", 0.5, double.PositiveInfinity)]
    public void The_longest_time_step_may_be_an_infinity_in_either_spelling(string config, double least, double most)
    {
        var json = Configs.Read(config);
        Assert.That((json.TimeSteps(), json.Problems.Count), Is.EqualTo(((least, most), 0)));
    }
}
