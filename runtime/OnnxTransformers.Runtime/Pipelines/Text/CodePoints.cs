namespace OnnxTransformers;

/// <summary>Between UTF-16 positions, which C# counts by, and code points, which the reference counts by.</summary>
internal sealed class CodePoints
{
    private readonly int[]? _before;

    /// <summary>Prepares the positions of <paramref name="text"/>; free where it holds no surrogates.</summary>
    internal CodePoints(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) return;
        _before = new int[text.Length + 1];
        for (var i = 0; i < text.Length; i++)
            _before[i + 1] = _before[i] + (i > 0 && char.IsLowSurrogate(text[i]) && char.IsHighSurrogate(text[i - 1]) ? 0 : 1);
    }

    /// <summary>Code points before a UTF-16 position; one inside a surrogate pair counts as after it.</summary>
    internal int At(int utf16) => _before is null ? utf16 : _before[utf16];

    /// <summary>Number of code points.</summary>
    internal static int Count(ReadOnlySpan<char> text)
    {
        var count = text.Length;
        for (var i = 1; i < text.Length; i++)
            if (char.IsLowSurrogate(text[i]) && char.IsHighSurrogate(text[i - 1])) count--;
        return count;
    }
}
