using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision.Timm;

/// <summary>timm's EfficientNet: conv_stem, blocks, conv_head, classifier. Reference: timm, models/efficientnet.py and its parts.</summary>
internal sealed class TimmEfficientNet(TimmEfficientNet.Config c, Module m)
{
    private enum Kind { Plain, Separable, Inverted, Edge }

    /// <summary>A stage: its blocks' kind, how many, kernel, stride, expansion, channels, and the share of squeezed channels.</summary>
    private sealed record Row(Kind Kind, int Repeats, int Kernel, int Stride, int Expansion, int Channels, double Squeeze = 0);

    private static readonly Row[] Standard =
    [
        new(Kind.Separable, 1, 3, 1, 1, 16, 0.25), new(Kind.Inverted, 2, 3, 2, 6, 24, 0.25), new(Kind.Inverted, 2, 5, 2, 6, 40, 0.25), new(Kind.Inverted, 3, 3, 2, 6, 80, 0.25), new(Kind.Inverted, 3, 5, 1, 6, 112, 0.25),
        new(Kind.Inverted, 4, 5, 2, 6, 192, 0.25), new(Kind.Inverted, 1, 3, 1, 6, 320, 0.25),
    ];

    private static readonly Row[] Test =
    [
        new(Kind.Plain, 1, 3, 1, 1, 16), new(Kind.Edge, 1, 3, 2, 4, 24), new(Kind.Edge, 1, 3, 2, 4, 32), new(Kind.Inverted, 1, 3, 2, 4, 48, 0.25), new(Kind.Inverted, 1, 3, 2, 4, 64, 0.25),
    ];

    internal sealed record Config(int Channels, string Name, double WidthFactor, double DepthFactor, bool Tensorflow)
    {
        private bool IsTest => Name == "test_efficientnet";

        internal int StemWidth => Width(IsTest ? 24 : 32);

        internal int LastWidth => Width(IsTest ? 256 : 1280);

        internal float Epsilon => Tensorflow ? 1e-3f : 1e-5f;

        /// <summary>Channels times the width's factor, at a multiple of 8, at most a tenth less.</summary>
        internal int Width(int channels) => Divisible(channels * WidthFactor, IsTest ? 0 : 0.9);

        internal static int Divisible(double exact, double least = 0.9)
        {
            var near = Math.Max(8, (int)(exact + 4) / 8 * 8);
            return near < least * exact ? near + 8 : near;
        }
    }

    private static readonly (string Name, double Width, double Depth)[] Sizes =
        [("b0", 1, 1), ("b1", 1, 1.1), ("b2", 1.1, 1.2), ("b3", 1.2, 1.4), ("b4", 1.4, 1.8), ("b5", 1.6, 2.2), ("b6", 1.8, 2.6), ("b7", 2, 3.1), ("b8", 2.2, 3.6)];

    internal static TimmNetwork? Find(string architecture, ConfigReader json)
    {
        var (tensorflow, name) = architecture.StartsWith("tf_", StringComparison.Ordinal) ? (true, architecture[3..]) : (false, architecture);
        var size = Array.Find(Sizes, s => name == $"efficientnet_{s.Name}");
        if (size.Name is null && architecture != "test_efficientnet") return null;
        json.Ignore("drop_rate", "drop_path_rate");
        var c = new Config(json.Count("in_chans", 3), name, size.Name is null ? 1 : size.Width, size.Name is null ? 1 : size.Depth, tensorflow);
        var pool = TimmNetwork.PoolingOfMaps(json);
        return new(new(224, 224), "classifier", (at, pixels) => new TimmEfficientNet(c, at).Encode(pixels), (_, map) => pool(map));
    }

    private Value Normalized(Module at, string convolution, string norm, Value x, int width, int size = 1, int stride = 1, int groups = 1, bool activate = true)
    {
        // Symmetric, as PyTorch pads, or as TensorFlow does.
        var window = c.Tensorflow ? new Window(size, stride, Same: true) : Window.Padded(size, stride, (stride - 1 + size - 1) / 2);
        var h = BatchNorm(at[norm], Conv(at[convolution], x, width, window, groups, bias: false), c.Epsilon);
        return activate ? Activate(at, Activation.Named("silu"), h) : h;
    }

    private static Value Squeezed(Module se, Value h, double width) =>
        width == 0 ? h : SqueezeExcite(se["conv_reduce"], se["conv_expand"], h, (int)Math.Round(width, MidpointRounding.ToEven), Activation.Named("silu"), Activation.Named("sigmoid"));

    private Value Block(Module at, Value x, Row row, int stride)
    {
        int input = (int)x.Shape[1].Size!.Value, width = c.Width(row.Channels), inner = Config.Divisible(input * row.Expansion);
        var squeezed = row.Kind == Kind.Separable ? input * row.Squeeze : inner * row.Squeeze / row.Expansion;
        var h = row.Kind switch
        {
            Kind.Plain => Normalized(at, "conv", "bn1", x, width, row.Kernel, stride),
            Kind.Separable => Normalized(at, "conv_pw", "bn2", Squeezed(at["se"], Normalized(at, "conv_dw", "bn1", x, input, row.Kernel, stride, input), squeezed), width, activate: false),
            Kind.Edge => Normalized(at, "conv_pwl", "bn2", Squeezed(at["se"], Normalized(at, "conv_exp", "bn1", x, inner, row.Kernel, stride), squeezed), width, activate: false),
            _ => Normalized(at, "conv_pwl", "bn3", Squeezed(at["se"], Normalized(at, "conv_dw", "bn2", Normalized(at, "conv_pw", "bn1", x, inner), inner, row.Kernel, stride, inner), squeezed), width, activate: false),
        };
        return stride == 1 && input == width ? h + x : h;
    }

    private Value Encode(Value pixels)
    {
        var h = Normalized(m, "conv_stem", "bn1", pixels, c.StemWidth, 3, 2);
        var rows = c.Name == "test_efficientnet" ? Test : Standard;
        h = m["blocks"].Fold(rows.Length, h, (stage, i, x) => stage.Fold((int)Math.Ceiling(rows[i].Repeats * c.DepthFactor), x, (block, j, y) => Block(block, y, rows[i], j == 0 ? rows[i].Stride : 1)));
        return Normalized(m, "conv_head", "bn2", h, c.LastWidth);
    }
}
