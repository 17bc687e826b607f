namespace OnnxTransformers.Converters.Verification;

/// <summary>Distances as receipts and messages tell them.</summary>
internal static class Comparisons
{
    internal static Comparison Describe(string what, Distance d, Bounds bounds) => new(what, d.MaxAbs, d.Relative, d.Cosine, bounds.Relative, bounds.Cosine);

    internal static VerificationFailedException Failed(string file, Comparison c, string? module, string next)
    {
        var text = FormattableString.Invariant($"\"{c.What}\" does not hold: largest difference {c.MaxAbs:G3}, {c.Relative:G3} of the largest value; cosine {c.Cosine:G6}");
        var found = module is null ? text : $"{text}; the first module that differs is {module}";
        return new($"verifying {file}", [new Problem("", found, FormattableString.Invariant($"up to {c.RelativeBound:G3}, and a cosine from {c.CosineBound:G6}"), next)]) { FirstDivergingModule = module };
    }
}
