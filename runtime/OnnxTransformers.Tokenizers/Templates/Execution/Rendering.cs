using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The state of one rendering: what it has used of its limits, the clock, and where the assistant's text was written. One thread, one use.</summary>
internal sealed class Rendering
{
    private const long CheckEvery = 1 << 16;

    private readonly TemplateLimits _limits;
    private readonly CancellationToken _cancellation;
    private long _steps, _untilCheck = CheckEvery, _bytes;

    internal Rendering(TemplateLimits limits, DateTime? now = null, CancellationToken cancellation = default)
    {
        (_limits, _cancellation, Now) = (limits, cancellation, now);
        Keys = new KeyComparer(this);
    }

    /// <summary>What <c>strftime_now</c> tells; null is the clock.</summary>
    internal DateTime? Now { get; }

    /// <summary>Compares keys of dictionaries as Python does, at the expense of this rendering.</summary>
    internal KeyComparer Keys { get; }

    /// <summary>The text written by the template's own level, to which positions of generation blocks refer.</summary>
    internal StringBuilder Root { get; } = new();

    /// <summary>Start and end, in UTF-16 characters, of each generation block.</summary>
    internal List<CharacterSpan> Generated { get; } = [];

    /// <summary>How many macros, recursive loops and blocks are being executed.</summary>
    internal int Depth { get; private set; }

    /// <summary>The line of the statement being executed.</summary>
    internal int Line { get; set; } = 1;

    internal void Charge(long steps)
    {
        if ((_untilCheck -= steps) < 0) Check();
    }

    private void Check()
    {
        _cancellation.ThrowIfCancellationRequested();
        _steps += CheckEvery - _untilCheck;
        _untilCheck = CheckEvery;
        if (_steps > _limits.MaxSteps) throw TemplateFault.Limit($"the rendering takes more than {_limits.MaxSteps} steps");
    }

    internal void Allocate(long bytes)
    {
        if ((_bytes += bytes) > _limits.MaxAllocatedBytes)
            throw TemplateFault.Limit($"the rendering makes more than {_limits.MaxAllocatedBytes} bytes of texts and lists");
    }

    /// <summary>Refuses a text before it is made.</summary>
    internal void CheckLength(long characters)
    {
        if (characters > _limits.MaxCharacters) throw TemplateFault.Limit($"a text has more than {_limits.MaxCharacters} characters");
    }

    /// <summary>Counts a text that was made.</summary>
    internal StrValue Text(string text)
    {
        if (text.Length == 0) return StrValue.Empty;
        CheckLength(text.Length);
        Charge(1 + (text.Length >> 4));
        Allocate(48 + 2L * text.Length);
        return new StrValue(text);
    }

    /// <summary>A list of as many items is about to be made.</summary>
    internal void Reserve(long items)
    {
        Charge(2 + (items >> 2));
        Allocate(64 + 8 * items);
    }

    internal ListValue List(List<Value> items)
    {
        Reserve(items.Count);
        return new ListValue([.. items]);
    }

    internal void Append(StringBuilder output, string text)
    {
        if (output.Length + (long)text.Length > _limits.MaxCharacters) throw TemplateFault.Limit($"the text has more than {_limits.MaxCharacters} characters");
        Charge(1 + (text.Length >> 4));
        output.Append(text);
    }

    internal void Enter()
    {
        if (++Depth > _limits.MaxDepth)
            throw new TemplateFault("RecursionError", $"maximum recursion depth exceeded (macros call each other more than {_limits.MaxDepth} deep)");
        StackGuard.Check();
    }

    internal void Leave() => Depth--;
}
