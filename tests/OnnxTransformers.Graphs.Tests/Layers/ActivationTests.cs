using NUnit.Framework;
using static OnnxTransformers.Graphs.Layers.Layer;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>Every activation against its formula in double precision.</summary>
public sealed class ActivationTests
{
    private const double AlphaP = 0.3, AlphaN = -0.4, Beta = 0.5, Epsilon = -1e-6, Slope = 0.25;

    private static readonly Dictionary<string, Func<double, double>> Formulas = new()
    {
        ["gelu"] = Gelu,
        ["gelu_10"] = x => Math.Clamp(Gelu(x), -10, 10),
        ["gelu_accurate"] = TanhGelu,
        ["gelu_fast"] = TanhGelu,
        ["gelu_new"] = TanhGelu,
        ["gelu_python"] = Gelu,
        ["gelu_python_tanh"] = TanhGelu,
        ["gelu_pytorch_tanh"] = TanhGelu,
        ["laplace"] = x => 0.5 * (1 + Erf((x - 0.707107) / (0.282095 * Math.Sqrt(2)))),
        ["leaky_relu"] = x => x > 0 ? x : 0.01 * x,
        ["linear"] = x => x,
        ["mish"] = x => x * Math.Tanh(Softplus(x)),
        ["prelu"] = x => x > 0 ? x : Slope * x,
        ["quick_gelu"] = x => x / (1 + Math.Exp(-1.702 * x)),
        ["relu"] = x => Math.Max(x, 0),
        ["relu2"] = x => Math.Pow(Math.Max(x, 0), 2),
        ["relu6"] = x => Math.Clamp(x, 0, 6),
        ["sigmoid"] = x => 1 / (1 + Math.Exp(-x)),
        ["silu"] = x => x / (1 + Math.Exp(-x)),
        ["swish"] = x => x / (1 + Math.Exp(-x)),
        ["tanh"] = Math.Tanh,
        ["xielu"] = x => x > 0 ? Softplus(AlphaP) * x * x + Beta * x : (Math.Exp(Math.Min(x, Epsilon)) - 1 - x) * (Beta + Softplus(AlphaN)) + Beta * x,
    };

    private static readonly string[] Names = [.. Activation.All.Keys];

    [TestCaseSource(nameof(Names))]
    public void Agrees_with_its_formula(string name)
    {
        float[] points = [.. Enumerable.Range(-60, 121).Select(i => i / 5f)];
        foreach (var target in new[] { Target.Portable, Target.Cpu })
        {
            var g = new Graph("model", GraphRunner.Index(("act.weight", [1]), ("act.alpha_p", [1]), ("act.alpha_n", [1]), ("act.beta", []), ("act.eps", [])), new BuildOptions { Target = target });
            var x = g.Input("x", ElementType.Float, new Shape("n"));
            g.Output("y", Activate(new Module(g, "act"), Activation.Named(name), x));
            var weights = new Dictionary<string, float[]> { ["act.weight"] = [(float)Slope], ["act.alpha_p"] = [(float)AlphaP], ["act.alpha_n"] = [(float)AlphaN], ["act.beta"] = [(float)Beta], ["act.eps"] = [(float)Epsilon] };
            var y = GraphRunner.Run(g, new() { ["x"] = (points, [points.Length]) }, weights);
            for (var i = 0; i < points.Length; i++)
                Assert.That(y[i], Is.EqualTo(Formulas[name](points[i])).Within(2e-6 * Math.Max(1, Math.Abs(Formulas[name](points[i])))), $"{name}({points[i]}) for {target}");
        }
    }

    [Test]
    public void Erf_and_tanh_forms_of_gelu_are_told_apart() => Assert.That(Math.Abs(Gelu(2.7) - TanhGelu(2.7)), Is.GreaterThan(1e-4));

    private static double Gelu(double x) => 0.5 * x * (1 + Erf(x / Math.Sqrt(2)));

    private static double TanhGelu(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

    private static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));

    /// <summary>By its series near zero and its continued fraction beyond.</summary>
    private static double Erf(double x)
    {
        var z = Math.Abs(x);
        if (z < 3)
        {
            double term = z, sum = z;
            for (var n = 1; n < 100; n++)
            {
                term *= -z * z / n;
                sum += term / (2 * n + 1);
            }
            return Math.Sign(x) * 2 / Math.Sqrt(Math.PI) * sum;
        }
        var fraction = 0.0;
        for (var k = 60; k > 0; k--) fraction = k / 2.0 / (z + fraction);
        return Math.Sign(x) * (1 - Math.Exp(-z * z) / Math.Sqrt(Math.PI) / (z + fraction));
    }
}
