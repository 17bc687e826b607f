using System.Diagnostics.CodeAnalysis;

namespace OnnxTransformers.Checkpoints;

/// <summary>One file of tensors, whatever its format.</summary>
internal interface IWeightFile : ITensorSource, IDisposable
{
    /// <summary>The file's name for messages.</summary>
    string Name { get; }

    /// <summary>What the file says of itself.</summary>
    IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Entries that are no tensors.</summary>
    IReadOnlyList<SkippedEntry> Skipped { get; }

    /// <summary>The bytes in the mapped file, where they lie there as they are.</summary>
    bool TryView(string name, [NotNullWhen(true)] out TensorView? view);
}

/// <summary>Checks of arguments that all formats share.</summary>
internal static class TensorArguments
{
    internal static void Check(TensorInfo info, long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, info.Bytes - length);
    }

    internal static KeyNotFoundException Unknown(string file, string name) => new($"{file} has no {Shown.Tensor(name)}");
}
