using OnnxTransformers.Converters;

namespace OnnxTransformers.Tool.Printing;

/// <summary>A line on the terminal that says what is being done; it overwrites itself.</summary>
internal sealed class ProgressLine : IProgress<ExportProgress>, IDisposable
{
    private const int MillisecondsBetween = 100;
    private readonly Lock _lock = new();
    private string _step = "";
    private long _last;
    private int _width;

    private ProgressLine() { }

    /// <summary>Null where standard error is no terminal.</summary>
    internal static ProgressLine? Create() => Console.IsErrorRedirected ? null : new();

    /// <inheritdoc/>
    public void Report(ExportProgress value)
    {
        lock (_lock)
        {
            var now = Environment.TickCount64;
            if (value.Step == _step && now - _last < MillisecondsBetween) return;
            (_step, _last) = (value.Step, now);
            Show(value.Done is { } done ? $"{value.Step} {done:P0}" : value.Step);
        }
    }

    /// <summary>Removes the line.</summary>
    internal void Clear()
    {
        lock (_lock) Show("");
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    private void Show(string text)
    {
        if (text.Length == 0 && _width == 0) return;
        Console.Error.Write($"\r{text.PadRight(_width)}{(text.Length == 0 ? "\r" : "")}");
        _width = text.Length;
    }
}
