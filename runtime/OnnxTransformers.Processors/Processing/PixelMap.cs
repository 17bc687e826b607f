namespace OnnxTransformers.Processors.Processing;

/// <summary>What becomes of an 8-bit value in each channel: rescaling, offset and normalisation are carried out once for all 256 values, in numpy's
/// arithmetic, and then looked up.</summary>
internal sealed class PixelMap
{
    private readonly float[][] _tables;
    private readonly bool _reversed;

    private PixelMap(float[][] tables, bool reversed, bool isIdentity) => (_tables, _reversed, IsIdentity) = (tables, reversed, isIdentity);

    /// <summary>True where values stay as they are, and tensors stay tensors of bytes.</summary>
    internal bool IsIdentity { get; }

    /// <summary>True where blue comes first.</summary>
    internal bool IsReversed => _reversed;

    /// <summary>Applies float functions, one after the other, to the values of three channels.</summary>
    /// <param name="reversed">Blue comes first; the functions get the number of the channel in the result.</param>
    /// <param name="steps">(value, channel of the result) -> value.</param>
    internal static PixelMap Create(bool reversed, params ReadOnlySpan<Func<float, int, float>> steps)
    {
        var tables = new float[3][];
        for (var c = 0; c < tables.Length; c++)
        {
            tables[c] = new float[256];
            for (var v = 0; v < 256; v++)
            {
                float value = v;
                foreach (var step in steps) value = step(value, c);
                tables[c][v] = value;
            }
        }
        return new PixelMap(tables, reversed, steps.IsEmpty);
    }

    /// <summary>Times a factor: numpy multiplies in double precision and rounds to single.</summary>
    internal static Func<float, int, float> Rescale(double factor) => (v, _) => (float)(v * factor);

    /// <summary>Less mean, by standard deviation, both rounded to single precision first.</summary>
    internal static Func<float, int, float> Normalize(Normal normal) => (v, c) => (v - (float)normal.Mean[c]) / (float)normal.Std[c];

    /// <summary>The value that a channel of the result gives to an 8-bit value.</summary>
    internal float this[int channel, byte value] => _tables[channel][value];

    /// <summary>Writes the channels of an RGB picture into the top left of planes [channels, height, width]; the rest stays as it is.</summary>
    internal void Fill(Image image, Span<float> target, Sides size)
    {
        var source = image.Pixels.Span;
        var plane = size.Height * size.Width;
        var first = target.Slice(_reversed ? 2 * plane : 0, plane);
        var second = target.Slice(plane, plane);
        var third = target.Slice(_reversed ? 0 : 2 * plane, plane);
        var (r, g, b) = _reversed ? (_tables[2], _tables[1], _tables[0]) : (_tables[0], _tables[1], _tables[2]);
        for (var y = 0; y < image.Height; y++)
        {
            var row = source.Slice(y * image.Stride, image.Stride);
            var red = first.Slice(y * size.Width, image.Width);
            var green = second.Slice(y * size.Width, image.Width);
            var blue = third.Slice(y * size.Width, image.Width);
            for (int x = 0, at = 0; x < red.Length; x++, at += 3)
            {
                red[x] = r[row[at]];
                green[x] = g[row[at + 1]];
                blue[x] = b[row[at + 2]];
            }
        }
    }

    /// <summary>The picture as planes.</summary>
    internal Planes Planes(Image image)
    {
        var values = new float[3 * image.Width * image.Height];
        Fill(image, values, new(image.Height, image.Width));
        return new Planes(3, image.Height, image.Width, values);
    }
}
