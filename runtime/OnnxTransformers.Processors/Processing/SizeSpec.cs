namespace OnnxTransformers.Processors.Processing;

/// <summary>Height and width in pixels.</summary>
internal readonly record struct Sides(int Height, int Width);

/// <summary>A size as configurations give it; which members are there decides how it is meant.</summary>
internal sealed record SizeSpec(int? Height = null, int? Width = null, int? Shortest = null, int? Longest = null, int? MaxHeight = null, int? MaxWidth = null)
{
    internal static SizeSpec Square(int side) => new(side, side);

    internal static SizeSpec Edge(int shortest, int? longest = null) => new(Shortest: shortest, Longest: longest);

    /// <summary>Height and width where both are given.</summary>
    internal Sides? Fixed => Height is { } h && Width is { } w ? new Sides(h, w) : null;

    public override string ToString() => string.Join(", ", new (string Name, int? Value)[]
    {
        ("height", Height), ("width", Width), ("shortest_edge", Shortest), ("longest_edge", Longest), ("max_height", MaxHeight), ("max_width", MaxWidth),
    }.Where(m => m.Value is not null).Select(m => $"{m.Name} {m.Value}"));
}
