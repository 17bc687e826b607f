namespace OnnxTransformers.Processors.Drawing;

/// <summary>A copy of a picture onto which answers are drawn: boxes, masks, depth, and what they are called. Not thread-safe.</summary>
/// <param name="image">The picture; it stays as it is.</param>
public sealed class ImageDrawing(Image image)
{
    // Far apart from each other for most eyes (Okabe and Ito, 2008).
    private static readonly Colour[] Palette = [new(230, 159, 0), new(86, 180, 233), new(0, 158, 115), new(240, 228, 66), new(0, 114, 178), new(213, 94, 0), new(204, 121, 167)];
    private static readonly Colour[] Ramp = [new(0, 0, 4), new(87, 16, 110), new(188, 55, 84), new(249, 142, 9), new(252, 255, 164)];
    private const int Half = 128, Most = 200;

    private readonly byte[] _pixels = image.ToRgb().Pixels.ToArray();
    private readonly int _scale = Math.Max(1, Math.Min(image.Width, image.Height) / 300);

    /// <summary>The picture with everything that was drawn, in RGB.</summary>
    public Image ToImage() => new(image.Width, image.Height, ImageMode.Rgb, (byte[])_pixels.Clone());

    /// <summary>Draws a frame and its name above it; parts outside the picture are left out.</summary>
    /// <param name="left">Left edge in pixels.</param>
    /// <param name="top">Upper edge.</param>
    /// <param name="right">Right edge.</param>
    /// <param name="bottom">Lower edge.</param>
    /// <param name="name">What it is; may be empty.</param>
    /// <param name="number">Picks the colour.</param>
    public void Box(int left, int top, int right, int bottom, string name, int number)
    {
        var (colour, line) = (ColourOf(number), 2 * _scale);
        Fill(left, top, right, top + line - 1, colour);
        Fill(left, bottom - line + 1, right, bottom, colour);
        Fill(left, top, left + line - 1, bottom, colour);
        Fill(right - line + 1, top, right, bottom, colour);
        var height = (Glyphs.Height + 2) * _scale;
        // Above the frame where there is room, else inside it.
        Text(left, top >= height ? top - height : Math.Max(0, top), name, colour);
    }

    /// <summary>Tints what a mask covers and names it in the middle of it.</summary>
    /// <param name="mask">Gray, of the picture's size; more than 0 is inside.</param>
    /// <param name="name">What it is; may be empty.</param>
    /// <param name="number">Picks the colour.</param>
    /// <exception cref="InvalidInputException">The mask is of another size or mode.</exception>
    public void Mask(Image mask, string name, int number)
    {
        if (mask.Mode != ImageMode.Gray || mask.Width != image.Width || mask.Height != image.Height)
            throw new InvalidInputException("drawing a mask", new Problem("", $"{mask.Width} x {mask.Height} pixels of mode {mask.Mode}", $"{image.Width} x {image.Height} pixels of mode Gray"));
        var colour = ColourOf(number);
        var inside = mask.Pixels.Span;
        var (x, y, count) = (0L, 0L, 0L);
        for (var i = 0; i < inside.Length; i++)
        {
            if (inside[i] == 0) continue;
            Blend(i, colour, Half);
            (x, y, count) = (x + i % image.Width, y + i / image.Width, count + 1);
        }
        if (count > 0) Text((int)(x / count) - name.Length * (Glyphs.Width + 1) * _scale / 2, (int)(y / count), name, colour);
    }

    /// <summary>Colours the picture by depth, from dark (the smallest value) to bright.</summary>
    /// <param name="depth">Gray, of the picture's size.</param>
    /// <exception cref="InvalidInputException">It is of another size or mode.</exception>
    public void Depth(Image depth)
    {
        if (depth.Mode != ImageMode.Gray || depth.Width != image.Width || depth.Height != image.Height)
            throw new InvalidInputException("drawing depth", new Problem("", $"{depth.Width} x {depth.Height} pixels of mode {depth.Mode}", $"{image.Width} x {image.Height} pixels of mode Gray"));
        var values = depth.Pixels.Span;
        for (var i = 0; i < values.Length; i++)
        {
            var at = values[i] * (Ramp.Length - 1);
            var (step, rest) = (Math.Min(at / 255, Ramp.Length - 2), at % 255);
            Blend(i, values[i] == 255 ? Ramp[^1] : Ramp[step].Towards(Ramp[step + 1], rest), Most);
        }
    }

    /// <summary>Writes lines at the top left, as the labels of a whole picture.</summary>
    public void Caption(IEnumerable<string> lines)
    {
        var y = 0;
        foreach (var line in lines)
        {
            Text(0, y, line, Palette[0]);
            y += (Glyphs.Height + 2) * _scale;
        }
    }

    private static Colour ColourOf(int number) => Palette[(int)((uint)number % Palette.Length)];

    // Dark letters on a bar of the colour.
    private void Text(int left, int top, string text, Colour ground)
    {
        if (text.Length == 0) return;
        left = Math.Clamp(left, 0, Math.Max(0, image.Width - (text.Length * (Glyphs.Width + 1) + 1) * _scale));
        Fill(left, top, left + (text.Length * (Glyphs.Width + 1) + 1) * _scale - 1, top + (Glyphs.Height + 2) * _scale - 1, ground);
        for (var i = 0; i < text.Length; i++)
            for (var column = 0; column < Glyphs.Width; column++)
                for (var row = 0; row < Glyphs.Height; row++)
                {
                    if (!Glyphs.IsSet(text[i], column, row)) continue;
                    var (x, y) = (left + (1 + i * (Glyphs.Width + 1) + column) * _scale, top + (1 + row) * _scale);
                    Fill(x, y, x + _scale - 1, y + _scale - 1, default);
                }
    }

    private void Fill(int left, int top, int right, int bottom, Colour colour)
    {
        for (var y = Math.Max(0, top); y <= Math.Min(image.Height - 1, bottom); y++)
            for (var x = Math.Max(0, left); x <= Math.Min(image.Width - 1, right); x++)
                (_pixels[3 * (y * image.Width + x)], _pixels[3 * (y * image.Width + x) + 1], _pixels[3 * (y * image.Width + x) + 2]) = (colour.Red, colour.Green, colour.Blue);
    }

    private void Blend(int pixel, Colour colour, int share)
    {
        var mixed = new Colour(_pixels[3 * pixel], _pixels[3 * pixel + 1], _pixels[3 * pixel + 2]).Towards(colour, share);
        (_pixels[3 * pixel], _pixels[3 * pixel + 1], _pixels[3 * pixel + 2]) = (mixed.Red, mixed.Green, mixed.Blue);
    }

    private readonly record struct Colour(byte Red, byte Green, byte Blue)
    {
        /// <summary>Mixed with another, of which the share is so many 255ths.</summary>
        internal Colour Towards(Colour other, int share) => new(Mix(Red, other.Red, share), Mix(Green, other.Green, share), Mix(Blue, other.Blue, share));

        private static byte Mix(byte a, byte b, int share) => (byte)((a * (255 - share) + b * share) / 255);
    }
}
