namespace OnnxTransformers.Graphs.Onnx;

/// <summary>The size of a model's own file. Protobuf's own count is 32 bits wide and wraps around, so that large tensors are added up apart from it first.</summary>
internal static class ModelSize
{
    internal static long Of(ModelProto model)
    {
        var tensors = (model.Graph is { } graph ? Tensors(graph) : 0) + model.Functions.Sum(f => f.Node.Sum(Tensors));
        return tensors > int.MaxValue ? tensors : Math.Max(tensors, (uint)model.CalculateSize());
    }

    private static long Tensors(GraphProto graph) => graph.Initializer.Sum(Tensor) + graph.SparseInitializer.Sum(Sparse) + graph.Node.Sum(Tensors);

    private static long Tensors(NodeProto node) =>
        node.Attribute.Sum(a => (a.T is { } t ? Tensor(t) : 0) + (a.G is { } g ? Tensors(g) : 0) + (a.SparseTensor is { } s ? Sparse(s) : 0) + a.Tensors.Sum(Tensor) + a.Graphs.Sum(Tensors) + a.SparseTensors.Sum(Sparse));

    private static long Sparse(SparseTensorProto tensor) => (tensor.Values is { } v ? Tensor(v) : 0) + (tensor.Indices is { } i ? Tensor(i) : 0);

    /// <summary>At least one byte an element in the fields that are written as numbers.</summary>
    private static long Tensor(TensorProto tensor) =>
        tensor.RawData.Length + tensor.FloatData.Count * 4L + tensor.DoubleData.Count * 8L + tensor.Int32Data.Count + tensor.Int64Data.Count + tensor.Uint64Data.Count + tensor.StringData.Sum(s => (long)s.Length);
}
