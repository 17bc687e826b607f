using NUnit.Framework;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models;

public sealed class RotaryConfigTests
{
    private static float[] Frequencies(string json, int head = 8, int positions = 64) => [.. ((Rotary.Fixed)RotaryConfig.Read(Configs.Read(json), head, positions)).Values];

    [Test]
    public void The_default_is_a_falling_series_of_powers() =>
        Assert.That(Frequencies("""{"rope_theta": 10000.0}"""), Is.EqualTo(new[] { 1f, 0.1f, 0.01f, 0.001f }).Within(1e-9f));

    [Test]
    public void Both_spellings_of_a_scheme_are_the_same([Values("""{"rope_type": "linear", "factor": 4.0}""", """{"type": "linear", "factor": 4}""")] string scaling) =>
        Assert.That(Frequencies($$"""{"rope_theta": 500.0, "rope_scaling": {{scaling}}}"""), Is.EqualTo(Frequencies("""{"rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0}}""")));

    [Test]
    public void A_part_of_a_head_is_turned_where_a_share_is_given_inside_or_beside()
    {
        Assert.That(RotaryConfig.Read(Configs.Read("""{"partial_rotary_factor": 0.5}"""), 8, 64).Size, Is.EqualTo(4));
        Assert.That(RotaryConfig.Read(Configs.Read("""{"rope_parameters": {"rope_type": "default", "rope_theta": 10000, "partial_rotary_factor": 0.25}}"""), 8, 64).Size, Is.EqualTo(2));
    }

    [Test]
    public void Kinds_of_layers_have_schemes_of_their_own()
    {
        var json = Configs.Read("""{"rope_parameters": {"full_attention": {"rope_type": "linear", "rope_theta": 100.0, "factor": 8.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}}}""");
        var (full, sliding) = RotaryConfig.ReadByLayer(json, 4, 64, 1e6, "rope_local_base_freq", 10000);
        Assert.That(((Rotary.Fixed)full).Values, Is.EqualTo(new[] { 1f / 8, 0.1f / 8 }).Within(1e-7f));
        Assert.That(((Rotary.Fixed)sliding).Values[1], Is.EqualTo(1 / Math.Sqrt(50)).Within(1e-6));
        Assert.That(json.Problems, Is.Empty);
        Assert.That(json.Unread, Is.Empty);
    }

    [TestCase("""{"rope_scaling": {"rope_type": "spiral", "factor": 2.0}}""", "$.rope_scaling.rope_type: \"spiral\"; supported: default, dynamic, linear, llama3, longrope, proportional, yarn")]
    [TestCase("""{"rope_scaling": {"type": "linear"}}""", "$.rope_scaling.factor: missing; supported: a number")]
    [TestCase("""{"rope_scaling": {"type": "longrope", "short_factor": [1.0], "long_factor": [1.0, 2.0, 3.0, 4.0], "factor": 2.0}}""", "$.rope_scaling.short_factor: 1 factors; supported: 4, one for each pair of components")]
    public void Refusals_name_the_key(string json, string message)
    {
        var reader = Configs.Read(json);
        RotaryConfig.Read(reader, 8, 64);
        Assert.That(Assert.Throws<UnsupportedCheckpointException>(reader.ThrowIfInvalid)!.Message, Is.EqualTo("reading config.json: " + message));
    }

    [Test]
    public void A_key_that_no_scheme_has_stays_unread()
    {
        var reader = Configs.Read("""{"rope_scaling": {"rope_type": "linear", "factor": 2.0, "mrope_section": [1, 2]}}""");
        RotaryConfig.Read(reader, 8, 64);
        Assert.That(reader.Unread, Is.EqualTo(new[] { "$.rope_scaling.mrope_section" }));
    }
}
