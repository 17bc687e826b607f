using System.Collections.Immutable;
using System.Globalization;

namespace OnnxTransformers.Generation;

/// <summary>An input of a graph that takes what an output gave in the step before.</summary>
/// <param name="Input">The input's name.</param>
/// <param name="Output">The output's name.</param>
/// <param name="Type">Type of the elements.</param>
/// <param name="Shape">Dimensions; a free one other than the first is the length.</param>
/// <param name="LengthAxis">Which dimension grows with the tokens; -1 for a state of fixed size.</param>
/// <param name="Window">Tokens that the graph's attention looks back where it drops older ones from the buffer itself; null where it keeps all.</param>
internal sealed record CacheSlot(string Input, string Output, ElementType Type, ImmutableArray<Dimension> Shape, int LengthAxis, int? Window = null)
{
    // Keys and values have their own prefixes; other states say what they are after "past_".
    private static readonly ImmutableArray<(string Past, string Present)> Prefixes = [("past_key_values.", "present."), ("past_key_values.", "present_key_values."), ("past_", "present_"), ("past.", "present.")];

    // Where they stand in keys and values, [batch_size, kv_heads, past_sequence_length, head_dim].
    private const int HeadAxis = 1, TokenAxis = 2, SizeAxis = 3;

    /// <summary>The slots of a graph, in the order of its inputs.</summary>
    /// <param name="session">The graph.</param>
    /// <param name="about">What onnxruntime-genai's configuration says of it: its graphs leave sizes open; null for other graphs.</param>
    internal static ImmutableArray<CacheSlot> Of(ModelSession session, GenAiPackage? about = null)
    {
        var slots = ImmutableArray.CreateBuilder<CacheSlot>();
        foreach (var input in session.Inputs)
        {
            var output = Prefixes.Where(p => input.Name.StartsWith(p.Past, StringComparison.Ordinal)).Select(p => p.Present + input.Name[p.Past.Length..]).FirstOrDefault(o => session.Output(o) is not null);
            if (output is null) continue;
            var slot = new CacheSlot(input.Name, output, input.Type, input.Shape, Axis(input.Shape));
            slots.Add(about is not null && input.Shape.Length == 4 && input.Shape[TokenAxis].Size is null ? slot.Told(about) : slot);
        }
        return slots.ToImmutable();
    }

    /// <summary>A dimension that nothing gives a size; null where there is none.</summary>
    internal Dimension? Open => Shape.Where((d, i) => i > 0 && i != LengthAxis && d.Size is null).Cast<Dimension?>().FirstOrDefault();

    /// <summary>Tokens that a buffer for some has room for.</summary>
    /// <param name="capacity">Tokens of the longest text.</param>
    /// <param name="onHost">Whether the processor computes: there a window's buffer may be longer, and then nothing is dropped; elsewhere it is the window.</param>
    internal int Room(int capacity, bool onHost) => Window is not { } window ? capacity : onHost ? Math.Max(capacity, window) : window;

    private CacheSlot Told(GenAiPackage about)
    {
        var shape = Shape;
        if (shape[HeadAxis].Size is null && about.KeyHeads is { } heads) shape = shape.SetItem(HeadAxis, new Dimension(heads, ""));
        if (shape[SizeAxis].Size is null && about.HeadSize is { } size) shape = shape.SetItem(SizeAxis, new Dimension(size, ""));
        return this with { Shape = shape, LengthAxis = TokenAxis, Window = about.Window is { } window && window.Holds(Layer) ? window.Tokens : null };
    }

    /// <summary>The number in its name.</summary>
    private int Layer => Input.Split('.').Select(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : -1).FirstOrDefault(n => n >= 0, -1);

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
