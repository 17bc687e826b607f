using System.Collections.Immutable;
using OnnxTransformers.Graphs.Models;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Heads;

/// <summary>What a tower gives.</summary>
/// <param name="Hidden">Its hidden states [B, N, D]; null where they are not of use.</param>
/// <param name="Pooled">Its own vector of a text or an image [B, D]; null where it has none.</param>
/// <param name="Features">The vector in the space that texts and images share [B, P], of any length.</param>
internal sealed record Tower(Value? Hidden, Value? Pooled, Value Features);

/// <summary>A network of two towers whose vectors are compared (Radford et al., 2021), at a place of a graph.</summary>
/// <param name="Module">The network's own place in the checkpoint.</param>
/// <param name="Text">Declares a text's inputs and encodes them.</param>
/// <param name="Image">Declares an image's inputs and encodes them.</param>
/// <param name="Score">From cosines [texts, images], float32, to logits.</param>
internal sealed record DualEncoder(Module Module, Func<Tower> Text, Func<Tower> Image, Func<Value, Value> Score)
{
    /// <summary>The graphs: <c>model</c> with both towers and the scores of all pairs, and each tower alone.</summary>
    internal static ImmutableArray<GraphPart<TModel>> Graphs<TModel>(Func<TModel, DualEncoder> of) =>
    [
        new("model", m => of(m).Pairs()),
        new("text_model", m => Alone(of(m).Text(), "text")),
        new("vision_model", m => Alone(of(m).Image(), "image")),
    ];

    /// <summary>The graphs of the task of zero-shot classification.</summary>
    internal static TaskGraphs<TModel> ZeroShot<TModel>(Func<TModel, DualEncoder> of) => new("zero-shot-image-classification", Graphs(of));

    /// <summary>logits_per_image [images, texts], logits_per_text [texts, images], text_embeds and image_embeds [rows, P] of length 1.</summary>
    internal GraphOutputs Pairs()
    {
        Module.Graph.SeparateRows();
        Value text = Normalized(Text().Features), image = Normalized(Image().Features);
        using var scope = Module.Graph.Enter("logits");
        var logits = Score(Op.MatMul(text, Op.Transpose(image, [1, 0])));
        return [("logits_per_image", Op.Transpose(logits, [1, 0])), ("logits_per_text", logits), ("text_embeds", text), ("image_embeds", image)];
    }

    /// <summary>A tower alone: its features as they are and with length 1, which is what the whole network calls embeds.</summary>
    private static GraphOutputs Alone(Tower tower, string kind)
    {
        List<(string, Value)> outputs = [($"{kind}_features", tower.Features), ($"{kind}_embeds", Normalized(tower.Features))];
        if (tower.Hidden is { } hidden) outputs.Add(("last_hidden_state", hidden));
        if (tower.Pooled is { } pooled) outputs.Add(("pooler_output", pooled));
        return GraphOutputs.Create([.. outputs]);
    }

    /// <summary>Vectors of length 1, in float32. [rows, P] -> [rows, P].</summary>
    internal static Value Normalized(Value features)
    {
        using var scope = features.Graph.Enter("normalize");
        var wide = Op.Cast(features, ElementType.Float);
        return wide / Op.ReduceL2(wide, -1, keep: true);
    }

    /// <summary>Cosines times e to the power of logit_scale.</summary>
    /// <param name="m">Where it is.</param>
    /// <param name="cosines">The cosines.</param>
    /// <param name="shape">Its stored shape: none, or of one element.</param>
    internal static Value Scaled(Module m, Value cosines, params ReadOnlySpan<long> shape) => cosines * Op.Exp(Op.Cast(m.Weight("logit_scale", shape).Stored, ElementType.Float));
}
