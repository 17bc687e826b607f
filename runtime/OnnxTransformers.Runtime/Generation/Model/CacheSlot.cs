using System.Collections.Immutable;

namespace OnnxTransformers.Generation;

/// <summary>An input of a graph that takes what an output gave in the step before.</summary>
/// <param name="Input">The input's name.</param>
/// <param name="Output">The output's name.</param>
/// <param name="Type">Type of the elements.</param>
/// <param name="Shape">Dimensions; a free one other than the first is the length.</param>
/// <param name="LengthAxis">Which dimension grows with the tokens; -1 for a state of fixed size.</param>
internal sealed record CacheSlot(string Input, string Output, ElementType Type, ImmutableArray<Dimension> Shape, int LengthAxis)
{
    // Keys and values have their own prefixes; other states say what they are after "past_".
    private static readonly ImmutableArray<(string Past, string Present)> Prefixes = [("past_key_values.", "present."), ("past_key_values.", "present_key_values."), ("past_", "present_"), ("past.", "present.")];

    /// <summary>The slots of a graph, in the order of its inputs.</summary>
    internal static ImmutableArray<CacheSlot> Of(ModelSession session)
    {
        var slots = ImmutableArray.CreateBuilder<CacheSlot>();
        foreach (var input in session.Inputs)
        {
            var output = Prefixes.Where(p => input.Name.StartsWith(p.Past, StringComparison.Ordinal)).Select(p => p.Present + input.Name[p.Past.Length..]).FirstOrDefault(o => session.Output(o) is not null);
            if (output is not null) slots.Add(new(input.Name, output, input.Type, input.Shape, Axis(input.Shape)));
        }
        return slots.ToImmutable();
    }

    /// <summary>The dimensions for some rows and a length.</summary>
    internal long[] Dimensions(int rows, int length)
    {
        var shape = new long[Shape.Length];
        for (var i = 0; i < shape.Length; i++) shape[i] = i == 0 ? rows : i == LengthAxis ? length : Shape[i].Size ?? 0;
        return shape;
    }

    private static int Axis(ImmutableArray<Dimension> shape)
    {
        for (var i = 1; i < shape.Length; i++)
            if (shape[i].Size is null) return i;
        return -1;
    }
}
