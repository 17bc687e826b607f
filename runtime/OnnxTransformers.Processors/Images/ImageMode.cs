namespace OnnxTransformers.Processors;

/// <summary>What the bytes of a pixel are. Every mode but <see cref="Gray16"/> has one byte a channel.</summary>
public enum ImageMode
{
    /// <summary>Gray: Pillow's L.</summary>
    Gray,
    /// <summary>Gray and alpha: Pillow's LA.</summary>
    GrayAlpha,
    /// <summary>Red, green, blue: Pillow's RGB.</summary>
    Rgb,
    /// <summary>Red, green, blue, alpha, not premultiplied: Pillow's RGBA.</summary>
    Rgba,
    /// <summary>Cyan, magenta, yellow, black; 255 is full ink: Pillow's CMYK.</summary>
    Cmyk,
    /// <summary>Gray of 16 bits, little-endian: Pillow's I;16.</summary>
    Gray16,
}

internal static class ImageModes
{
    /// <summary>Bytes of a pixel.</summary>
    internal static int PixelBytes(this ImageMode mode) => mode switch
    {
        ImageMode.Gray => 1,
        ImageMode.GrayAlpha or ImageMode.Gray16 => 2,
        ImageMode.Rgb => 3,
        _ => 4,
    };
}
