using System.Collections.Immutable;

namespace OnnxTransformers.Tokenizers;

/// <summary>One part of a finished encoding: a sequence (0 or 1), or a special token (sequence -1).</summary>
/// <param name="Sequence">Which sequence, or -1.</param>
/// <param name="TypeId">The type of its tokens.</param>
/// <param name="OverflowTypeId">Their type in what truncation cut off, where the reference forgets to change it.</param>
/// <param name="Id">The special token.</param>
/// <param name="Token">Its name.</param>
internal readonly record struct Part(int Sequence, int TypeId, int OverflowTypeId, int Id, string? Token)
{
    internal static Part Special(string token, int id, int typeId) => new(-1, typeId, typeId, id, token);

    internal static Part Of(int sequence) => new(sequence, sequence, sequence, 0, null);
}

/// <summary>A step after the model. It neither sees texts nor tokens: it arranges parts, and may ask for trimmed offsets.</summary>
internal abstract class PostProcessor
{
    /// <summary>How many special tokens it adds.</summary>
    internal abstract int Added(bool pair);

    /// <summary>Arranges the encodings so far, each a list of parts.</summary>
    internal abstract List<List<Part>> Arrange(List<List<Part>> encodings, bool addSpecialTokens);

    /// <summary>For every trimming of offsets, whether the very first space stays.</summary>
    internal virtual IEnumerable<bool> Trims => [];
}

/// <summary>Post-processors one after the other.</summary>
internal sealed class PostProcessorSequence(PostProcessor[] steps) : PostProcessor
{
    internal override int Added(bool pair) => steps.Sum(s => s.Added(pair));

    internal override List<List<Part>> Arrange(List<List<Part>> encodings, bool addSpecialTokens) =>
        steps.Aggregate(encodings, (e, step) => step.Arrange(e, addSpecialTokens));

    internal override IEnumerable<bool> Trims => steps.SelectMany(s => s.Trims);
}

/// <summary>Byte-level's: only trims offsets, so that words don't include the space before them.</summary>
internal sealed class ByteLevelProcessor(bool addPrefixSpace, bool trimOffsets) : PostProcessor
{
    internal override int Added(bool pair) => 0;

    internal override List<List<Part>> Arrange(List<List<Part>> encodings, bool addSpecialTokens) => encodings;

    internal override IEnumerable<bool> Trims => trimOffsets ? [addPrefixSpace] : [];
}

/// <summary>[CLS] A [SEP] B [SEP].</summary>
internal sealed class BertProcessor((string Token, int Id) sep, (string Token, int Id) cls) : PostProcessor
{
    internal override int Added(bool pair) => pair ? 3 : 2;

    internal override List<List<Part>> Arrange(List<List<Part>> encodings, bool addSpecialTokens) => !addSpecialTokens
        ? encodings
        : [.. encodings.Select((e, i) => i == 0
            ? (List<Part>)[Part.Special(cls.Token, cls.Id, 0), .. e, Part.Special(sep.Token, sep.Id, 0)]
            : [.. e, Part.Special(sep.Token, sep.Id, 1)])];
}

/// <summary>&lt;s&gt; A &lt;/s&gt; &lt;/s&gt; B &lt;/s&gt;, all of type 0.</summary>
internal sealed class RobertaProcessor((string Token, int Id) sep, (string Token, int Id) cls, bool trimOffsets, bool addPrefixSpace) : PostProcessor
{
    internal override int Added(bool pair) => pair ? 4 : 2;

    internal override List<List<Part>> Arrange(List<List<Part>> encodings, bool addSpecialTokens)
    {
        var flat = encodings.Select(e => e.Select(p => p with { TypeId = 0, OverflowTypeId = addSpecialTokens ? 0 : p.OverflowTypeId }).ToList());
        return addSpecialTokens
            ? [.. flat.Select((e, i) => (List<Part>)[i == 0 ? Part.Special(cls.Token, cls.Id, 0) : Part.Special(sep.Token, sep.Id, 0), .. e, Part.Special(sep.Token, sep.Id, 0)])]
            : [.. flat];
    }

    internal override IEnumerable<bool> Trims => trimOffsets ? [addPrefixSpace] : [];
}

/// <summary>Any arrangement of sequences and special tokens.</summary>
internal sealed class TemplateProcessor(ImmutableArray<TemplatePiece> single, ImmutableArray<TemplatePiece> pair) : PostProcessor
{
    internal override int Added(bool isPair) => (isPair ? pair : single).Sum(p => p.Tokens.Length);

    internal override List<List<Part>> Arrange(List<List<Part>> encodings, bool addSpecialTokens)
    {
        var result = new List<List<Part>>();
        foreach (var piece in encodings.Count == 2 ? pair : single)
        {
            if (piece.Sequence >= 0)
            {
                if (piece.Sequence < encodings.Count) result.Add([.. encodings[piece.Sequence].Select(p => p with { TypeId = piece.TypeId })]);
            }
            else if (addSpecialTokens) result.Add([.. piece.Tokens.Select(t => Part.Special(t.Token, t.Id, piece.TypeId))]);
        }
        return result;
    }
}

/// <summary>A sequence (0 for A, 1 for B), or the tokens of a special one (sequence -1).</summary>
internal sealed record TemplatePiece(int Sequence, int TypeId, ImmutableArray<(string Token, int Id)> Tokens);

/// <summary>The final order of parts for one or two sequences, with and without special tokens, resolved once.</summary>
internal sealed class Arrangement
{
    private readonly Part[][] _parts = new Part[4][];

    internal Arrangement(PostProcessor? processor)
    {
        for (var i = 0; i < 4; i++)
        {
            var (pair, special) = ((i & 1) != 0, (i & 2) != 0);
            List<List<Part>> encodings = [[Part.Of(0)]];
            if (pair) encodings.Add([Part.Of(1)]);
            _parts[i] = [.. (processor?.Arrange(encodings, special) ?? encodings).SelectMany(e => e)];
        }
        Added = [processor?.Added(false) ?? 0, processor?.Added(true) ?? 0];
        Trims = [.. processor?.Trims ?? []];
    }

    /// <summary>Special tokens added to one sequence, and to a pair.</summary>
    internal int[] Added { get; }

    internal bool[] Trims { get; }

    internal Part[] Parts(bool pair, bool special) => _parts[(pair ? 1 : 0) | (special ? 2 : 0)];
}
