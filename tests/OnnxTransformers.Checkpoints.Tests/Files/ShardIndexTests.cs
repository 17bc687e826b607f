using System.Text;
using NUnit.Framework;

namespace OnnxTransformers.Checkpoints;

public sealed class ShardIndexTests
{
    [Test]
    public void An_index_is_read()
    {
        var index = ShardIndex.Parse("\uFEFF{\"metadata\":{\"total_size\":[1,{}]},\"weight_map\":{\"a\":\"x/2.safetensors\",\"b\\u00e4\":\"1.safetensors\",\"c\":\"x/2.safetensors\"}}"u8, "i");
        Assert.Multiple(() =>
        {
            Assert.That(index.Shards, Is.EqualTo(new[] { "x/2.safetensors", "1.safetensors" }));
            Assert.That(index.ShardOf["bä"], Is.EqualTo("1.safetensors"));
            Assert.That(index.ShardOf["a"], Is.SameAs(index.ShardOf["c"]), "one text for each shard");
        });
    }

    [TestCase("[]", "$: no object; supported: an object with weight_map")]
    [TestCase("{}", "$: no weight_map; supported: an object with weight_map")]
    [TestCase("""{"weight_map":[]}""", "$.weight_map: no object; supported: an object of file names")]
    [TestCase("""{"weight_map":{}}""", "$.weight_map: it names no tensor")]
    [TestCase("""{"weight_map":{"a":"b"},"weight_map":{"a":"b"}}""", "$.weight_map: it is there twice")]
    [TestCase("""{"weight_map":{"a":1}}""", "$.weight_map[\"a\"]: no text; supported: the name of a file")]
    [TestCase("""{"weight_map":{"a":"s","a":"s"}}""", "$.weight_map[\"a\"]: the tensor is there twice")]
    [TestCase("""{"weight_map":{"a":"s"}""", "$: not valid JSON at line 1, byte 24. Next: download the file again")]
    [TestCase("""{"weight_map":{"\udc00":"s"}}""", "$: a text with half of a surrogate pair")]
    public void A_wrong_index_is_refused(string json, string message) => Refuses(Encoding.UTF8.GetBytes(json), message);

    [TestCase("../x")]
    [TestCase("/etc/passwd")]
    [TestCase("a/../../x")]
    [TestCase("./x")]
    [TestCase("a//x")]
    [TestCase("")]
    [TestCase("..\\\\x")]
    [TestCase("C:x")]
    [TestCase("a\\u0000")]
    public void A_shard_outside_the_folder_is_refused(string shard)
    {
        var shown = System.Text.Json.JsonDocument.Parse($"\"{shard}\"").RootElement.GetString()!.Replace("\0", "\\u0000", StringComparison.Ordinal);
        Refuses(Encoding.UTF8.GetBytes("{\"weight_map\":{\"a\":\"" + shard + "\"}}"), $"$.weight_map[\"a\"]: \"{shown}\"; supported: a file inside the checkpoint's folder");
    }

    [Test]
    public void Bytes_that_are_no_text_are_refused() => Refuses([(byte)'{', 0xff, (byte)'}'], "$: bytes that are not UTF-8");

    private static void Refuses(byte[] json, string message) =>
        Assert.That(() => ShardIndex.Parse(json, "i.json"), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo($"reading i.json: {message}"));
}
