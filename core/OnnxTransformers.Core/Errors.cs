using System.Collections.Immutable;
using System.Text;

namespace OnnxTransformers;

/// <summary>One thing that is wrong: where it was found, what was found, what is supported there and what to do next.</summary>
/// <param name="Where">A file, a JSON path or the name of a tensor.</param>
/// <param name="Found">What stands there.</param>
/// <param name="Supported">What may stand there, or null where the finding says it.</param>
/// <param name="Next">What the reader can do about it, or null where nothing but mending the input helps.</param>
public sealed record Problem(string Where, string Found, string? Supported = null, string? Next = null)
{
    /// <summary>The problem as one sentence after another, in the order of the properties.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        if (Where.Length > 0) text.Append(Where).Append(": ");
        text.Append(Found);
        if (Supported is not null) text.Append("; supported: ").Append(Supported);
        if (Next is not null) text.Append(". Next: ").Append(Next);
        return text.ToString();
    }
}

/// <summary>The base of every error that this library raises on purpose: what was being done, and all problems of that kind that were found.</summary>
public abstract class OnnxTransformersException : Exception
{
    private const int MostShown = 20;

    private protected OnnxTransformersException(string doing, IEnumerable<Problem> problems, Exception? inner = null)
        : this(doing, [.. problems], inner) { }

    private OnnxTransformersException(string doing, ImmutableArray<Problem> problems, Exception? inner) : base(Describe(doing, problems), inner)
    {
        Doing = doing;
        Problems = problems;
    }

    /// <summary>What was being done, as "reading config.json".</summary>
    public string Doing { get; }

    /// <summary>Everything of this kind that is wrong, not only the first.</summary>
    public ImmutableArray<Problem> Problems { get; }

    private static string Describe(string doing, ImmutableArray<Problem> problems)
    {
        if (problems.Length == 1) return $"{doing}: {problems[0]}";
        var text = new StringBuilder(doing).Append(": ").Append(problems.Length).Append(" problems");
        foreach (var problem in problems.Take(MostShown)) text.Append("\n  ").Append(problem);
        if (problems.Length > MostShown) text.Append("\n  and ").Append(problems.Length - MostShown).Append(" more");
        return text.ToString();
    }
}

/// <summary>The checkpoint, package or option is whole, but this library can't do what it asks for.</summary>
public sealed class UnsupportedCheckpointException : OnnxTransformersException
{
    /// <summary>Creates the error from all its problems.</summary>
    public UnsupportedCheckpointException(string doing, IEnumerable<Problem> problems, Exception? inner = null) : base(doing, problems, inner) { }

    /// <summary>Creates the error from one problem.</summary>
    public UnsupportedCheckpointException(string doing, Problem problem, Exception? inner = null) : base(doing, [problem], inner) { }

    /// <summary>The <c>model_type</c> of the checkpoint, where it is known.</summary>
    public string? ModelType { get; init; }

    /// <summary>The <c>architectures</c> of the checkpoint, where they are known.</summary>
    public ImmutableArray<string> Architectures { get; init; } = [];

    /// <summary>The configuration key that stands in the way, where one does.</summary>
    public string? Key { get; init; }

    /// <summary>The nearest thing that is supported, where there is one.</summary>
    public string? Nearest { get; init; }
}

/// <summary>A file is damaged, incomplete or contradicts another.</summary>
public sealed class CorruptCheckpointException : OnnxTransformersException
{
    /// <summary>Creates the error from all its problems.</summary>
    public CorruptCheckpointException(string doing, IEnumerable<Problem> problems, Exception? inner = null) : base(doing, problems, inner) { }

    /// <summary>Creates the error from one problem.</summary>
    public CorruptCheckpointException(string doing, Problem problem, Exception? inner = null) : base(doing, [problem], inner) { }
}

/// <summary>An exported graph does not compute what it must.</summary>
public sealed class VerificationFailedException : OnnxTransformersException
{
    /// <summary>Creates the error from all its problems.</summary>
    public VerificationFailedException(string doing, IEnumerable<Problem> problems, Exception? inner = null) : base(doing, problems, inner) { }

    /// <summary>The path of the first module whose result differs, where it could be found.</summary>
    public string? FirstDivergingModule { get; init; }
}

/// <summary>An execution provider was asked for that this machine or this build of ONNX Runtime does not have.</summary>
public sealed class ProviderUnavailableException : OnnxTransformersException
{
    /// <summary>Creates the error.</summary>
    public ProviderUnavailableException(string doing, string provider, IEnumerable<Problem> problems, Exception? inner = null) : base(doing, problems, inner) => Provider = provider;

    /// <summary>The provider that is missing, as "CUDA".</summary>
    public string Provider { get; }
}

/// <summary>What the caller passed can't be processed: a text, an argument, a line of input.</summary>
public sealed class InvalidInputException : OnnxTransformersException
{
    /// <summary>Creates the error from all its problems.</summary>
    public InvalidInputException(string doing, IEnumerable<Problem> problems, Exception? inner = null) : base(doing, problems, inner) { }

    /// <summary>Creates the error from one problem.</summary>
    public InvalidInputException(string doing, Problem problem, Exception? inner = null) : base(doing, [problem], inner) { }
}
