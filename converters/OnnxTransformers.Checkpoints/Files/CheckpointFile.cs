namespace OnnxTransformers.Checkpoints;

/// <summary>What a file of a checkpoint is for.</summary>
public enum FileRole
{
    /// <summary>config.json.</summary>
    Config,
    /// <summary>The index that says which shard holds which tensor.</summary>
    Index,
    /// <summary>Tensors.</summary>
    Weights,
    /// <summary>A file that the runtime needs beside the graphs: tokenizer, processor, generation settings, chat template.</summary>
    Side,
}

/// <summary>How a checkpoint stores its tensors.</summary>
public enum WeightFormat
{
    /// <summary>One or several safetensors files.</summary>
    Safetensors,
    /// <summary>One or several files of torch.save.</summary>
    Torch,
}

/// <summary>A file of a checkpoint.</summary>
/// <param name="Name">Its path within the checkpoint, with forward slashes.</param>
/// <param name="Path">Its full path. It may be a symbolic link, as in the Hub's cache.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Role">What it is for.</param>
public sealed record CheckpointFile(string Name, string Path, long Length, FileRole Role);

/// <summary>An entry of a weight file that is not among the checkpoint's tensors, and why.</summary>
/// <param name="File">The file's name.</param>
/// <param name="Name">The entry's name.</param>
/// <param name="Reason">Why it was left out.</param>
public sealed record SkippedEntry(string File, string Name, string Reason);

/// <summary>A file that the checkpoint's folder doesn't have, made from its tensors.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Content">Its bytes.</param>
public sealed record MadeFile(string Name, ReadOnlyMemory<byte> Content);
