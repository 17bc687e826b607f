using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models;

/// <summary>An encoder of texts at a place of a graph: what the tasks that all encoders share need of it.</summary>
/// <param name="Module">The network's own place in the checkpoint.</param>
/// <param name="HasTokenTypes">Whether token_type_ids are an input.</param>
/// <param name="Width">D.</param>
/// <param name="Labels">Labels of a classifier.</param>
/// <param name="Encode">From the inputs to hidden states [B, S, D].</param>
/// <param name="Pool">From hidden states to the vector of a text [B, D].</param>
internal sealed record TextEncoder(Module Module, bool HasTokenTypes, int Width, int Labels, Func<TextInputs, Value> Encode, Func<Value, Value> Pool)
{
    private Module Classifier => Module.Root["classifier"];

    /// <summary>Declares the inputs. -> [B, S, D].</summary>
    internal Value Hidden() => Encode(TextInputs.Declare(Module.Graph, HasTokenTypes));

    /// <summary>Declares the inputs. -> [B, D].</summary>
    internal Value Pooled() => Pool(Hidden());

    /// <summary>The hidden states, and the pooled vector where the checkpoint has BERT's pooler: some were saved without.</summary>
    internal GraphOutputs FeaturesWithPooler() => Head.Features(Module["pooler"], Hidden(), Width);

    /// <summary>The hidden states.</summary>
    internal GraphOutputs Features() => [("last_hidden_state", Hidden())];

    /// <summary>A number for each label, from the pooled vector.</summary>
    internal GraphOutputs ClassifyPooled() => Logits(Classifier, Pooled(), Labels);

    /// <summary>The same from the first token, with a hidden layer.</summary>
    internal GraphOutputs ClassifyFirstToken(Activation activation) => DenseClassifier(Classifier, Hidden(), Width, activation, Labels);

    /// <summary>A number for each label of each token.</summary>
    internal GraphOutputs ClassifyTokens() => Logits(Classifier, Hidden(), Labels);

    /// <summary>Where an answer begins and ends.</summary>
    internal GraphOutputs FindSpans() => Spans(Module.Root["qa_outputs"], Hidden());

    /// <summary>A number for each choice.</summary>
    internal GraphOutputs Choose()
    {
        var x = TextInputs.DeclareChoices(Module.Graph, HasTokenTypes);
        return Choices(Classifier, Pool(Encode(x)), x);
    }

    /// <summary>The tasks whose heads are the same in all families.</summary>
    internal static ImmutableArray<TaskGraphs<TModel>> SharedTasks<TModel>(Func<TModel, TextEncoder> encoder) =>
    [
        new("token-classification", m => encoder(m).ClassifyTokens()),
        new("question-answering", m => encoder(m).FindSpans()),
        new("multiple-choice", m => encoder(m).Choose()),
    ];
}
