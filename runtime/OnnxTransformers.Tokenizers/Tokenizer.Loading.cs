namespace OnnxTransformers.Tokenizers;

public sealed partial class Tokenizer
{
    /// <summary>Reads a tokenizer.json alone, whatever stands beside it; truncation and padding are off.</summary>
    /// <param name="tokenizerJson">The file's path.</param>
    /// <exception cref="UnsupportedCheckpointException">It has a component or a key that is not known.</exception>
    /// <exception cref="CorruptCheckpointException">It is missing, no JSON, or contradicts itself.</exception>
    public static Tokenizer FromFile(string tokenizerJson) => new(TokenizerReader.Read(ReadFile(tokenizerJson), Path.GetFileName(tokenizerJson)).Parts);

    /// <summary>Reads the tokenizer of a checkpoint's folder as transformers' AutoTokenizer does.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="UnsupportedCheckpointException">It has a component, a key or a class that is not known.</exception>
    /// <exception cref="CorruptCheckpointException">A file is missing, no JSON, or contradicts another.</exception>
    public static Tokenizer Load(string folder)
    {
        var config = TokenizerConfig.Read(folder);
        var result = TokenizerReader.Read(ReadFile(Path.Combine(folder, "tokenizer.json")), "tokenizer.json", config);
        int? IdOf(string token) => result.Parts.Added.Ids.TryGetValue(token, out var id) || (id = result.Parts.Model.Vocabulary.Find(token)) >= 0 ? id : null;
        return new(result.Parts with { Settings = config.Settings(IdOf, result.Parts.Added, result.Truncation, result.Padding) });
    }

    private static byte[] ReadFile(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CorruptCheckpointException($"reading {path}", new Problem(path, "no such file", "a tokenizer.json", "name the folder of a checkpoint"), e);
        }
    }
}
