using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Converters.Packaging;

internal sealed class StagingTests
{
    private ScratchFolder _scratch = null!;

    [SetUp]
    public void Create() => _scratch = new ScratchFolder();

    [TearDown]
    public void Delete() => _scratch.Dispose();

    private string Final => _scratch["package"];

    [Test]
    public void A_committed_package_stands_alone()
    {
        Make("new");
        Assert.Multiple(() =>
        {
            Assert.That(Content(), Is.EqualTo("new"));
            Assert.That(Beside(), Is.EqualTo(new[] { "package" }));
        });
    }

    [Test]
    public void The_old_package_stays_until_the_new_one_is_committed()
    {
        Make("old");
        using (var staging = Staging.Create(Final))
        {
            File.WriteAllText(Path.Combine(staging.Package, "content"), "new");
            Assert.That(Content(), Is.EqualTo("old"));
            staging.Commit();
            Assert.That(Content(), Is.EqualTo("new"));
        }
        Assert.That(Beside(), Is.EqualTo(new[] { "package" }));
    }

    [Test]
    public void What_is_not_committed_is_gone()
    {
        Make("old");
        using (var staging = Staging.Create(Final)) File.WriteAllText(Path.Combine(staging.Package, "content"), "new");
        Assert.Multiple(() =>
        {
            Assert.That(Content(), Is.EqualTo("old"));
            Assert.That(Beside(), Is.EqualTo(new[] { "package" }));
        });
    }

    [Test]
    public void An_empty_folder_is_replaced()
    {
        Directory.CreateDirectory(Final);
        Make("new");
        Assert.That(Content(), Is.EqualTo("new"));
    }

    [Test]
    public void What_a_killed_export_left_is_removed_by_the_next()
    {
        Leave("package/content", "half");
        Make("new");
        Assert.That(Beside(), Is.EqualTo(new[] { "package" }));
    }

    [Test]
    public void A_package_that_a_killed_export_had_moved_away_is_put_back()
    {
        Leave("replaced/content", "old");
        using (Staging.Create(Final)) Assert.That(Content(), Is.EqualTo("old"));
        Assert.That(Content(), Is.EqualTo("old"));
    }

    [Test]
    public void An_export_that_still_runs_keeps_its_folder()
    {
        using var running = Staging.Create(Final);
        File.WriteAllText(Path.Combine(running.Package, "content"), "first");
        Make("second");
        running.Commit();
        Assert.That(Content(), Is.EqualTo("first"));
    }

    private void Make(string content)
    {
        using var staging = Staging.Create(Final);
        File.WriteAllText(Path.Combine(staging.Package, "content"), content);
        staging.Commit();
    }

    private void Leave(string file, string content)
    {
        var path = _scratch[".package.partial-abc", file];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        File.WriteAllText(_scratch[".package.partial-abc", "lock"], "");
    }

    private string Content() => File.ReadAllText(Path.Combine(Final, "content"));

    private string[] Beside() => [.. Directory.EnumerateFileSystemEntries(_scratch.FullName).Select(f => Path.GetFileName(f)!)];
}
