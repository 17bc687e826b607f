using System.Globalization;
using System.Net;
using System.Text;
using OnnxTransformers.Processors;

namespace PictureSearch;

/// <summary>A page with a thumbnail of each picture, whole in one file.</summary>
public static class HtmlPage
{
    private const int Side = 240;

    /// <summary>The page's text.</summary>
    /// <param name="asked">What was looked for.</param>
    /// <param name="found">Names and scores, the best first.</param>
    /// <param name="load">Reads a picture.</param>
    public static string Of(string asked, IReadOnlyList<(string File, float Score)> found, Func<string, Image> load)
    {
        var page = new StringBuilder("<!doctype html><meta charset=\"utf-8\"><style>body{font:16px sans-serif}figure{display:inline-block;margin:8px;text-align:center}</style>");
        page.Append(CultureInfo.InvariantCulture, $"<title>{WebUtility.HtmlEncode(asked)}</title><h1>{WebUtility.HtmlEncode(asked)}</h1>\n");
        foreach (var (file, score) in found)
            page.Append(CultureInfo.InvariantCulture, $"<figure><img src=\"data:image/png;base64,{Thumbnail(load(file))}\"><figcaption>{WebUtility.HtmlEncode(file)}<br>{score:F3}</figcaption></figure>\n");
        return page.ToString();
    }

    private static string Thumbnail(Image image)
    {
        var scale = (double)Side / Math.Max(image.Width, image.Height);
        var small = image.Resize(Math.Max(1, (int)(image.Width * scale)), Math.Max(1, (int)(image.Height * scale)), ResampleFilter.Bicubic);
        using var png = new MemoryStream();
        PngFile.Write(small, png);
        return Convert.ToBase64String(png.GetBuffer(), 0, (int)png.Length);
    }
}
