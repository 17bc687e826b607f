using System.Collections.Immutable;
using System.Text.Json;

namespace OnnxTransformers.Processors.Processing;

/// <summary>Changes one picture.</summary>
internal delegate Image Step(Image image);

/// <summary>Makes the model's inputs from pictures.</summary>
internal delegate ProcessedBatch Processor(ImageInputs inputs);

/// <summary>Reads the keys of preprocessor_config.json that several processors share, in the old and the new form, and makes the parts that they
/// describe.</summary>
/// <param name="Json">The keys of the file and of the call.</param>
/// <param name="IsFast">The class is one of torchvision's.</param>
internal sealed record Settings(ConfigReader Json, bool IsFast)
{
    /// <summary>Whose arithmetic resizing follows.</summary>
    internal ResampleArithmetic Arithmetic => IsFast ? ResampleArithmetic.Torch : ResampleArithmetic.Pillow;

    /// <summary>A key of type bool.</summary>
    internal bool Flag(string key, bool absent) => Json.Bool(key, absent);

    /// <summary>The filter.</summary>
    internal ResampleFilter Filter(ResampleFilter absent, string key = "resample")
    {
        var number = Json.Int(key, (int)absent);
        if (Enum.IsDefined((ResampleFilter)number)) return (ResampleFilter)number;
        Json.Problem(key, $"{number}", "0 to 5, Pillow's numbers of filters");
        return absent;
    }

    /// <summary>A size: a number, [height, width], or an object.</summary>
    /// <param name="key">As "size" or "crop_size".</param>
    /// <param name="absent">The default.</param>
    /// <param name="square">A number means both sides, else the shorter edge (with max_size as the longer one's limit).</param>
    internal SizeSpec Size(string key, SizeSpec absent, bool square = true)
    {
        var most = !square ? Json.IntOrNull("max_size") : null;
        if (Json.Raw(key) is not { } value) return most is null ? absent : absent with { Longest = most };
        switch (value.ValueKind)
        {
            case JsonValueKind.Number when value.TryGetInt32(out var side) && side > 0:
                return square ? SizeSpec.Square(side) : SizeSpec.Edge(side, most);
            case JsonValueKind.Array when Json.Ints(key, []) is [> 0, > 0] sides:
                return new(sides[0], sides[1]);
            case JsonValueKind.Object when Json.Object(key) is { } o:
                int? Side(string name) => o.Has(name) ? o.Count(name, 1) : null;
                var spec = new SizeSpec(Side("height"), Side("width"), Side("shortest_edge"), Side("longest_edge"), Side("max_height"), Side("max_width"));
                return spec.Longest is null && spec.Shortest is not null && most is not null ? spec with { Longest = most } : spec;
            default:
                Json.Problem(key, value.GetRawText(), "a number, [height, width], or an object of height and width or edges");
                return absent;
        }
    }

    /// <summary>A size with both sides.</summary>
    internal Sides Sides(string key, SizeSpec absent) => Size(key, absent).Fixed ?? Wrong(key, "height and width", absent.Fixed ?? default);

    /// <summary>Records that a size has other members than the processor takes.</summary>
    internal T Wrong<T>(string key, string supported, T instead)
    {
        Json.Problem(key, Json.Raw(key)?.GetRawText() ?? "nothing", supported);
        return instead;
    }

    /// <summary>Means and deviations; a single number stands for all channels.</summary>
    internal Normal Normal(Normal absent, string meanKey = "image_mean", string stdKey = "image_std") => new(Three(meanKey, absent.Mean), Three(stdKey, absent.Std));

    /// <summary>Rescaling and normalisation.</summary>
    /// <param name="absent">Means and deviations where the file has none.</param>
    /// <param name="factor">The rescaling factor where the file has none.</param>
    /// <param name="normalizes">Whether values are normalised where the file doesn't say.</param>
    /// <param name="reversed">Blue first.</param>
    /// <param name="between">What comes between the two, or null.</param>
    internal PixelMap Map(Normal absent, double factor = 1 / 255.0, bool normalizes = true, bool reversed = false, Func<float, int, float>? between = null)
    {
        var steps = new List<Func<float, int, float>>();
        if (Flag("do_rescale", true)) steps.Add(PixelMap.Rescale(Json.Double("rescale_factor", factor)));
        else Json.Ignore("rescale_factor");
        if (between is not null) steps.Add(between);
        if (Flag("do_normalize", normalizes)) steps.Add(PixelMap.Normalize(Normal(absent)));
        else Json.Ignore("image_mean", "image_std");
        return PixelMap.Create(reversed, [.. steps]);
    }

    /// <summary>Resizing to height and width, or by the shorter edge.</summary>
    internal Step Resize(SizeSpec absent, ResampleFilter filter, bool square = true)
    {
        var spec = Size("size", absent, square);
        var rule = spec.Fixed is { } sides ? SizeRules.Fixed(sides)
            : spec.Shortest is { } edge ? SizeRules.ShortestEdge(edge, spec.Longest)
            : Wrong("size", "height and width, or shortest_edge", SizeRules.Fixed(new(1, 1)));
        return Resize(rule, filter);
    }

    /// <summary>Resizing by a rule, where do_resize is not false.</summary>
    internal Step Resize(SizeRule rule, ResampleFilter filter)
    {
        var chosen = Filter(filter);
        return Flag("do_resize", true) ? image => To(image, rule(new(image.Height, image.Width)), chosen) : Keep;
    }

    /// <summary>Resizes a picture in the arithmetic of the class.</summary>
    internal Image To(Image image, Sides size, ResampleFilter filter) => image.Resize(size.Width, size.Height, filter, Arithmetic);

    /// <summary>Cropping at the middle, where do_center_crop is true.</summary>
    internal Step Crop(SizeSpec absent, bool crops = true)
    {
        var size = Sides("crop_size", absent);
        return Flag("do_center_crop", crops) ? image => Steps.CentreCrop(image, size) : Keep;
    }

    /// <summary>Each picture for itself, all of one size in the end: pixel_values [N, 3, height, width].</summary>
    internal static Processor Flat(PixelMap map, params ImmutableArray<Step> steps) => inputs =>
        ProcessedBatch.Of(("pixel_values", Collation.Stack(Collation.Each(inputs.Flat, Steps.All([i => i.ToRgb(), .. steps])), map)));

    /// <summary>A step that changes nothing.</summary>
    internal static Image Keep(Image image) => image;

    private ImmutableArray<double> Three(string key, ImmutableArray<double> absent)
    {
        if (Json.Raw(key) is { ValueKind: JsonValueKind.Number } number) return [.. Enumerable.Repeat(number.GetDouble(), 3)];
        var values = Json.Doubles(key, absent);
        return values.Length == 3 ? values : Wrong(key, "a number, or one for each of three channels", absent);
    }
}
