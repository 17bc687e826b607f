using System.Runtime.InteropServices;
using OnnxTransformers.Processors;

namespace OnnxTransformers;

/// <summary>Gives what an image processor has made to a graph. Which inputs there are is the graph's to say.</summary>
internal static class VisionFeeds
{
    private const string Pixels = "pixel_values", Mask = "pixel_mask";

    // Perceiver and a few others call their pixels so.
    private static readonly string[] OtherPixels = ["inputs", "pixel_values_videos"];

    /// <summary>True where a processor fills this input, or a default does.</summary>
    internal static bool Knows(string input, ProcessedBatch batch) => batch.Tensors.ContainsKey(Source(input, batch)) || input == Mask;

    /// <summary>Fills one input from rows of the same shapes.</summary>
    internal static void Fill(Feeds feeds, TensorSpec input, IReadOnlyList<ProcessedBatch> rows)
    {
        var source = Source(input.Name, rows[0]);
        if (!rows[0].Tensors.TryGetValue(source, out var first))
        {
            // A processor that doesn't pad makes no mask; everything is picture then.
            var shape = rows[0][Pixels].Shape;
            Ones(feeds, input, rows.Count, shape[^2], shape[^1]);
            return;
        }
        long[] all = [rows.Count * first.Shape[0], .. first.Shape[1..]];
        switch (input.Type)
        {
            case ElementType.Int64 or ElementType.Int32:
                Copy(rows, source, feeds.Int64(input.Name, all), Longs);
                break;
            case ElementType.Bool:
                Copy(rows, source, feeds.Bool(input.Name, all), static (from, to) =>
                {
                    var values = from.Longs.Span;
                    for (var i = 0; i < to.Length; i++) to[i] = values[i] != 0;
                });
                break;
            default:
                Copy(rows, source, feeds.Float(input.Name, all), Floats);
                break;
        }
    }

    private delegate void Copier<T>(ProcessedTensor from, Span<T> to);

    private static string Source(string input, ProcessedBatch batch) => !batch.Tensors.ContainsKey(input) && OtherPixels.Contains(input) ? Pixels : input;

    private static void Ones(Feeds feeds, TensorSpec input, long rows, long height, long width)
    {
        if (input.Type == ElementType.Bool) feeds.Bool(input.Name, rows, height, width).Fill(true);
        else if (input.Type == ElementType.Float) feeds.Float(input.Name, rows, height, width).Fill(1);
        else feeds.Int64(input.Name, rows, height, width).Fill(1);
    }

    private static void Copy<T>(IReadOnlyList<ProcessedBatch> rows, string source, Span<T> target, Copier<T> copy)
    {
        var each = target.Length / rows.Count;
        for (var i = 0; i < rows.Count; i++) copy(rows[i][source], target.Slice(i * each, each));
    }

    private static void Longs(ProcessedTensor from, Span<long> to)
    {
        if (from.Type == ElementType.Int64) from.Longs.Span.CopyTo(to);
        else for (var i = 0; i < to.Length; i++) to[i] = from.Type == ElementType.UInt8 ? from.Bytes[i] : (long)from.Floats.Span[i];
    }

    private static void Floats(ProcessedTensor from, Span<float> to)
    {
        switch (from.Type)
        {
            case ElementType.Float:
                from.Floats.Span.CopyTo(to);
                break;
            case ElementType.UInt8:
                for (var i = 0; i < to.Length; i++) to[i] = from.Bytes[i];
                break;
            case ElementType.Int64:
                for (var i = 0; i < to.Length; i++) to[i] = from.Longs.Span[i];
                break;
            default:
                var halves = MemoryMarshal.Cast<byte, ushort>(from.Bytes);
                for (var i = 0; i < to.Length; i++) to[i] = BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
                break;
        }
    }
}
