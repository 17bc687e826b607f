namespace OnnxTransformers;

/// <summary>A folder that is gone when the test is.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("onnx-transformers-").FullName;

    internal string this[string file] => System.IO.Path.Combine(Path, file);

    internal TemporaryFolder Write(string file, string text)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[file])!);
        File.WriteAllText(this[file], text);
        return this;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
