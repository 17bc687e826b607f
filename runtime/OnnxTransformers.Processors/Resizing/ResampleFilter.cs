namespace OnnxTransformers.Processors;

/// <summary>How pixels are weighted when a picture changes size. Values are Pillow's, as they stand in the <c>resample</c> key of
/// preprocessor_config.json.</summary>
public enum ResampleFilter
{
    /// <summary>The nearest pixel.</summary>
    Nearest = 0,
    /// <summary>A windowed sinc over three pixels on each side.</summary>
    Lanczos = 1,
    /// <summary>A triangle of one pixel on each side.</summary>
    Bilinear = 2,
    /// <summary>A cubic with a = -0.5 over two pixels on each side.</summary>
    Bicubic = 3,
    /// <summary>The mean of the pixels that are covered.</summary>
    Box = 4,
    /// <summary>A Hamming window of one pixel on each side.</summary>
    Hamming = 5,
}

/// <summary>Whose arithmetic an 8-bit resize follows.</summary>
public enum ResampleArithmetic
{
    /// <summary>Pillow 13: weights of 22 fractional bits; the vertical pass comes first where it shrinks the picture much more than the horizontal one
    /// would.</summary>
    Pillow,
    /// <summary>torchvision with antialias, as the "fast" processors of transformers: 16-bit weights, the horizontal pass first.</summary>
    Torch,
}
