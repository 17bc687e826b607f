using Google.Protobuf;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs.Onnx;

/// <summary>Small models for tests.</summary>
internal static class TestModels
{
    /// <summary>A model with an initializer for each weight, and nothing else.</summary>
    internal static ModelProto Of(params WeightInitializer[] weights)
    {
        var model = new ModelProto { IrVersion = 10, ProducerName = "onnx-transformers", Graph = new GraphProto { Name = "main" } };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 21 });
        foreach (var (name, recipe) in weights)
        {
            var tensor = new TensorProto { Name = name, DataType = (int)recipe.Type };
            tensor.Dims.AddRange(recipe.Shape);
            model.Graph.Initializer.Add(tensor);
        }
        return model;
    }

    /// <summary>One of everything that a graph can hold.</summary>
    internal static ModelProto Full()
    {
        var model = Of();
        model.MetadataProps.Add(new StringStringEntryProto { Key = "task", Value = "fill-\"mask\"" });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "com.microsoft", Version = 1 });
        var graph = model.Graph;
        graph.Input.Add(Value("input_ids", TensorProto.Types.DataType.Int64, "batch_size", 2L, null));
        graph.Output.Add(Value("y", TensorProto.Types.DataType.Float, "past + sequence", 32L));
        graph.ValueInfo.Add(Value("h", TensorProto.Types.DataType.Float16, 4L));
        graph.Initializer.Add(new TensorProto { Name = "axes", DataType = (int)TensorProto.Types.DataType.Int64, Dims = { 2 }, Int64Data = { 0, -1 } });
        graph.Initializer.Add(new TensorProto { Name = "scale", DataType = (int)TensorProto.Types.DataType.Float16, Dims = { 2 }, RawData = ByteString.CopyFrom(0x00, 0x3C, 0x00, 0xB8) });
        graph.Initializer.Add(new TensorProto { Name = "names", DataType = (int)TensorProto.Types.DataType.String, Dims = { 1 }, StringData = { ByteString.CopyFromUtf8("line\nbreak") } });
        graph.Initializer.Add(new TensorProto { Name = "table", DataType = (int)TensorProto.Types.DataType.Float, Dims = { 5, 5 }, RawData = ByteString.CopyFrom(new byte[100]) });
        graph.SparseInitializer.Add(new SparseTensorProto
        {
            Values = new TensorProto { Name = "sparse", DataType = (int)TensorProto.Types.DataType.Float, Dims = { 1 }, FloatData = { 1 } },
            Indices = new TensorProto { DataType = (int)TensorProto.Types.DataType.Int64, Dims = { 1 }, Int64Data = { 3 } },
            Dims = { 3, 3 },
        });
        graph.Node.Add(new NodeProto { OpType = "Clip", Input = { "input_ids", "", "axes" }, Output = { "h" }, Name = "/clip" });
        graph.Node.Add(new NodeProto
        {
            OpType = "SkipLayerNormalization",
            Domain = "com.microsoft",
            Input = { "h" },
            Output = { "s", "t" },
            Attribute =
            {
                new AttributeProto { Name = "mode", Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8("a\tb") },
                new AttributeProto { Name = "epsilon", Type = AttributeProto.Types.AttributeType.Float, F = 1e-12f },
                new AttributeProto { Name = "axis", Type = AttributeProto.Types.AttributeType.Int, I = 0 },
                new AttributeProto { Name = "ints", Type = AttributeProto.Types.AttributeType.Ints, Ints = { 1, -2 } },
                new AttributeProto { Name = "value", Type = AttributeProto.Types.AttributeType.Tensor, T = new TensorProto { DataType = (int)TensorProto.Types.DataType.Bool, RawData = ByteString.CopyFrom(1) } },
            },
        });
        var branch = new GraphProto { Name = "then", Node = { new NodeProto { OpType = "Identity", Input = { "s" }, Output = { "b" } } }, Output = { new ValueInfoProto { Name = "b", Type = new TypeProto { SequenceType = new TypeProto.Types.Sequence { ElemType = new TypeProto() } } } } };
        graph.Node.Add(new NodeProto { OpType = "If", Input = { "t" }, Output = { "y" }, Attribute = { new AttributeProto { Name = "then_branch", Type = AttributeProto.Types.AttributeType.Graph, G = branch } } });
        model.Functions.Add(new FunctionProto
        {
            Domain = "local",
            Name = "Twice",
            Input = { "x" },
            Output = { "z" },
            Attribute = { "alpha" },
            Node = { new NodeProto { OpType = "Mul", Input = { "x", "x" }, Output = { "z" }, Attribute = { new AttributeProto { Name = "a", RefAttrName = "alpha" } } } },
            OpsetImport = { new OperatorSetIdProto { Version = 21 } },
        });
        return model;
    }

    internal static ValueInfoProto Value(string name, TensorProto.Types.DataType type, params object?[] dims)
    {
        var shape = new TensorShapeProto();
        foreach (var dim in dims)
            shape.Dim.Add(dim switch
            {
                long n => new TensorShapeProto.Types.Dimension { DimValue = n },
                string s => new TensorShapeProto.Types.Dimension { DimParam = s },
                _ => new TensorShapeProto.Types.Dimension(),
            });
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = shape } } };
    }
}
