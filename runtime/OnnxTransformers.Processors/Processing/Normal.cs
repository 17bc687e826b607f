using System.Collections.Immutable;

namespace OnnxTransformers.Processors.Processing;

/// <summary>Means and standard deviations that processors default to (image_utils.py).</summary>
internal sealed record Normal(ImmutableArray<double> Mean, ImmutableArray<double> Std)
{
    internal static readonly Normal Standard = new([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]);
    internal static readonly Normal ImageNet = new([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    internal static readonly Normal Clip = new([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]);
    internal static readonly Normal One = new([1, 1, 1], [1, 1, 1]);
    internal static readonly Normal Zero = new([0, 0, 0], [1, 1, 1]);
}
