using System.Buffers;
using Google.Protobuf;
using Microsoft.Win32.SafeHandles;

namespace OnnxTransformers.Graphs.Onnx;

/// <summary>Reads a model but leaves large data of the graph's initializers in the file, so that memory goes with the graph and not with its weights.</summary>
internal sealed class ModelScanner
{
    private const int ModelGraph = ModelProto.GraphFieldNumber;
    private const int GraphInitializer = GraphProto.InitializerFieldNumber;
    private const long LargeData = 64 << 10;

    /// <summary>Where data of initializers was left, by their place in the list.</summary>
    private readonly Dictionary<int, (long Offset, long Length)> _left = [];
    private readonly ArrayBufferWriter<byte> _tensor = new();
    private readonly WireReader _reader;
    private readonly ModelProto _model = new();

    private ModelScanner(SafeFileHandle file, string name) => _reader = new WireReader(file, name);

    /// <summary>The model without the large data, and where that is.</summary>
    /// <exception cref="CorruptCheckpointException">It is not a whole ONNX model.</exception>
    internal static (ModelProto Model, IReadOnlyDictionary<int, (long Offset, long Length)> Left) Read(SafeFileHandle file, string name)
    {
        var scanner = new ModelScanner(file, name);
        scanner.Scan();
        if (scanner._model.Graph is null) throw scanner._reader.Corrupt(0, "no graph");
        return (scanner._model, scanner._left);
    }

    private void Scan()
    {
        var rest = new ArrayBufferWriter<byte>();
        while (_reader.Position < _reader.Length)
        {
            var field = _reader.Next(_reader.Length);
            if (field is { Field: ModelGraph, Wire: WireReader.Bytes }) ScanGraph(_reader.Position + field.Length, _model.Graph ??= new GraphProto());
            else _reader.Copy(field, _reader.Length, rest);
        }
        Merge(_model, rest, 0);
    }

    private void ScanGraph(long end, GraphProto graph)
    {
        var start = _reader.Position;
        var rest = new ArrayBufferWriter<byte>();
        while (_reader.Position < end)
        {
            var field = _reader.Next(end);
            if (field is { Field: GraphInitializer, Wire: WireReader.Bytes }) ScanTensor(_reader.Position + field.Length, graph);
            else _reader.Copy(field, end, rest);
        }
        Merge(graph, rest, start);
    }

    private void ScanTensor(long end, GraphProto graph)
    {
        var start = _reader.Position;
        _tensor.ResetWrittenCount();
        while (_reader.Position < end)
        {
            var field = _reader.Next(end);
            // Each of these is one piece of little-endian elements on the wire.
            if (field is { Field: TensorProto.RawDataFieldNumber or TensorProto.FloatDataFieldNumber or TensorProto.DoubleDataFieldNumber, Wire: WireReader.Bytes, Length: > LargeData })
            {
                if (!_left.TryAdd(graph.Initializer.Count, (_reader.Position, field.Length))) throw _reader.Corrupt(_reader.Position, "an initializer with data twice");
                _reader.Skip(field.Length);
            }
            else
            {
                _reader.Copy(field, end, _tensor);
            }
        }
        var tensor = new TensorProto();
        Merge(tensor, _tensor, start);
        graph.Initializer.Add(tensor);
    }

    private void Merge(IMessage message, ArrayBufferWriter<byte> bytes, long start)
    {
        try
        {
            message.MergeFrom(bytes.WrittenSpan);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw _reader.Corrupt(start, $"not a {message.Descriptor.Name} ({e.Message})", e);
        }
    }
}
