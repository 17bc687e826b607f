using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Tool.Lines;

internal sealed class AtomicFileTests
{
    [Test]
    public void The_old_file_stays_until_the_new_one_is_complete()
    {
        using var scratch = new ScratchFolder();
        File.WriteAllText(scratch["answers"], "old");
        using (var file = AtomicFile.Create(scratch["answers"]))
        {
            file.Stream.Write("new"u8);
            Assert.That(File.ReadAllText(scratch["answers"]), Is.EqualTo("old"));
            file.Commit();
        }
        Assert.That(File.ReadAllText(scratch["answers"]), Is.EqualTo("new"));
    }

    [Test]
    public void What_is_not_complete_leaves_nothing()
    {
        using var scratch = new ScratchFolder();
        using (var file = AtomicFile.Create(scratch["answers"])) file.Stream.Write("half"u8);
        Assert.That(Directory.EnumerateFileSystemEntries(scratch.FullName), Is.Empty);
    }

    [Test]
    public void A_folder_that_is_not_there_is_named() => Assert.That(() => AtomicFile.Create("/no/such/folder/answers"),
        Throws.InstanceOf<InvalidInputException>().With.Message.EqualTo("writing answers: /no/such/folder/answers: its folder is not there; supported: a file in a folder that exists"));
}
