namespace OnnxTransformers.Testing;

/// <summary>A new empty folder that is deleted with everything in it.</summary>
public sealed class ScratchFolder : IDisposable
{
    /// <summary>Creates it among the system's temporary files.</summary>
    public ScratchFolder() => FullName = Directory.CreateTempSubdirectory("onnx-transformers-").FullName;

    /// <summary>Its full path.</summary>
    public string FullName { get; }

    /// <summary>A path inside it.</summary>
    public string this[params ReadOnlySpan<string> parts] => Path.Combine([FullName, .. parts]);

    /// <summary>Writes a text file, and the folders that it is in.</summary>
    public ScratchFolder Write(string file, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[file])!);
        File.WriteAllText(this[file], text);
        return this;
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(FullName, recursive: true);
}
