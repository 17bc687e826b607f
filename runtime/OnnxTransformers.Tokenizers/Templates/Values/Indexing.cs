using System.Numerics;
using System.Text;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Indexes and slices as Python resolves them.</summary>
internal static class Indexing
{
    /// <summary>The position that an index names, or null where it is no index or out of range.</summary>
    internal static int? Position(Value key, int count)
    {
        if (!Arithmetic.TryInteger(key, out var index)) return null;
        if (index.Sign < 0) index += count;
        return index.Sign < 0 || index >= count ? null : (int)index;
    }

    internal static Value Slice(Value value, Value start, Value stop, Value step, Rendering rendering)
    {
        if (value is UndefinedValue undefined) throw undefined.Fault(rendering);
        if (!value.IsIndexable)
            throw value is DictValue ? TemplateFault.Type("unhashable type: 'slice'") : TemplateFault.Type($"'{value.TypeName}' object is not subscriptable");
        var (first, count, by) = Resolve(value.Count, Bound(start), Bound(stop), Bound(step));
        rendering.Charge(1 + count / 8);
        switch (value)
        {
            case StrValue text:
                return text.With(Slice(text, first, count, by, rendering));
            case RangeValue range:
                return new RangeValue(range.Start + range.Step * first, range.Start + range.Step * (first + count * by), range.Step * by);
            case TupleValue tuple:
                rendering.Reserve(count);
                return new TupleValue(Pick(tuple.Elements, (int)first, (int)count, (int)by));
            default:
                rendering.Reserve(count);
                return new ListValue(Pick(((ListValue)value).Elements, (int)first, (int)count, (int)by));
        }
    }

    private static string Slice(StrValue text, long first, long count, long by, Rendering rendering)
    {
        if (count == 0) return "";
        rendering.Allocate(2 * count);
        var plain = text.IsPlain;
        if (by == 1)
        {
            if (plain) return text.Text.Substring((int)first, (int)count);
            rendering.Charge(text.Weight);
            var start = PyText.Offset(text.Text, (int)first);
            return text.Text[start..(start + PyText.Offset(text.Text.AsSpan(start), (int)count))];
        }
        var result = new StringBuilder((int)count);
        if (plain)
        {
            for (long i = 0; i < count; i++) result.Append(text.Text[(int)(first + i * by)]);
            return result.ToString();
        }
        rendering.Allocate(8L * text.Count);
        var offsets = PyText.Offsets(text.Text);
        for (long i = 0; i < count; i++)
        {
            var at = offsets[first + i * by];
            result.Append(text.Text, at, PyText.WidthAt(text.Text, at));
        }
        return result.ToString();
    }

    private static Value[] Pick(Value[] elements, int first, int count, int by)
    {
        if (by == 1) return count == 0 ? [] : elements[first..(first + count)];
        var result = new Value[count];
        for (var i = 0; i < count; i++) result[i] = elements[first + i * by];
        return result;
    }

    private static BigInteger? Bound(Value value)
    {
        if (value is NoneValue) return null;
        if (Arithmetic.TryInteger(value, out var number)) return number;
        throw TemplateFault.Type("slice indices must be integers or None or have an __index__ method");
    }

    /// <summary>First position, number of items and step.</summary>
    private static (long First, long Count, long Step) Resolve(int length, BigInteger? start, BigInteger? stop, BigInteger? step)
    {
        var by = step ?? BigInteger.One;
        if (by.IsZero) throw TemplateFault.Value("slice step cannot be zero");
        var stride = (long)BigInteger.Min(BigInteger.Max(by, -int.MaxValue), int.MaxValue);
        long low = stride > 0 ? 0 : -1, high = stride > 0 ? length : length - 1;
        var first = Clamp(start, stride > 0 ? low : high);
        var last = Clamp(stop, stride > 0 ? high : low);
        var count = stride > 0 ? (last - first + stride - 1) / stride : (first - last - stride - 1) / -stride;
        return (first, Math.Max(0, count), stride);

        long Clamp(BigInteger? bound, long absent)
        {
            if (bound is not { } value) return absent;
            if (value.Sign < 0) value += length;
            return (long)BigInteger.Min(BigInteger.Max(value, low), high);
        }
    }
}
