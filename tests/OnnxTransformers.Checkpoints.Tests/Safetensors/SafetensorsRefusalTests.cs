using System.Text;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Checkpoints;

/// <summary>One small invalid file and one message for each refusal.</summary>
public sealed class SafetensorsRefusalTests
{
    private const string Doing = "reading the header of x.safetensors: ";
    private const string Types = "F32, F16, BF16, F64, I64, I32, I16, I8, U64, U32, U16, U8, BOOL, F8_E4M3, F8_E5M2, F8_E8M0, F6_E2M3, F6_E3M2, F4, C64";
    private const string Good = """{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""";

    [TestCase("[]", 0, "$: no JSON object; supported: a header that begins with {. Next: download the file again")]
    [TestCase("", 0, "$: no JSON object; supported: a header that begins with {. Next: download the file again")]
    [TestCase(" {}", 0, "$: no JSON object; supported: a header that begins with {. Next: download the file again")]
    [TestCase("""{"a":""", 0, "$: not valid JSON at line 1, byte 6. Next: download the file again")]
    [TestCase("""{} {}""", 0, "$: not valid JSON at line 1, byte 4. Next: download the file again")]
    [TestCase("""{"\ud800":1}""", 0, "$: a text with half of a surrogate pair. Next: download the file again")]
    [TestCase("""{"a":1}""", 0, "tensor \"a\": a number; supported: an object with dtype, shape and data_offsets")]
    [TestCase("""{"a":{}}""", 0, "3 problems\n  tensor \"a\": no dtype\n  tensor \"a\": no shape\n  tensor \"a\": no data_offsets")]
    [TestCase("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}""", 8, "tensor \"a\": the key \"x\"; supported: dtype, shape, data_offsets")]
    [TestCase("""{"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}""", 8, "tensor \"a\": shape is there twice")]
    [TestCase("""{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", 8, $"tensor \"a\": dtype \"F31\"; supported: {Types}")]
    [TestCase("""{"a":{"dtype":null,"shape":[2],"data_offsets":[0,8]}}""", 8, $"tensor \"a\": dtype is null; supported: {Types}")]
    [TestCase("""{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", 8, "tensor \"a\": shape is a number; supported: a list of whole numbers")]
    [TestCase("""{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", 8, "tensor \"a\": shape holds 2.0; supported: whole numbers from 0 to 2^63 - 1")]
    [TestCase("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "tensor \"a\": shape holds -2; supported: whole numbers from 0 to 2^63 - 1")]
    [TestCase("""{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}""", 8, "tensor \"a\": shape holds 9223372036854775808; supported: whole numbers from 0 to 2^63 - 1")]
    [TestCase("""{"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}}""", 8, "tensor \"a\": shape holds a list; supported: whole numbers from 0 to 2^63 - 1")]
    [TestCase("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8]}}""", 8, "tensor \"a\": data_offsets has 1 entries; supported: 2")]
    [TestCase("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", 8, "tensor \"a\": data_offsets has more than 2 entries; supported: 2 at most")]
    [TestCase("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "tensor \"a\": data_offsets [8, 0] end before they begin")]
    [TestCase("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "tensor \"a\": 4 bytes of data; supported: 8 bytes for F32 of shape [2]")]
    [TestCase("""{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}""", 2, "tensor \"a\": 12 bits of data; supported: a whole number of bytes")]
    [TestCase("""{"a":{"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}""", 0, "tensor \"a\": shape [4294967296, 4294967296, 0] has more elements than a file can hold")]
    [TestCase("{\"a\":" + Good + ",\"a\":" + Good + "}", 8, "tensor \"a\": it begins at byte 0 of the data, inside tensor \"a\", which ends at 8")]
    [TestCase("""{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""", 0, "tensor \"a\": it is there twice")]
    [TestCase("{\"a\":" + Good + ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "tensor \"b\": it begins at byte 4 of the data, inside tensor \"a\", which ends at 8")]
    [TestCase("{\"a\":" + Good + ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]}}", 20, "tensor \"b\": it begins at byte 12 of the data, and nothing holds the bytes from 8 on")]
    [TestCase("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}""", 9, "tensor \"a\": it begins at byte 1 of the data, and nothing holds the bytes from 0 on")]
    [TestCase("{\"a\":" + Good + "}", 7, "tensor \"a\": it ends at byte 8 of the data, which has 7. Next: download the file again")]
    [TestCase("{\"a\":" + Good + "}", 9, "the data: 1 byte after the last tensor; supported: none")]
    [TestCase("{}", 1, "the data: 1 byte after the last tensor; supported: none")]
    [TestCase("""{"__metadata__":1}""", 0, "__metadata__: a number; supported: an object of texts")]
    [TestCase("""{"__metadata__":{"a":{"b":1}}}""", 0, "__metadata__.a: an object; supported: a text")]
    [TestCase("""{"__metadata__":{"a":"1","a":"2"}}""", 0, "__metadata__.a: it is there twice")]
    [TestCase("""{"__metadata__":{},"__metadata__":{}}""", 0, "__metadata__: it is there twice")]
    public void A_wrong_header_is_refused(string header, int dataLength, string message) => Refuses(Bytes.Safetensors(header, dataLength), Doing + message);

    [Test]
    public void Bytes_that_are_no_text_are_refused() =>
        Refuses(Bytes.Safetensors([(byte)'{', (byte)'"', 0xff, (byte)'"', (byte)':', (byte)'1', (byte)'}'], 0), Doing + "$: bytes that are not UTF-8. Next: download the file again");

    [Test]
    public void Too_many_dimensions_are_refused() => Refuses(Bytes.Safetensors("""{"a":{"dtype":"U8","shape":[""" + string.Join(",", Enumerable.Repeat(1, 65)) + """],"data_offsets":[0,1]}}""", 1),
        Doing + "tensor \"a\": shape has more than 64 entries; supported: 64 at most");

    [Test]
    public void Control_characters_of_names_do_not_reach_the_terminal() => Refuses(Bytes.Safetensors("""{"\u001b[2J\u202eab":1}""", 0),
        Doing + "tensor \"\\u001b[2J\\u202eab\": a number; supported: an object with dtype, shape and data_offsets");

    [Test]
    public void An_empty_file_is_refused() => Refuses([], "opening x.safetensors: it is empty. Next: download the file again");

    [Test]
    public void A_file_shorter_than_its_length_field_is_refused() => Refuses([1, 2, 3], Doing + "3 bytes; supported: 8 bytes of length, a header and data. Next: download the file again");

    [Test]
    public void A_header_beyond_the_limit_is_refused() => Refuses([0, 0, 0, 0, 0, 0, 0, 16, 1, 2],
        Doing + "a header of 1152921504606846976 bytes; supported: 100000000 at most. Next: check that this is a safetensors file, and download it again");

    [Test]
    public void A_header_beyond_the_file_is_refused() => Refuses([9, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}'], Doing + "a header of 9 bytes in a file of 10. Next: download the file again");

    [Test]
    public void A_pointer_of_git_lfs_is_refused() => Refuses(Encoding.ASCII.GetBytes("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"),
        "opening x.safetensors: a pointer of Git LFS instead of the file. Next: run git lfs pull in the checkpoint's folder, or download the file");

    [Test]
    public void An_absent_file_is_refused() => Assert.That(() => SafetensorsFile.Open(Path.Combine(Path.GetTempPath(), "no-such.safetensors")),
        Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo("opening no-such.safetensors: there is no such file. Next: download the checkpoint again"));

    [Test]
    public void Problems_are_told_together_up_to_a_bound()
    {
        var header = "{" + string.Join(",", Enumerable.Range(0, 5000).Select(i => $"\"t{i}\":1")) + "}";
        var error = Assert.Throws<CorruptCheckpointException>(() => SafetensorsHeader.Parse(Encoding.UTF8.GetBytes(header), 0, "x"))!;
        Assert.Multiple(() =>
        {
            Assert.That(error.Problems, Has.Length.EqualTo(100));
            Assert.That(error.Message, Does.StartWith("reading the header of x: 100 problems\n  tensor \"t0\": a number").And.EndsWith("and 80 more"));
        });
    }

    [TestCase("decoder-broken/huge-header", "reading the header of model.safetensors: a header of 1152921504606846976 bytes; supported: 100000000 at most. Next: check that this is a safetensors file, and download it again")]
    [TestCase("decoder-broken/out-of-bounds-offsets", "reading the header of model.safetensors: 2 problems\n  tensor \"model.layers.0.self_attn.v_proj.weight\": ")]
    [TestCase("decoder-broken/overlapping-offsets", "reading the header of model.safetensors: ")]
    [TestCase("decoder-broken/truncated-safetensors", "reading the header of model.safetensors: 2 problems\n  tensor \"model.layers.1.self_attn.v_proj.weight\": it ends at byte 41088 of the data, which has 41084. Next: download the file again")]
    public void Broken_fixtures_are_refused(string fixture, string message) =>
        Assert.That(() => SafetensorsFile.Open(Path.Combine(Fixtures.Find(fixture), "model.safetensors")), Throws.TypeOf<CorruptCheckpointException>().With.Message.StartsWith(message));

    private static void Refuses(byte[] bytes, string message)
    {
        using var folder = new ScratchFolder();
        File.WriteAllBytes(folder["x.safetensors"], bytes);
        Assert.That(() => SafetensorsFile.Open(folder["x.safetensors"]), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo(message));
    }
}
