using System.Runtime.CompilerServices;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Turns a stack that is about to overflow into an error, wherever something recurses over what a template made.</summary>
internal static class StackGuard
{
    internal static void Check()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw new TemplateFault("RecursionError", "maximum recursion depth exceeded");
    }
}
