using OnnxTransformers.Processors.Resizing;

namespace OnnxTransformers.Processors.Processing;

/// <summary>A picture of floats, one plane a channel: [channels, height, width].</summary>
internal sealed record Planes(int Channels, int Height, int Width, float[] Values)
{
    internal Sides Sides => new(Height, Width);

    /// <summary>Another value for each.</summary>
    internal Planes Map(Func<float, int, float> step)
    {
        var result = new float[Values.Length];
        for (var i = 0; i < result.Length; i++) result[i] = step(Values[i], i / (Height * Width));
        return this with { Values = result };
    }

    /// <summary>Larger planes, the picture at (top, left), a constant around.</summary>
    internal Planes Pad(int top, int left, Sides size, float value)
    {
        var result = new float[Channels * size.Height * size.Width];
        if (value != 0) Array.Fill(result, value);
        for (var c = 0; c < Channels; c++)
            for (var y = 0; y < Height; y++)
                Values.AsSpan((c * Height + y) * Width, Width).CopyTo(result.AsSpan((c * size.Height + top + y) * size.Width + left));
        return new Planes(Channels, size.Height, size.Width, result);
    }

    /// <summary>Each pixel of a new size from any pixel of this one.</summary>
    internal Planes Pick(Sides size, Func<int, int> row, Func<int, int> column)
    {
        var result = new float[Channels * size.Height * size.Width];
        int[] columns = [.. Enumerable.Range(0, size.Width).Select(column)];
        for (var c = 0; c < Channels; c++)
            for (var y = 0; y < size.Height; y++)
            {
                var from = Values.AsSpan((c * Height + row(y)) * Width, Width);
                var to = result.AsSpan((c * size.Height + y) * size.Width, size.Width);
                for (var x = 0; x < to.Length; x++) to[x] = from[columns[x]];
            }
        return new Planes(Channels, size.Height, size.Width, result);
    }

    /// <summary>Resizes as <c>torch.nn.functional.interpolate</c>.</summary>
    internal Planes Resize(Sides size, PlaneFilter filter) => Weighted(filter.Spans(Width, size.Width), filter.Spans(Height, size.Height));

    /// <summary>Weighted sums along the rows, then along the columns.</summary>
    internal Planes Weighted((int First, double[] Weights)[] across, (int First, double[] Weights)[] down)
    {
        var middle = new float[Channels * Height * across.Length];
        var weights = across.Select(s => Array.ConvertAll(s.Weights, w => (float)w)).ToArray();
        Parallel.For(0, Channels * Height, row =>
        {
            var from = Values.AsSpan(row * Width, Width);
            var to = middle.AsSpan(row * across.Length, across.Length);
            for (var x = 0; x < to.Length; x++)
            {
                var (first, w) = (across[x].First, weights[x]);
                var sum = 0f;
                for (var i = 0; i < w.Length; i++) sum += from[first + i] * w[i];
                to[x] = sum;
            }
        });
        var result = new float[Channels * down.Length * across.Length];
        Parallel.For(0, Channels * down.Length, row =>
        {
            var (c, y) = (row / down.Length, row % down.Length);
            var to = result.AsSpan(row * across.Length, across.Length);
            for (var i = 0; i < down[y].Weights.Length; i++)
            {
                var w = (float)down[y].Weights[i];
                var from = middle.AsSpan((c * Height + down[y].First + i) * across.Length, across.Length);
                for (var x = 0; x < to.Length; x++) to[x] += from[x] * w;
            }
        });
        return new Planes(Channels, down.Length, across.Length, result);
    }
}

/// <summary>How torch's interpolate weights pixels of planes.</summary>
/// <param name="Bicubic">Cubic, else linear.</param>
/// <param name="Antialias">The filter widens where the picture shrinks; the cubic's a is then -0.5, else -0.75.</param>
/// <param name="AlignCorners">The middles of the corner pixels stay where they are.</param>
internal sealed record PlaneFilter(bool Bicubic = false, bool Antialias = false, bool AlignCorners = false)
{
    /// <summary>First pixel and weights of each output along one axis.</summary>
    internal (int First, double[] Weights)[] Spans(int inputs, int outputs)
    {
        if (Antialias) return Weights.Span(inputs, inputs, outputs, Kernel.Of(Bicubic ? ResampleFilter.Bicubic : ResampleFilter.Bilinear));
        var spans = new (int, double[])[outputs];
        for (var o = 0; o < outputs; o++)
        {
            var at = AlignCorners ? outputs > 1 ? (double)o * (inputs - 1) / (outputs - 1) : 0 : (o + 0.5) * inputs / outputs - 0.5;
            if (!Bicubic) at = Math.Max(at, 0);
            var floor = (int)Math.Floor(at);
            var t = at - floor;
            double[] weights = Bicubic ? [Cubic(t + 1), Cubic(t), Cubic(1 - t), Cubic(2 - t)] : [1 - t, t];
            spans[o] = Clamped(floor - (Bicubic ? 1 : 0), weights, inputs);
        }
        return spans;
    }

    // Pixels outside repeat the border: their weights move onto it.
    private static (int First, double[] Weights) Clamped(int first, double[] weights, int inputs)
    {
        var from = Math.Clamp(first, 0, inputs - 1);
        var end = Math.Clamp(first + weights.Length - 1, 0, inputs - 1) + 1;
        var result = new double[end - from];
        for (var i = 0; i < weights.Length; i++) result[Math.Clamp(first + i, from, end - 1) - from] += weights[i];
        return (from, result);
    }

    private static double Cubic(double x)
    {
        const double A = -0.75;
        return x <= 1 ? ((A + 2) * x - (A + 3)) * x * x + 1 : ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
    }
}
