using System.Collections.Immutable;

namespace OnnxTransformers.Checkpoints;

/// <summary>What a part of a tensor's name under its original program becomes.</summary>
/// <param name="From">The name, or modules at its beginning: parts joined by dots, {} for any one part.</param>
/// <param name="To">The name of the reference, with {} for what stood there, in order; what follows in the name follows here, too. Several names for a tensor that is cut along its first axis into equal pieces;
/// none for one that is left out.</param>
internal sealed record NameRule(string From, params ImmutableArray<string> To)
{
    /// <summary>Whether the two axes change places.</summary>
    internal bool Transposed { get; init; }

    private readonly string[] _from = From.Split('.');

    /// <summary>Names for a tensor, or null where the rule is not meant for it.</summary>
    internal ImmutableArray<string>? Apply(string name)
    {
        var parts = name.Split('.');
        if (parts.Length < _from.Length) return null;
        var open = new List<string>();
        for (var i = 0; i < _from.Length; i++)
        {
            if (_from[i] == "{}") open.Add(parts[i]);
            else if (_from[i] != parts[i]) return null;
        }
        var rest = parts.Length > _from.Length ? "." + string.Join('.', parts[_from.Length..]) : "";
        return [.. To.Select(to => Filled(to, open) + rest)];
    }

    private static string Filled(string pattern, List<string> values)
    {
        var pieces = pattern.Split("{}");
        return pieces[0] + string.Concat(pieces.Skip(1).Select((piece, i) => values[i] + piece));
    }
}
