namespace OnnxTransformers.Generation;

/// <summary>Continues tokens, whatever runs the model behind it. Thread-safe.</summary>
public interface ITokenGenerator : IDisposable
{
    /// <summary>What holds where a call says nothing.</summary>
    GenerationConfig Defaults { get; }

    /// <summary>Continues prompts.</summary>
    /// <exception cref="InvalidInputException">The prompts or the configuration can't be worked with.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    GenerationResult Generate(GenerationRequest request, CancellationToken cancellation = default);

    /// <summary>Continues prompts and tells each token as soon as it is certain.</summary>
    /// <exception cref="InvalidInputException">The prompts or the configuration can't be worked with, or no token is certain before the end.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    IAsyncEnumerable<TokenStep> StreamAsync(GenerationRequest request, CancellationToken cancellation = default);
}
