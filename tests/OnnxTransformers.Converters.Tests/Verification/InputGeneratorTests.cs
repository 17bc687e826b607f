using NUnit.Framework;

namespace OnnxTransformers.Converters.Verification;

internal sealed class InputGeneratorTests
{
    private static readonly NetworkLimits Limits = new(Vocabulary: 50, TokenTypes: 2, Length: 12, Padding: 1, Image: (64, 64));

    private static readonly InputGenerator Text = new([Spec("input_ids"), Spec("attention_mask"), Spec("token_type_ids")], Limits);

    [Test]
    public void Real_ids_are_of_the_vocabulary_and_never_the_padding()
    {
        foreach (var input in Text.All())
        {
            var (ids, mask) = (input.Tensors[0].Values, input.Tensors[1].Values);
            for (var i = 0; i < ids.Length; i++) Assert.That(ids[i], mask[i] == 1 ? Is.InRange(0, 49).And.Not.EqualTo(1) : Is.EqualTo(1), $"{input.Name}, element {i}");
        }
    }

    [Test]
    public void Padding_stands_where_it_was_asked_for()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Mask(Padding.Right), Is.EqualTo(new[] { "111111111111", "111111110000", "111100000000" }));
            Assert.That(Mask(Padding.Left), Is.EqualTo(new[] { "111111111111", "000011111111", "000000001111" }));
        });
    }

    [Test]
    public void Other_ids_under_the_mask_leave_the_real_ones_as_they_are()
    {
        var (plain, filled) = (Text.Make("plain", Padding.Right), Text.Make("filled", Padding.Right, fill: true));
        var mask = plain.Tensors[1].Values;
        var (a, b) = (plain.Tensors[0].Values, filled.Tensors[0].Values);
        Assert.Multiple(() =>
        {
            Assert.That(Enumerable.Range(0, a.Length).Where(i => mask[i] == 1).All(i => a[i] == b[i]));
            Assert.That(Enumerable.Range(0, a.Length).Where(i => mask[i] == 0).All(i => a[i] != b[i]));
        });
    }

    [Test]
    public void A_row_alone_is_its_part_of_the_batch()
    {
        var batch = Text.Make("batch", Padding.Left);
        var row = batch.Row(2, trim: true);
        Assert.Multiple(() =>
        {
            Assert.That(row.Tensors[0].Shape, Is.EqualTo(new long[] { 1, 4 }));
            Assert.That(row.Tensors[0].Values, Is.EqualTo(batch.Tensors[0].Values[^4..]));
            Assert.That(row.Real, Is.EqualTo(new[] { 0..4 }));
        });
    }

    [Test]
    public void The_same_inputs_are_made_every_time() => Assert.That(Text.Make("a", Padding.Right).Tensors.Select(t => t.Values), Is.EqualTo(Text.Make("b", Padding.Right).Tensors.Select(t => t.Values)));

    [TestCase("""{"vocab_size": 100, "max_position_embeddings": 18, "pad_token_id": 1, "type_vocab_size": 1}""", 100, 1, 15, 1)]
    [TestCase("""{"vocab_size": 100, "max_position_embeddings": 512}""", 100, 1, 24, 0)]
    [TestCase("""{"text_config": {"vocab_size": 7, "pad_token_id": 2}}""", 7, 1, 24, 2)]
    [TestCase("""{"max_position_embeddings": 2, "pad_token_id": -1}""", 2, 1, 1, 0)]
    public void Limits_come_from_the_configuration(string json, int vocabulary, int types, int length, int padding) =>
        Assert.That(NetworkLimits.Read(ConfigReader.Parse(System.Text.Encoding.UTF8.GetBytes(json), "config.json"), null), Is.EqualTo(new NetworkLimits(vocabulary, types, length, padding, (64, 64))));

    [Test]
    public void A_text_ends_with_the_id_that_ends_texts_and_has_it_nowhere_else()
    {
        var input = new InputGenerator([Spec("input_ids"), Spec("attention_mask")], Limits with { Vocabulary = 5, End = 3 }).Make("batch", Padding.Right, fill: true);
        var ids = input.Tensors[0].Values.Chunk(12).ToList();
        for (var row = 0; row < ids.Count; row++) Assert.That(Array.IndexOf(ids[row], 3.0), Is.EqualTo(input.Real[row].End.Value - 1), $"row {row}");
    }

    [TestCase(3, 0)]
    [TestCase(0, 1)]
    public void Padding_never_ends_a_text(int end, int padding) =>
        Assert.That(NetworkLimits.Read(ConfigReader.Parse(System.Text.Encoding.UTF8.GetBytes($$"""{"vocab_size": 9, "pad_token_id": {{end}}}"""), "config.json"), 8, null, end).Padding, Is.EqualTo(padding));

    [Test]
    public void A_row_of_texts_and_images_is_one_of_each()
    {
        TensorSpec texts = new("input_ids", ElementType.Int64, [new(null, Tensor.Texts), new(null, Tensor.Sequence)]), images = new("pixel_values", ElementType.Float, [new(null, Tensor.Images), new(1, ""), new(null, "query_height"), new(null, Tensor.Width)]);
        var batch = new InputGenerator([texts, images], Limits with { Image = (2, 3) }).Make("batch", Padding.None);
        var row = batch.Row(1, trim: false);
        Assert.Multiple(() =>
        {
            Assert.That(batch.Tensors.Select(t => t.Shape), Is.EqualTo(new long[][] { [3, 12], [3, 1, 2, 3] }));
            Assert.That(row.Tensors.Select(t => t.Shape), Is.EqualTo(new long[][] { [1, 12], [1, 1, 2, 3] }));
            Assert.That(row.Tensors[1].Values, Is.EqualTo(batch.Tensors[1].Values[6..12]));
        });
    }

    [Test]
    public void Patches_are_as_many_as_their_grid_has()
    {
        TensorSpec shapes = new("spatial_shapes", ElementType.Int64, [new(null, Tensor.Images), new(2, "")]), mask = new("pixel_attention_mask", ElementType.Int64, [new(null, Tensor.Images), new(null, Tensor.Patches)]);
        var input = new InputGenerator([shapes, mask], Limits).Make("batch", Padding.None);
        var (sizes, real) = (input.Tensors[0].Values.Chunk(2).ToList(), input.Tensors[1].Values.Chunk((int)input.Tensors[1].Shape[1]).ToList());
        for (var row = 0; row < sizes.Count; row++) Assert.That(real[row].Sum(), Is.EqualTo(sizes[row][0] * sizes[row][1]).And.LessThanOrEqualTo(real[row].Length), $"row {row}");
    }

    private static string[] Mask(Padding padding) => [.. Text.Make("batch", padding).Tensors[1].Values.Chunk(12).Select(row => string.Concat(row.Select(v => (int)v)))];

    private static TensorSpec Spec(string name) => new(name, ElementType.Int64, [new(null, Tensor.Batch), new(null, Tensor.Sequence)]);
}
