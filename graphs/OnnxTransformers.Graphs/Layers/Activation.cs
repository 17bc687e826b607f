using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Layers;

/// <summary>An activation function of the reference, by the name that configurations use.</summary>
/// <param name="Name">The name, as "gelu_new".</param>
/// <param name="Apply">Computes it; the module holds the parameters of those that have some.</param>
internal sealed record Activation(string Name, Func<Value, Module, Value> Apply)
{
    /// <summary>Whether it has learned parameters: then its module's place in the checkpoint matters.</summary>
    internal bool HasParameters { get; private init; }

    /// <summary>Whether it is x * sigmoid(x), which operators for gates know.</summary>
    internal bool IsSilu => Name is "silu" or "swish";

    private static readonly Activation[] Rows =
    [
        new("gelu", (x, _) => Op.Gelu(x, tanh: false)),
        new("gelu_10", (x, _) => Op.Clip(Op.Gelu(x, tanh: false), -10, 10)),
        new("gelu_accurate", (x, _) => Op.Gelu(x, tanh: true)),
        new("gelu_fast", (x, _) => Op.Gelu(x, tanh: true)),
        new("gelu_new", (x, _) => Op.Gelu(x, tanh: true)),
        new("gelu_python", (x, _) => Op.Gelu(x, tanh: false)),
        new("gelu_python_tanh", (x, _) => Op.Gelu(x, tanh: true)),
        new("gelu_pytorch_tanh", (x, _) => Op.Gelu(x, tanh: true)),
        new("laplace", (x, _) => (Op.Erf((x - 0.707107) / (0.282095 * Math.Sqrt(2))) + 1) * 0.5),
        new("leaky_relu", (x, _) => Op.LeakyRelu(x, 0.01f)),
        new("linear", (x, _) => x),
        new("mish", (x, _) => Op.Mish(x)),
        new("prelu", (x, m) => Op.PRelu(x, m.Weight("weight", 1))) { HasParameters = true },
        new("quick_gelu", (x, _) => QuickGelu(x)),
        new("relu", (x, _) => Op.Relu(x)),
        new("relu2", (x, _) => Squared(Op.Relu(x))),
        new("relu6", (x, _) => Op.Clip(x, 0, 6)),
        new("sigmoid", (x, _) => Op.Sigmoid(x)),
        new("silu", (x, _) => Silu(x)),
        new("swish", (x, _) => Silu(x)),
        new("tanh", (x, _) => Op.Tanh(x)),
        new("xielu", XieLu) { HasParameters = true },
    ];

    /// <summary>All activations of the reference (transformers 4.57, activations.py, ACT2FN), by name.</summary>
    internal static readonly IReadOnlyDictionary<string, Activation> All = Rows.ToDictionary(a => a.Name, StringComparer.Ordinal);

    /// <summary>The activation of a name that a model file fixes.</summary>
    internal static Activation Named(string name) => All[name];

    private static Value Silu(Value x) => x * Op.Sigmoid(x);

    private static Value QuickGelu(Value x) => x.Graph.Options.Fused ? Contrib.QuickGelu(x, 1.702f) : x * Op.Sigmoid(x * 1.702);

    private static Value Squared(Value x) => x * x;

    /// <summary>The expanded integral of ELU (Huang and Schlag, 2025), with its learned slopes. Reference: activations.py, XIELUActivation.</summary>
    private static Value XieLu(Value x, Module m)
    {
        Value beta = m.Weight("beta"), epsilon = m.Weight("eps");
        var positive = Op.Softplus(m.Weight("alpha_p", 1));
        var negative = beta + Op.Softplus(m.Weight("alpha_n", 1));
        var zero = x.Graph.Scalar(0, x.Type);
        var expm1 = Op.Exp(Op.Min(x, epsilon)) - 1;
        return Op.Where(Op.Greater(x, zero), positive * x * x + beta * x, (expm1 - x) * negative + beta * x);
    }
}
