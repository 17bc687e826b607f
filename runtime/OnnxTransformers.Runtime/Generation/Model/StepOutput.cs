using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace OnnxTransformers.Generation;

/// <summary>The scores and states of a step, on the host.</summary>
/// <param name="scores">[rows, tokens, vocabulary].</param>
/// <param name="states">[rows, tokens, hidden]; null where they were not asked for.</param>
/// <param name="lender">Who takes the scores back; null where they are this object's.</param>
internal sealed class StepOutput(OrtValue scores, OrtValue? states, StepBinding? lender) : IModelOutput
{
    private readonly Rows _scores = new(scores);
    private readonly Rows? _states = states is null ? null : new(states);
    private bool _disposed;

    internal long Bytes => _scores.Bytes + (_states?.Bytes ?? 0);

    public void CopyScores(int row, int back, Span<float> target) => _scores.Copy(row, back, target);

    public ReadOnlySpan<float> State(int row, int back)
    {
        var all = _states ?? throw new InvalidOperationException("The step did not ask for states.");
        var state = new float[all.Width];
        all.Copy(row, back, state);
        return state;
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        if (lender is null) scores.Dispose();
        else lender.Return(scores);
        states?.Dispose();
    }

    /// <summary>A tensor [rows, tokens, width] whose last tokens are looked at.</summary>
    private sealed class Rows
    {
        private readonly OrtValue _value;
        private readonly ElementType _type;
        private readonly int _tokens;

        internal Rows(OrtValue value)
        {
            var info = value.GetTensorTypeAndShape();
            (_value, _type) = (value, OrtTypes.From(info.ElementDataType));
            (_tokens, Width) = ((int)info.Shape[1], (int)info.Shape[2]);
            Bytes = info.ElementCount * (_type == ElementType.Float ? 4 : 2);
        }

        internal int Width { get; }

        internal long Bytes { get; }

        internal void Copy(int row, int back, Span<float> target)
        {
            var at = ((row * _tokens) + _tokens - 1 - back) * Width;
            if (_type == ElementType.Float)
            {
                _value.GetTensorDataAsSpan<float>().Slice(at, Width).CopyTo(target);
                return;
            }
            Narrowing.Copy(_value.GetTensorMutableRawData().Slice(2 * at, 2 * Width), _type, MemoryMarshal.AsBytes(target[..Width]), ElementType.Float);
        }
    }
}
