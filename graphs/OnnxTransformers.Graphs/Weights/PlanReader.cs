using System.Globalization;

namespace OnnxTransformers.Graphs.Weights;

/// <summary>Takes bytes of a result.</summary>
/// <param name="offset">Bytes from the result's start.</param>
/// <param name="bytes">They are valid during the call only.</param>
internal delegate void PieceSink(long offset, ReadOnlySpan<byte> bytes);

/// <summary>A part of a result that can be made on its own: of one copy, or where <paramref name="Copy"/> is null, the whole.</summary>
internal sealed record Piece(RecipePlan Plan, Copy? Copy, Box? Box)
{
    /// <summary>Bytes of the result.</summary>
    internal long Bytes => Box is null ? Plan.Bytes : Box.Count * Plan.ElementSize;
}

/// <summary>Makes the bytes of plans, block by block, with a few buffers that it keeps. Not thread-safe: each thread has its own.</summary>
/// <param name="stored">The stored tensors.</param>
/// <param name="blockBytes">Bytes moved at once: what the second-level cache still holds when they are moved on.</param>
internal sealed unsafe partial class PlanReader(StoredBytes stored, int blockBytes = 512 << 10) : IDisposable
{
    /// <summary>Runs shorter than this that follow each other closely are copied out of a larger read.</summary>
    private const int ShortRun = 512;

    private const int CloseRuns = 2048;

    private const int WindowBytes = 256 << 10;
    private const int LargestWrite = 1 << 30;

    private readonly NativeBuffer _block = new(), _even = new(), _odd = new(), _window = new(), _slab = new(), _result = new();

    /// <summary>The parts in which a result is made: pieces of one copy of at most <paramref name="budget"/> bytes; the whole where several copies interlace and that fits, or a part of it has to be held anyway.</summary>
    internal static IEnumerable<Piece> Pieces(RecipePlan plan, long budget)
    {
        if (plan.Count == 0) return [];
        if (RowBlocks(plan, budget) is { } blocks) return blocks;
        var whole = plan.Copies.Any(c => c.Source.IsMade) || (plan.Bytes <= budget && plan.Copies.Length > 1 && !plan.Copies.All(c => c.IsContiguous));
        return whole ? [new Piece(plan, null, null)] : plan.Copies.SelectMany(copy => Slabs(plan, copy, budget).Select(box => new Piece(plan, copy, box)));
    }

    /// <summary>Cuts a copy along the result, whose runs then are long and the reads short, or along the source, the other way round. Short reads cost less than short writes: half as long is as good.</summary>
    private static IEnumerable<Box> Slabs(RecipePlan plan, Copy copy, long budget)
    {
        var most = Math.Max(1, budget / plan.ElementSize);
        int[] order = [.. Enumerable.Range(0, copy.Axes.Length).OrderByDescending(i => copy.Axes[i].From)];
        int[] back = [.. Enumerable.Range(0, order.Length).Select(i => Array.IndexOf(order, i))];

        var alongResult = Box.Of(copy.Axes).Split(most, plan.ElementSize).Select(b => b.Permuted(order));
        var alongSource = Box.Of(SourceOrder(copy)).Split(most, plan.ElementSize);
        var read = Runs.Length(alongResult.First(), SourceOrder(copy), a => a.From);
        var written = Runs.Length(alongSource.First().Permuted(back), copy.Axes, a => a.To);
        return read * 2 >= written ? alongResult : alongSource;
    }

    /// <summary>Makes one piece and hands it on in runs as large as its layout and the block size allow.</summary>
    internal void Make(Piece piece, string name, PieceSink sink)
    {
        var plan = piece.Plan;
        if (piece is not { Copy: { } copy, Box: { } box })
        {
            var whole = _slab.Get(plan.Bytes);
            Fill(plan, name, whole);
            for (var at = 0L; at < plan.Bytes; at += LargestWrite) sink(at, new ReadOnlySpan<byte>(whole + at, (int)Math.Min(LargestWrite, plan.Bytes - at)));
            return;
        }
        if (copy.Source is PlanSource.Quantized quantized) Quantize(quantized.Recipe, box, plan.ElementSize, copy.To * plan.ElementSize, name, sink);
        else if (copy.IsContiguous) Stream(plan, copy, box, name, sink);
        else Rearrange(plan, copy, box, name, sink);
    }

    private void Stream(RecipePlan plan, Copy copy, Box box, string name, PieceSink sink)
    {
        var size = plan.ElementSize;
        var axes = SourceOrder(copy);
        foreach (var part in box.Split(Math.Max(1, blockBytes / Math.Max(size, copy.Source.ElementSize)), size))
        {
            var to = _result.Get(blockBytes);
            Load(copy, axes, null, part, name, to, size);
            sink((copy.To + (part.Start.Length == 0 ? 0 : part.Start[0])) * size, new ReadOnlySpan<byte>(to, checked((int)(part.Count * size))));
        }
    }

    /// <summary>Reads a slab in the order of the source, then takes blocks out of it in the order of the result: a block is written while it still is in the cache.</summary>
    private void Rearrange(RecipePlan plan, Copy copy, Box box, string name, PieceSink sink)
    {
        var size = plan.ElementSize;
        var axes = SourceOrder(copy);
        var slab = _slab.Get(box.Count * size);
        Load(copy, axes, null, box, name, slab, size);

        int[] order = [.. Enumerable.Range(0, axes.Length).OrderByDescending(i => axes[i].To)];
        Axis[] loops = [.. order.Select(i => axes[i])];
        long[] from = [.. order.Select(i => Dense(box)[i])];
        var all = box.Permuted(order);
        foreach (var part in all.Split(Math.Max(1, blockBytes / size), size))
        {
            var block = _result.Get(blockBytes);
            var first = slab;
            for (var i = 0; i < order.Length; i++) first += (part.Start[i] - all.Start[i]) * from[i] * size;
            Layout.Move(first, from, block, Dense(part), part.Extent, size);
            foreach (var (at, done, count) in Runs.Of(part, loops, a => a.To))
                sink((copy.To + at) * size, new ReadOnlySpan<byte>(block + done * size, checked((int)(count * size))));
        }
    }

    /// <summary>Makes a whole result in memory.</summary>
    internal void Fill(RecipePlan plan, string name, byte* target)
    {
        foreach (var copy in plan.Copies)
        {
            using var held = Hold(copy, name);
            var axes = SourceOrder(copy);
            Fill(copy, axes, held, Box.Of(axes), name, target + copy.To * plan.ElementSize, [.. axes.Select(a => a.To)], plan.ElementSize);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in new[] { _block, _even, _odd, _window, _slab, _result }) buffer.Dispose();
    }

    private static Axis[] SourceOrder(Copy copy) => [.. copy.Axes.OrderByDescending(a => a.From)];

    private static long[] Dense(Box box)
    {
        var strides = new long[box.Extent.Length];
        var stride = 1L;
        for (var i = strides.Length - 1; i >= 0; i--) (strides[i], stride) = (stride, stride * box.Extent[i]);
        return strides;
    }

    /// <summary>The result that a copy reads from, made in memory; null where it reads a stored tensor.</summary>
    private NativeBuffer? Hold(Copy copy, string name)
    {
        if (!copy.Source.IsMade) return null;
        var buffer = new NativeBuffer();
        using var inner = new PlanReader(stored, blockBytes);
        if (copy.Source is PlanSource.Held held) inner.Fill(held.Plan, name, buffer.Get(held.Plan.Bytes));
        else if (copy.Source is PlanSource.Mxfp4 packed) inner.FillMxfp4(packed, name, buffer);
        else inner.FillQuantized(((PlanSource.Quantized)copy.Source).Recipe, name, buffer);
        return buffer;
    }

    private void FillMxfp4(PlanSource.Mxfp4 packed, string name, NativeBuffer target)
    {
        using NativeBuffer blocks = new(), scales = new();
        Fill(packed.Blocks, name, blocks.Get(packed.Blocks.Bytes));
        Fill(packed.Scales, name, scales.Get(packed.Scales.Bytes));
        Mxfp4.Decode(blocks.Get(0), scales.Get(0), (float*)target.Get(packed.Blocks.Bytes * 2 * sizeof(float)), packed.Scales.Count);
    }

    /// <summary>Puts a part of a copy where its strides say.</summary>
    private void Fill(Copy copy, Axis[] axes, NativeBuffer? held, Box box, string name, byte* target, long[] strides, int size)
    {
        foreach (var part in box.Split(Math.Max(1, blockBytes / Math.Max(size, copy.Source.ElementSize)), size))
        {
            var to = target;
            for (var i = 0; i < strides.Length; i++) to += (part.Start[i] - box.Start[i]) * strides[i] * size;
            if (IsDense(part, strides))
            {
                Load(copy, axes, held, part, name, to, size);
                continue;
            }
            var from = _result.Get(blockBytes);
            Load(copy, axes, held, part, name, from, size);
            Layout.Move(from, Dense(part), to, strides, part.Extent, size);
        }
    }

    /// <summary>Reads and converts a part of a copy, densely and in the order of the source.</summary>
    private void Load(Copy copy, Axis[] axes, NativeBuffer? held, Box box, string name, byte* to, int size)
    {
        foreach (var part in box.Split(Math.Max(1, blockBytes / Math.Max(size, copy.Source.ElementSize)), size))
        {
            var count = part.Count;
            var from = copy.Steps.Length == 0 ? to : _block.Get(blockBytes);
            Gather(copy, axes, held, part, from);
            for (var i = 0; i < copy.Steps.Length; i++)
            {
                var next = i == copy.Steps.Length - 1 ? to : (i % 2 == 0 ? _even : _odd).Get(count * sizeof(double));
                Apply(copy, copy.Steps[i], count, name, from, next);
                from = next;
            }
            to += count * size;
        }
    }

    private static bool IsDense(Box box, ReadOnlySpan<long> strides)
    {
        var stride = 1L;
        for (var i = strides.Length - 1; i >= 0; i--)
        {
            if (box.Extent[i] == 1) continue;
            if (strides[i] != stride) return false;
            stride *= box.Extent[i];
        }
        return true;
    }

    private static void Apply(Copy copy, Step step, long count, string name, byte* from, byte* to)
    {
        var source = new ReadOnlySpan<byte>(from, checked((int)step.From.Bytes(count)));
        var bad = FloatConversion.Apply(step, source, new Span<byte>(to, checked((int)step.To.Bytes(count))));
        if (bad < 0) return;
        var value = FloatConversion.ValueAt(step.From, source, (int)bad).ToString("R", CultureInfo.InvariantCulture);
        var at = copy.Source is PlanSource.Stored stored && stored.Tensor.Name != name ? $"{name} (from {stored.Tensor.Name})" : name;
        var found = step.Factor == 1 ? $"the value {value}" : $"the value {value} times {step.Factor.ToString("R", CultureInfo.InvariantCulture)}";
        var (largest, next) = step.To switch
        {
            ElementType.Float16 => ("magnitudes up to 65504 in float16", "use bf16 or fp32"),
            ElementType.BFloat16 => ("magnitudes up to 3.39E+38 in bfloat16", "use fp32"),
            _ => ($"finite values of {step.To}", "mend the checkpoint: no network computes with such values"),
        };
        throw new UnsupportedCheckpointException($"converting weights to {step.To}", new Problem(at, found, largest, next));
    }

    /// <summary>Reads a part of a copy's source densely, in the order of the source.</summary>
    private void Gather(Copy copy, Axis[] axes, NativeBuffer? held, Box box, byte* to)
    {
        var size = copy.Source.ElementSize;
        var all = box.Count;
        long windowStart = 0, windowEnd = 0, last = long.MaxValue;
        foreach (var (offset, done, count) in Runs.Of(box, axes, a => a.From))
        {
            var (at, bytes) = ((copy.From + offset) * size, count * size);
            var put = to + done * size;
            if (held is not null)
            {
                Buffer.MemoryCopy(held.Get(0) + at, put, bytes, bytes);
                continue;
            }
            var tensor = ((PlanSource.Stored)copy.Source).Tensor;
            var apart = at - last;
            last = at;
            if (bytes >= ShortRun || apart > CloseRuns || count == all)
            {
                stored.Read(tensor, at, new Span<byte>(put, checked((int)bytes)));
                continue;
            }
            var window = _window.Get(WindowBytes);
            if (at < windowStart || at + bytes > windowEnd)
            {
                (windowStart, windowEnd) = (at, Math.Min(at + WindowBytes, tensor.Bytes));
                stored.Read(tensor, at, new Span<byte>(window, (int)(windowEnd - at)));
            }
            Buffer.MemoryCopy(window + (at - windowStart), put, bytes, bytes);
        }
    }
}
