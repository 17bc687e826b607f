using System.Text;

namespace OnnxTransformers;

/// <summary>Sentences about labels, as Python's format makes them of one value: {} and {0} are the label, {{ and }} are braces.</summary>
internal static class HypothesisTemplate
{
    /// <param name="doing">What is being done, for messages.</param>
    /// <param name="template">The sentence.</param>
    /// <param name="label">Takes the place of {}.</param>
    /// <exception cref="InvalidInputException">A brace stands alone, or there is no place for the label.</exception>
    internal static string Fill(string doing, string template, string label)
    {
        var (text, placed) = (new StringBuilder(), false);
        for (var i = 0; i < template.Length; i++)
        {
            var rest = template.AsSpan(i);
            if (rest.StartsWith("{{") || rest.StartsWith("}}")) text.Append(template[i++]);
            else if (rest.StartsWith("{}") || rest.StartsWith("{0}"))
            {
                text.Append(label);
                placed = true;
                i += rest[1] == '}' ? 1 : 2;
            }
            else if (rest[0] is '{' or '}') throw Refused(doing, $"\"{template}\"", "{} where the label stands, {{ and }} for braces");
            else text.Append(template[i]);
        }
        return placed ? text.ToString() : throw Refused(doing, $"\"{template}\" has no place for the label", "{} where it stands, as in \"This example is {}.\"");
    }

    private static InvalidInputException Refused(string doing, string found, string supported) => new(doing, new Problem("hypothesis_template", found, supported));
}
