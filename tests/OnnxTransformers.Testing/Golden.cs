using System.Text.Json;

namespace OnnxTransformers.Testing;

/// <summary>What the reference computes from a fixture: golden.json and golden.safetensors.</summary>
public sealed class Golden
{
    private Golden(string folder, JsonElement root)
    {
        Folder = folder;
        Root = root;
        Tensors = GoldenTensor.ReadAll(Path.Combine(folder, "golden.safetensors"));
        Cases = root.TryGetProperty("cases", out var cases) ? [.. cases.EnumerateArray().Select(c => new GoldenCase(this, c))] : [];
    }

    /// <summary>The fixture's folder.</summary>
    public string Folder { get; }

    /// <summary>golden.json as it is.</summary>
    public JsonElement Root { get; }

    /// <summary>The reference's model type.</summary>
    public string? ModelType => Text("model_type");

    /// <summary>The task to export it for.</summary>
    public string? Task => Text("task");

    /// <summary>The pipeline that its cases of kind "pipeline" are answers of, where it differs from the task.</summary>
    public string? Pipeline => Text("pipeline");

    /// <summary>All cases.</summary>
    public IReadOnlyList<GoldenCase> Cases { get; }

    /// <summary>All tensors, named <c>case/in/name</c> and <c>case/out/name</c>.</summary>
    public IReadOnlyDictionary<string, GoldenTensor> Tensors { get; }

    /// <summary>Reads the goldens of a fixture.</summary>
    public static Golden Load(string folder)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
        return new Golden(folder, document.RootElement.Clone());
    }

    /// <summary>The cases of one kind: "forward", "pipeline", "error", ...</summary>
    public IEnumerable<GoldenCase> Of(string kind) => Cases.Where(c => c.Kind == kind);

    private string? Text(string key) => Root.TryGetProperty(key, out var v) && v.ValueKind == JsonValueKind.String ? v.GetString() : null;
}

/// <summary>One call of the reference and what it gave.</summary>
public sealed class GoldenCase
{
    internal GoldenCase(Golden golden, JsonElement json)
    {
        (Golden, Json) = (golden, json);
        Name = json.GetProperty("name").GetString()!;
        Kind = json.GetProperty("kind").GetString()!;
        Inputs = Names("inputs");
        Outputs = Names("outputs");
    }

    /// <summary>The fixture that it belongs to.</summary>
    public Golden Golden { get; }

    /// <summary>The case as it stands in golden.json.</summary>
    public JsonElement Json { get; }

    /// <summary>Its name, unique within the fixture.</summary>
    public string Name { get; }

    /// <summary>What it is about.</summary>
    public string Kind { get; }

    /// <summary>Names of the inputs.</summary>
    public IReadOnlyList<string> Inputs { get; }

    /// <summary>Names of the outputs.</summary>
    public IReadOnlyList<string> Outputs { get; }

    /// <summary>An input tensor.</summary>
    public GoldenTensor Input(string name) => Golden.Tensors[$"{Name}/in/{name}"];

    /// <summary>An expected tensor.</summary>
    public GoldenTensor Output(string name) => Golden.Tensors[$"{Name}/out/{name}"];

    /// <summary>Compares a computed tensor with the expected one as fixtures/README.md says.</summary>
    /// <param name="name">Which output.</param>
    /// <param name="shape">The computed dimensions.</param>
    /// <param name="values">The computed elements in row-major order.</param>
    /// <param name="loosen">Multiplies the tolerance.</param>
    /// <returns>Null where they agree, else what differs, as "logits: off by 3.2 times the tolerance at element 17 (0.25, expected 0.26)".</returns>
    public string? Difference(string name, IReadOnlyList<long> shape, IReadOnlyList<float> values, double loosen = 1)
    {
        var want = Output(name);
        if (!shape.SequenceEqual(want.Shape)) return $"{name}: shape [{string.Join(", ", shape)}], expected [{string.Join(", ", want.Shape)}]";
        var facts = Json.GetProperty("outputs").GetProperty(name);
        var scale = Math.Max(1e-6, Number(facts, "max") ?? 0);
        var tolerance = loosen * Math.Max(Math.Max(10 * (Number(facts, "fp32_error") ?? 1e-6 * scale), 5e-6 * scale), 1e-6);
        var fill = Number(facts, "beyond");
        var mask = Json.TryGetProperty("compare_where", out var where) && where.TryGetProperty(name, out var input) ? Input(input.GetString()!) : null;
        var each = mask is null ? 0 : want.Count / mask.Count;
        var (worst, at) = (0.0, -1);
        for (var i = 0; i < want.Count; i++)
        {
            if (mask is not null && mask[i / each] == 0) continue;
            double got = values[i], expected = want[i], error;
            if (got == expected) continue;
            if (fill is { } f && Math.Abs(expected) >= f) error = Math.Sign(got) == Math.Sign(expected) && Math.Abs(got) >= f ? 0 : double.PositiveInfinity;
            else if (Math.Abs(expected) > 1e30 && Math.Abs(got) > 1e4 && Math.Sign(got) == Math.Sign(expected)) error = 0;
            else error = double.IsNaN(got) ? double.PositiveInfinity : Math.Abs(got - expected) / tolerance;
            if (error > worst) (worst, at) = (error, i);
        }
        return worst <= 1 ? null : $"{name}: off by {worst:G3} times the tolerance of {tolerance:G3} at element {at} ({values[at]:G6}, expected {want[at]:G6})";
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    private IReadOnlyList<string> Names(string key) =>
        Json.TryGetProperty(key, out var v) && v.ValueKind == JsonValueKind.Object ? [.. v.EnumerateObject().Select(p => p.Name)] : [];

    private static double? Number(JsonElement facts, string key) => facts.TryGetProperty(key, out var v) && v.ValueKind == JsonValueKind.Number ? v.GetDouble() : null;
}
