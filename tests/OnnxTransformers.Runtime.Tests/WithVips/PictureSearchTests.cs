using NUnit.Framework;
using OnnxTransformers.Processors;
using OnnxTransformers.Testing;
using PictureSearch;

namespace OnnxTransformers.Pipelines;

/// <summary>The towers of CLIP alone, and the sample that searches pictures with them.</summary>
internal sealed class PictureSearchTests
{
    private static readonly string[] Texts = ["cat", "dog", "two remotes"];

    private static string Package() => Packages.Export(Fixtures.Find("pipelines/zero_shot_image_classification"), new() { Verify = Converters.VerificationLevel.None });

    [Test]
    public void Towers_alone_agree_with_the_whole()
    {
        var options = new PipelineOptions { ImageDecoder = Decoder.Require() };
        var photo = Fixtures.Media("media/cat.png");
        using var embedding = PictureEmbedding.Load(Package(), options);
        using var whole = ZeroShotImageClassification.Load(Package(), options);
        var picture = embedding.EmbedPictures([photo])[0];
        var texts = embedding.EmbedTexts([.. Texts.Select(t => $"This is a photo of {t}.")]);
        var cosines = texts.Select(t => System.Numerics.Tensors.TensorPrimitives.Dot<float>(t, picture)).ToArray();
        var scores = whole.Run(photo, Texts);
        // Logits are cosines times the model's scale, so that the logarithms of two scores are as far apart as that.
        var wanted = scores.ToDictionary(s => s.Label, s => Math.Log(s.Score));
        var scale = (wanted["cat"] - wanted["dog"]) / (cosines[0] - cosines[1]);
        Assert.That(wanted["two remotes"] - wanted["dog"], Is.EqualTo(scale * (cosines[2] - cosines[1])).Within(1e-3));
        Assert.That(scale, Is.GreaterThan(1));
        Assert.That(picture.Sum(v => v * v), Is.EqualTo(1).Within(1e-5));
    }

    [Test]
    public void A_package_without_towers_is_refused()
    {
        using var folder = new ScratchFolder();
        folder.Write("config.json", "{}");
        Assert.That(() => PictureEmbedding.Load(folder.FullName), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo(
            $"opening {folder.FullName}: onnx/vision_model.onnx: not there; the package has no ONNX file. Next: export the model for this task"));
    }

    [Test]
    public void The_sample_indexes_once_and_finds_again()
    {
        using var folder = new ScratchFolder();
        foreach (var name in (string[])["cat.png", "gray.jpg", "coins.png"]) File.Copy(Fixtures.Media($"media/{name}"), folder[name]);
        folder.Write("broken.png", "no picture");
        using var embedding = PictureEmbedding.Load(Package(), new() { ImageDecoder = Decoder.Require() });
        var problems = new List<string>();
        var index = PictureIndex.Update(folder.FullName, "clip", embedding, problems.Add);
        Assert.That((index.Count, problems.Single()), Is.EqualTo((3, $"decoding an image: {folder["broken.png"]}: a file that begins like no picture; supported: Jpeg, Png, Gif, WebP, Tiff, Bmp")));
        var wanted = embedding.EmbedPictures([folder["coins.png"]])[0];
        var found = index.Find(wanted, 2);
        Assert.That((found[0].File, found.Count), Is.EqualTo(("coins.png", 2)));
        Assert.That(found[0].Score, Is.EqualTo(1).Within(1e-5));

        File.Delete(folder["cat.png"]);
        File.Delete(folder["broken.png"]);
        // What is known isn't read again: the picture may be gone from the disk's view, its vector stays.
        var again = PictureIndex.Update(folder.FullName, "clip", embedding, problems.Add);
        Assert.That((again.Count, problems.Count), Is.EqualTo((2, 1)));
        Assert.That(again.Find(wanted, 1), Is.EqualTo(index.Find(wanted, 1)));
        Assert.That(PictureIndex.Update(folder.FullName, "another", embedding, problems.Add).Count, Is.EqualTo(2));
        var page = HtmlPage.Of("<coins>", again.Find(wanted, 1), f => new ImageLoader(Decoder.Require()).Load(folder[f]));
        Assert.That(page, Does.Contain("<h1>&lt;coins&gt;</h1>").And.Contain("data:image/png;base64,iVBOR").And.Contain("coins.png<br>1.000"));
    }
}
