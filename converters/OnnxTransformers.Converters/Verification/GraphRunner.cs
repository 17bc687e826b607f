using System.Collections.Immutable;

namespace OnnxTransformers.Converters.Verification;

/// <summary>An opened graph that is run on test inputs. Caches go in and come out with each token at its place in the mask, however the graph keeps them.</summary>
internal sealed class GraphRunner(ModelSession session, string name) : IDisposable
{
    private readonly PackedCache? _packed = PackedCache.Of(session.Metadata);

    internal ImmutableArray<TensorSpec> Inputs => session.Inputs;

    /// <summary>What the file tells of the network; null for files from elsewhere.</summary>
    internal NetworkTraits? Traits => NetworkTraits.Read(session.Metadata);

    internal static GraphRunner Open(string path, ImmutableArray<Provider> providers) => new(ModelSession.Open(path, new RuntimeOptions { Providers = providers }), Path.GetFileName(path));

    /// <summary>All outputs, in the graph's order.</summary>
    /// <exception cref="VerificationFailedException">The graph can't be run.</exception>
    internal ImmutableArray<Tensor> Run(TestInput input, CancellationToken cancellation)
    {
        using var feeds = new Feeds();
        foreach (var tensor in input.Tensors) Feed(feeds, _packed?.Pack(tensor, input) ?? tensor);
        try
        {
            using var outputs = session.Run(feeds, null, cancellation);
            return [.. session.Outputs.Select(spec => Read(outputs, spec)).Select(t => _packed?.Unpack(t, input) ?? t)];
        }
        catch (InvalidInputException e)
        {
            throw new VerificationFailedException($"running {name} on {input.Name}", e.Problems, e);
        }
    }

    public void Dispose() => session.Dispose();

    private static void Feed(Feeds feeds, Tensor tensor)
    {
        var values = tensor.Values;
        if (tensor.Spec.Type.IsFloatingPoint())
        {
            var floats = feeds.Float(tensor.Spec.Name, tensor.Shape.AsSpan());
            for (var i = 0; i < values.Length; i++) floats[i] = (float)values[i];
        }
        else if (tensor.Spec.Type == ElementType.Bool)
        {
            var bools = feeds.Bool(tensor.Spec.Name, tensor.Shape.AsSpan());
            for (var i = 0; i < values.Length; i++) bools[i] = values[i] != 0;
        }
        else
        {
            var longs = feeds.Int64(tensor.Spec.Name, tensor.Shape.AsSpan());
            for (var i = 0; i < values.Length; i++) longs[i] = (long)values[i];
        }
    }

    private static Tensor Read(SessionOutputs outputs, TensorSpec spec)
    {
        ImmutableArray<long> shape = [.. outputs.Shape(spec.Name)];
        var values = new double[shape.Aggregate(1L, (a, b) => a * b)];
        if (spec.Type == ElementType.Int64)
        {
            var longs = outputs.Int64(spec.Name);
            for (var i = 0; i < values.Length; i++) values[i] = longs[i];
        }
        else
        {
            var floats = outputs.Float(spec.Name);
            for (var i = 0; i < values.Length; i++) values[i] = floats[i];
        }
        return new Tensor(spec, shape, values);
    }
}
