using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs.Onnx;

/// <summary>A model as text that can be read, compared and kept: one node a line. It depends on the graph alone, not on where weights are stored or which version wrote it.</summary>
/// <remarks><code>
/// graph main
///   input input_ids: int64[batch_size, sequence_length]
///   output last_hidden_state: float[batch_size, sequence_length, 32]
///   initializer embeddings.word_embeddings.weight: float[1124, 32]
///   initializer axes: int64[1] = {-1}
///   h: float[batch_size, sequence_length, 32] = Gather&lt;axis=0&gt;(embeddings.word_embeddings.weight, input_ids)  # /embeddings/Gather
/// </code></remarks>
public static class OnnxText
{
    private const int MostValues = 16;
    private const int MostCharacters = 200;
    private const string DefaultDomain = "ai.onnx";

    /// <summary>The whole model.</summary>
    public static string Dump(ModelProto model)
    {
        var text = new StringBuilder();
        text.Append("ir ").Append(model.IrVersion.ToString(CultureInfo.InvariantCulture)).Append('\n');
        foreach (var opset in model.OpsetImport.OrderBy(o => Domain(o.Domain), StringComparer.Ordinal)) text.Append(CultureInfo.InvariantCulture, $"opset {Word(Domain(opset.Domain))} {opset.Version}\n");
        if (model.ProducerName.Length > 0) text.Append("producer ").Append(Word(model.ProducerName)).Append('\n');
        foreach (var pair in model.MetadataProps.OrderBy(p => p.Key, StringComparer.Ordinal)) text.Append("metadata ").Append(Word(pair.Key)).Append(" = ").Append(Quote(pair.Value)).Append('\n');
        if (model.Graph is { } graph)
        {
            text.Append('\n');
            Graph(text, graph, "", "graph");
        }
        foreach (var function in model.Functions)
        {
            text.Append('\n');
            Function(text, function);
        }
        return text.ToString();
    }

    /// <summary>A type as "int64[batch_size, 2]", "seq(float[?])"; "?" where it isn't known.</summary>
    public static string Type(TypeProto? type) => type?.ValueCase switch
    {
        TypeProto.ValueOneofCase.TensorType => Tensor(type.TensorType.ElemType, type.TensorType.Shape),
        TypeProto.ValueOneofCase.SparseTensorType => $"sparse {Tensor(type.SparseTensorType.ElemType, type.SparseTensorType.Shape)}",
        TypeProto.ValueOneofCase.SequenceType => $"seq({Type(type.SequenceType.ElemType)})",
        TypeProto.ValueOneofCase.OptionalType => $"optional({Type(type.OptionalType.ElemType)})",
        TypeProto.ValueOneofCase.MapType => $"map({Element(type.MapType.KeyType)}, {Type(type.MapType.ValueType)})",
        TypeProto.ValueOneofCase.OpaqueType => $"opaque({Word(type.OpaqueType.Domain)}, {Word(type.OpaqueType.Name)})",
        _ => "?",
    };

    internal static string Domain(string domain) => domain.Length == 0 ? DefaultDomain : domain;

    internal static string Dimension(TensorShapeProto.Types.Dimension dimension) => dimension.ValueCase switch
    {
        TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue => dimension.DimValue.ToString(CultureInfo.InvariantCulture),
        TensorShapeProto.Types.Dimension.ValueOneofCase.DimParam when dimension.DimParam.Length > 0 => Plain(dimension.DimParam) ? dimension.DimParam : Quote(dimension.DimParam),
        _ => "?",
    };

    /// <summary>The name of an element type, as the standard's text has it; "type99" for those that this version doesn't know.</summary>
    internal static string Element(int type) =>
        Enum.IsDefined((TensorProto.Types.DataType)type) ? ((TensorProto.Types.DataType)type).ToString().ToLowerInvariant() : string.Create(CultureInfo.InvariantCulture, $"type{type}");

    private static string Tensor(int element, TensorShapeProto? shape) =>
        shape is null ? $"{Element(element)}[...]" : $"{Element(element)}[{string.Join(", ", shape.Dim.Select(Dimension))}]";

    private static void Graph(StringBuilder text, GraphProto graph, string indent, string title)
    {
        text.Append(indent).Append(title);
        if (graph.Name.Length > 0) text.Append(' ').Append(Word(graph.Name));
        text.Append('\n');
        var inner = indent + "  ";
        foreach (var value in graph.Input) text.Append(inner).Append("input ").Append(Word(value.Name)).Append(": ").Append(Type(value.Type)).Append('\n');
        foreach (var value in graph.Output) text.Append(inner).Append("output ").Append(Word(value.Name)).Append(": ").Append(Type(value.Type)).Append('\n');
        foreach (var tensor in graph.Initializer) text.Append(inner).Append("initializer ").Append(Word(tensor.Name)).Append(": ").Append(Tensor(tensor, " = ")).Append('\n');
        foreach (var sparse in graph.SparseInitializer) text.Append(inner).Append("initializer ").Append(Word(sparse.Values?.Name ?? "")).Append(": ").Append(Sparse(sparse)).Append('\n');

        var types = new Dictionary<string, TypeProto>(StringComparer.Ordinal);
        foreach (var value in graph.ValueInfo.Concat(graph.Output)) types[value.Name] = value.Type;
        foreach (var node in graph.Node) Node(text, node, inner, types);
    }

    private static void Function(StringBuilder text, FunctionProto function)
    {
        text.Append("function ").Append(Word(Domain(function.Domain))).Append('.').Append(Word(function.Name));
        var attributes = function.Attribute.Select(Word).Concat(function.AttributeProto.OrderBy(a => a.Name, StringComparer.Ordinal).Select(a => $"{Word(a.Name)}={Value(a)}")).ToList();
        if (attributes.Count > 0) text.Append('<').AppendJoin(", ", attributes).Append('>');
        text.Append('(').AppendJoin(", ", function.Input.Select(Word)).Append(") -> (").AppendJoin(", ", function.Output.Select(Word)).Append(")\n");
        foreach (var opset in function.OpsetImport.OrderBy(o => Domain(o.Domain), StringComparer.Ordinal)) text.Append(CultureInfo.InvariantCulture, $"  opset {Word(Domain(opset.Domain))} {opset.Version}\n");
        var types = function.ValueInfo.GroupBy(v => v.Name, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Last().Type, StringComparer.Ordinal);
        foreach (var node in function.Node) Node(text, node, "  ", types);
    }

    private static void Node(StringBuilder text, NodeProto node, string indent, Dictionary<string, TypeProto> types)
    {
        var outputs = node.Output.Select(o => types.TryGetValue(o, out var type) ? $"{Word(o)}: {Type(type)}" : Word(o));
        text.Append(indent).AppendJoin(", ", outputs).Append(" = ");
        if (Domain(node.Domain) != DefaultDomain) text.Append(Word(node.Domain)).Append('.');
        text.Append(Word(node.OpType));
        if (node.Overload.Length > 0) text.Append(':').Append(Word(node.Overload));
        var attributes = node.Attribute.OrderBy(a => a.Name, StringComparer.Ordinal).ToList();
        if (attributes.Count > 0) text.Append('<').AppendJoin(", ", attributes.Select(a => $"{Word(a.Name)}={Value(a)}")).Append('>');
        text.Append('(').AppendJoin(", ", node.Input.Select(Word)).Append(')');
        if (node.Name.Length > 0) text.Append("  # ").Append(Word(node.Name));
        text.Append('\n');
        foreach (var attribute in attributes)
        {
            if (attribute.G is { } graph) Graph(text, graph, indent + "  ", $"{Word(attribute.Name)}: graph");
            foreach (var each in attribute.Graphs) Graph(text, each, indent + "  ", $"{Word(attribute.Name)}: graph");
        }
    }

    private static string Value(AttributeProto attribute)
    {
        if (attribute.RefAttrName.Length > 0) return $"@{Word(attribute.RefAttrName)}";
        return attribute.Type switch
        {
            AttributeProto.Types.AttributeType.Float => Number(attribute.F),
            AttributeProto.Types.AttributeType.Int => attribute.I.ToString(CultureInfo.InvariantCulture),
            AttributeProto.Types.AttributeType.String => Quote(attribute.S.ToStringUtf8()),
            AttributeProto.Types.AttributeType.Tensor => attribute.T is { } tensor ? Tensor(tensor, "") : "?",
            AttributeProto.Types.AttributeType.Graph => "graph",
            AttributeProto.Types.AttributeType.SparseTensor => attribute.SparseTensor is { } sparse ? Sparse(sparse) : "?",
            AttributeProto.Types.AttributeType.TypeProto => Type(attribute.Tp),
            AttributeProto.Types.AttributeType.Floats => List(attribute.Floats.Select(f => Number(f))),
            AttributeProto.Types.AttributeType.Ints => List(attribute.Ints.Select(i => i.ToString(CultureInfo.InvariantCulture))),
            AttributeProto.Types.AttributeType.Strings => List(attribute.Strings.Select(s => Quote(s.ToStringUtf8()))),
            AttributeProto.Types.AttributeType.Tensors => List(attribute.Tensors.Select(t => Tensor(t, ""))),
            AttributeProto.Types.AttributeType.Graphs => List(attribute.Graphs.Select(_ => "graph")),
            AttributeProto.Types.AttributeType.SparseTensors => List(attribute.SparseTensors.Select(Sparse)),
            AttributeProto.Types.AttributeType.TypeProtos => List(attribute.TypeProtos.Select(Type)),
            _ => "?",
        };

        static string List(IEnumerable<string> items) => $"[{string.Join(", ", items)}]";
    }

    private static string Sparse(SparseTensorProto sparse) => $"sparse {Element(sparse.Values?.DataType ?? 0)}[{string.Join(", ", sparse.Dims)}]";

    /// <summary>Type, shape, and where the tensor holds a few values itself, those.</summary>
    private static string Tensor(TensorProto tensor, string before)
    {
        var type = $"{Element(tensor.DataType)}[{string.Join(", ", tensor.Dims)}]";
        return tensor.Dims.Aggregate((Int128)1, (n, d) => Int128.Min(n * d, MostValues + 1)) <= MostValues && Values(tensor) is { } values ? $"{type}{before}{{{string.Join(", ", values)}}}" : type;
    }

    private static IEnumerable<string>? Values(TensorProto tensor)
    {
        if (tensor.DataLocation == TensorProto.Types.DataLocation.External) return null;
        var type = (ElementType)tensor.DataType;
        if (type == ElementType.String) return tensor.StringData.Select(s => Quote(s.ToStringUtf8()));
        var bytes = TensorData.Of(tensor).ToArray();
        if (bytes.Length == 0 || bytes.Length > MostValues * sizeof(double)) return null;
        return type switch
        {
            ElementType.Double => Elements<double>(bytes, Number),
            ElementType.Float => Elements<float>(bytes, v => Number(v)),
            ElementType.Int64 => Elements<long>(bytes, v => v.ToString(CultureInfo.InvariantCulture)),
            ElementType.UInt64 => Elements<ulong>(bytes, v => v.ToString(CultureInfo.InvariantCulture)),
            ElementType.Int32 => Elements<int>(bytes, v => v.ToString(CultureInfo.InvariantCulture)),
            ElementType.UInt32 => Elements<uint>(bytes, v => v.ToString(CultureInfo.InvariantCulture)),
            ElementType.Int16 => Elements<short>(bytes, v => v.ToString(CultureInfo.InvariantCulture)),
            ElementType.UInt16 => Elements<ushort>(bytes, v => v.ToString(CultureInfo.InvariantCulture)),
            ElementType.Int8 => Elements<sbyte>(bytes, v => v.ToString(CultureInfo.InvariantCulture)),
            ElementType.UInt8 => Elements<byte>(bytes, v => v.ToString(CultureInfo.InvariantCulture)),
            ElementType.Bool => Elements<byte>(bytes, v => v != 0 ? "true" : "false"),
            _ when FloatConversion.CanConvert(type, ElementType.Double) => Enumerable.Range(0, bytes.Length * 8 / type.Bits()).Select(i => Number((float)FloatConversion.ValueAt(type, bytes, i))),
            _ => null,
        };
    }

    private static IEnumerable<string> Elements<T>(byte[] bytes, Func<T, string> text) where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes).ToArray().Select(text);

    private static string Number(float value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>True for names and formulas such as "past_sequence_length + sequence_length".</summary>
    private static bool Plain(string dimension) => dimension.All(c => c >= ' ' && c != '\x7F' && !"\"[],#:=".Contains(c, StringComparison.Ordinal));

    /// <summary>A name as it is, or quoted where it would not be one word.</summary>
    private static string Word(string name) => name.Length == 0 || name.Any(c => c <= ' ' || c == '\x7F' || "\"()<>[]{},=#:".Contains(c, StringComparison.Ordinal)) ? Quote(name) : name;

    private static string Quote(string value)
    {
        var text = new StringBuilder("\"");
        foreach (var c in value.Length > MostCharacters ? value[..MostCharacters] : value)
        {
            if (c is '"' or '\\') text.Append('\\').Append(c);
            else if (c < ' ' || c == '\x7F' || char.IsSurrogate(c)) text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
            else text.Append(c);
        }
        return text.Append(value.Length > MostCharacters ? "\"..." : "\"").ToString();
    }
}
