using System.Collections.Immutable;
using Microsoft.Extensions.AI;

namespace OnnxTransformers;

/// <summary>Splits an answer, as its pieces come, into text and calls of tools, and ends it before a stop sequence. What may be the beginning of either is held back.</summary>
/// <param name="format">How calls are written; null where there are no tools.</param>
/// <param name="stops">Texts that end the answer and don't belong to it.</param>
/// <param name="several">Whether there may be several calls.</param>
internal sealed class AnswerReader(ToolCallFormat? format, ImmutableArray<string> stops, bool several)
{
    private string _held = "";
    private bool _inCall;
    private bool _begun;

    /// <summary>Whether nothing more may come.</summary>
    internal bool IsComplete { get; private set; }

    /// <summary>Takes the next piece.</summary>
    /// <returns>What is certain now.</returns>
    internal IEnumerable<AIContent> Read(string piece, bool last)
    {
        if (IsComplete) yield break;
        _held += piece;
        if (Cut(last)) last = true;
        while (_held.Length > 0)
        {
            if (!_inCall)
            {
                var (text, call) = TextBeforeCall(last);
                if (text.Length > 0)
                {
                    _begun = true;
                    yield return new TextContent(text);
                }
                if (!call) break;
                _inCall = true;
            }
            var (body, raw) = Body(last);
            if (body is null) break;
            _inCall = false;
            _held = _held[raw.Length..];
            var calls = format!.Parse(body);
            if (calls.Count == 0) yield return new TextContent(raw);
            foreach (var call in several ? calls : calls.Take(1)) yield return call;
            IsComplete |= calls.Count > 0 && !several;
            if (IsComplete) yield break;
        }
        IsComplete |= last;
    }

    /// <summary>Takes off a stop sequence and what follows it.</summary>
    private bool Cut(bool last)
    {
        var at = stops.Select(s => _held.IndexOf(s, StringComparison.Ordinal)).Where(i => i >= 0).DefaultIfEmpty(-1).Min();
        if (at < 0) return last;
        _held = _held[..at];
        return true;
    }

    /// <summary>Takes the text that is certainly no call, and says whether one follows.</summary>
    private (string Text, bool Call) TextBeforeCall(bool last)
    {
        var at = Start();
        var end = at >= 0 ? at : last ? _held.Length : _held.Length - Uncertain();
        var text = _held[..end];
        _held = _held[end..];
        return (text, at >= 0);
    }

    private int Start()
    {
        if (format is null) return -1;
        if (!format.WholeAnswer) return _held.IndexOf(format.Begin, StringComparison.Ordinal);
        var begins = !_begun && _held.TrimStart().StartsWith(format.Begin, StringComparison.Ordinal);
        return begins ? _held.IndexOf(format.Begin, StringComparison.Ordinal) : -1;
    }

    /// <summary>Characters at the end that may begin a call or a stop sequence.</summary>
    private int Uncertain()
    {
        var marks = format is { WholeAnswer: false } ? stops.Add(format.Begin) : stops;
        if (format is { WholeAnswer: true } && !_begun && string.IsNullOrWhiteSpace(_held)) return _held.Length;
        return marks.Select(m => Enumerable.Range(1, Math.Min(m.Length - 1, _held.Length)).Reverse().FirstOrDefault(n => m.StartsWith(_held[^n..], StringComparison.Ordinal))).DefaultIfEmpty(0).Max();
    }

    /// <summary>The inside of a call, and all of it; null while it isn't whole.</summary>
    private (string? Body, string Raw) Body(bool last)
    {
        if (format!.WholeAnswer) return last ? (_held, _held) : (null, "");
        var start = format.Begin.Length;
        var end = format.End.Length == 0 ? -1 : _held.IndexOf(format.End, start, StringComparison.Ordinal);
        if (end >= 0) return (_held[start..end], _held[..(end + format.End.Length)]);
        return last ? (_held[start..], _held) : (null, "");
    }
}
