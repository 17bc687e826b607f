using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Google.Protobuf.Collections;
using OnnxTransformers.Graphs.Onnx;
using OnnxTransformers.Graphs.Models;
using OnnxTransformers.Graphs.Operators;
using OnnxTransformers.Graphs.Weights;

namespace OnnxTransformers.Graphs;

/// <summary>A network under construction: nodes, inputs, outputs and the recipes of its weights. Everything is checked as it is added; nothing is read from the checkpoint but its index.</summary>
/// <remarks>Not thread-safe: one graph is built by one thread.</remarks>
public sealed class Graph
{
    private const string ContribDomain = "com.microsoft";
    private readonly GraphProto _proto = new();
    private readonly List<WeightInitializer> _weights = [];
    private readonly Dictionary<string, Value> _weightValues = new(StringComparer.Ordinal);
    private readonly Dictionary<(ElementType, string Dims, string Bytes), Value> _constants = [];
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly List<Problem> _problems = [];
    private readonly List<(string Path, Value Value)> _results = [];
    private readonly Dictionary<string, Value> _inputs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Value> _shapes = new(StringComparer.Ordinal);
    private readonly List<SkippedTensors> _leftOut = [];
    private bool _usesContrib;
    private RepeatedField<NodeProto> _nodes;

    /// <summary>Begins an empty graph.</summary>
    /// <param name="name">The file's name without its ending, as "model".</param>
    /// <param name="tensors">The checkpoint's index, against which weights are checked.</param>
    /// <param name="options">How to build it.</param>
    public Graph(string name, IReadOnlyDictionary<string, TensorInfo> tensors, BuildOptions options) => (Name, Tensors, Options, _proto.Name, _nodes) = (name, tensors, options, name, _proto.Node);

    /// <summary>The file's name without its ending.</summary>
    public string Name { get; }

    /// <summary>How it is built.</summary>
    public BuildOptions Options { get; }

    /// <summary>The module path under which nodes are named at present.</summary>
    public string Scope { get; private set; } = "";

    /// <summary>Which weights are quantized, and which are not and why.</summary>
    public QuantizationLog Quantization { get; } = new();

    /// <summary>True where many layers are normalized by statistics of training, which don't follow what rounding changes: then it grows from layer to layer.</summary>
    public bool HasStoredStatistics => _proto.Node.Count(n => n.OpType == "BatchNormalization") >= 20;

    /// <summary>Stored tensors that the graph takes.</summary>
    public IReadOnlySet<string> UsedTensors => _used;

    /// <summary>Missing and wrongly shaped tensors found so far.</summary>
    public IReadOnlyList<Problem> Problems => _problems;

    /// <summary>The longest text in tokens that its tables of positions allow; null where nothing limits it.</summary>
    public int? MaxTokens { get; private set; }

    /// <summary>The size in pixels of the images that the network was trained on; null where it takes none.</summary>
    public (int Height, int Width)? ImageSize { get; internal set; }

    /// <summary>The id that ends a text where the network looks for it; null where it doesn't.</summary>
    public int? EndOfText { get; internal set; }

    /// <summary>Length in tokens beyond which all tokens are read differently, those in the cache as well; null where nothing switches.</summary>
    public int? SwitchesAt { get; internal set; }

    /// <summary>Name of the dimension of texts: their own where a graph takes texts and images that are not pairs.</summary>
    internal string TextRows { get; private set; } = "batch_size";

    /// <summary>Name of the dimension of images.</summary>
    internal string ImageRows { get; private set; } = "batch_size";

    /// <summary>Whether past and present of its cache may be one buffer, longer than the text, which attention writes into.</summary>
    public bool SharesCache { get; internal set; }

    /// <summary>Layers whose cache has the real tokens of each row at its beginning, whatever the mask has between them.</summary>
    public IReadOnlyCollection<int> PackedLayers { get; internal set; } = [];

    internal IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>Says that there may be another number of texts than of images.</summary>
    internal void SeparateRows() => (TextRows, ImageRows) = ("text_batch_size", "image_batch_size");

    /// <summary>Says that a table of positions has room for so many tokens.</summary>
    internal void LimitTokens(int most) => MaxTokens = Math.Min(most, MaxTokens ?? most);

    /// <summary>Declares an input.</summary>
    /// <exception cref="GraphException">The name is taken.</exception>
    public Value Input(string name, ElementType type, Shape shape)
    {
        ClaimExactly(name);
        _proto.Input.Add(Info(name, type, shape));
        return _inputs[name] = new Value(this, name, type, shape);
    }

    /// <summary>Declares an input vector of int64 that need not be fed.</summary>
    public Value InputWithDefault(string name, ReadOnlySpan<long> values)
    {
        var input = Input(name, ElementType.Int64, new Shape(values.Length));
        _proto.Initializer.Add(new TensorProto { Name = name, DataType = (int)ElementType.Int64, Dims = { values.Length }, RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values)) });
        return input;
    }

    /// <summary>Declares an input number of int64 that need not be fed.</summary>
    public Value InputWithDefault(string name, long value)
    {
        var input = Input(name, ElementType.Int64, new Shape());
        _proto.Initializer.Add(new TensorProto { Name = name, DataType = (int)ElementType.Int64, RawData = ByteString.CopyFrom(Scalars.Bytes(value, ElementType.Int64)) });
        return input;
    }

    /// <summary>An input that was declared.</summary>
    internal Value InputNamed(string name) => _inputs.TryGetValue(name, out var input) ? input : throw Error($"the graph has no input {name}");

    /// <summary>Makes a value an output under a name of the contract. Half-precision results leave the graph as float32.</summary>
    /// <param name="name">The name.</param>
    /// <param name="value">The value.</param>
    /// <param name="asComputed">True where the type is kept, as for states that come back as inputs.</param>
    /// <exception cref="GraphException">The name is taken.</exception>
    public void Output(string name, Value value, bool asComputed = false)
    {
        var wide = !asComputed && value.Type is (ElementType.Float16 or ElementType.BFloat16) ? Op.Cast(value, ElementType.Float) : value;
        ClaimExactly(name);
        _proto.Node.Add(new NodeProto { Name = $"{name}/Identity", OpType = "Identity", Input = { wide.Name }, Output = { name } });
        _proto.Output.Add(Info(name, wide.Type, wide.Shape));
    }

    /// <summary>Names nodes after <paramref name="path"/> until the result is disposed.</summary>
    public ScopeGuard Enter(string path)
    {
        var before = Scope;
        Scope = path;
        return new ScopeGuard(this, before);
    }

    /// <summary>A scalar constant of a type; equal constants are one initializer.</summary>
    public Value Scalar(double value, ElementType type) => Constant(type, [], Scalars.Bytes(value, type));

    /// <summary>A vector of int64, such as a shape or axes.</summary>
    public Value Constant(params ReadOnlySpan<long> values) => Constant(ElementType.Int64, [values.Length], MemoryMarshal.AsBytes(values));

    /// <summary>Integers of int64 under a shape.</summary>
    internal Value Integers(ImmutableArray<long> shape, ImmutableArray<long> values) => Constant(ElementType.Int64, shape, MemoryMarshal.AsBytes(values.AsSpan()));

    /// <summary>A constant of any type from its little-endian bytes; equal constants are one initializer.</summary>
    public Value Constant(ElementType type, ImmutableArray<long> shape, ReadOnlySpan<byte> bytes)
    {
        var key = (type, string.Join(",", shape), Convert.ToBase64String(bytes));
        if (_constants.TryGetValue(key, out var known)) return known;
        var name = Claim($"constants.{_constants.Count}");
        _proto.Initializer.Add(new TensorProto { Name = name, DataType = (int)type, Dims = { shape }, RawData = ByteString.CopyFrom(bytes) });
        return _constants[key] = new Value(this, name, type, Shape.Of(shape));
    }

    /// <summary>Adds a node with one output.</summary>
    internal Value Node(string op, ReadOnlySpan<Value?> inputs, ElementType type, Shape shape, ReadOnlySpan<AttributeProto> attributes = default, bool contrib = false) =>
        Nodes(op, inputs, [(type, shape)], attributes, contrib)[0];

    /// <summary>Adds a node with several outputs; those without a type are left out.</summary>
    internal ImmutableArray<Value> Nodes(string op, ReadOnlySpan<Value?> inputs, ReadOnlySpan<(ElementType Type, Shape Shape)> outputs, ReadOnlySpan<AttributeProto> attributes = default, bool contrib = false)
    {
        if (contrib && !Options.Fused) throw Error($"{op} is an operator of ONNX Runtime, which the target {Options.Target} does not take");
        if (!contrib && BrainFloats.AreWidenedFor(op) && Has(inputs, ElementType.BFloat16)) return Widened(op, inputs, outputs, attributes);
        _usesContrib |= contrib;
        var name = Claim(Scope.Length == 0 ? op : $"{Scope}/{op}");
        var node = new NodeProto { Name = name, OpType = op, Domain = contrib ? ContribDomain : "" };
        foreach (var input in inputs)
        {
            if (input is not null && input.Graph != this) throw Error($"{op}: {input.Name} belongs to another graph");
            node.Input.Add(input?.Name ?? "");
        }
        foreach (var attribute in attributes) node.Attribute.Add(attribute);
        while (node.Input.Count > 0 && node.Input[^1].Length == 0) node.Input.RemoveAt(node.Input.Count - 1);
        var values = ImmutableArray.CreateBuilder<Value>(outputs.Length);
        for (var i = 0; i < outputs.Length; i++)
        {
            var output = outputs[i].Type == default ? "" : i == 0 ? name : Claim($"{name}.{i}");
            node.Output.Add(output);
            values.Add(new Value(this, output, outputs[i].Type, outputs[i].Shape));
        }
        _nodes.Add(node);
        return values.MoveToImmutable();
    }

    private static bool Has(ReadOnlySpan<Value?> values, ElementType type)
    {
        foreach (var value in values)
            if (value?.Type == type) return true;
        return false;
    }

    /// <summary>A node in float32 between conversions from and to bfloat16.</summary>
    private ImmutableArray<Value> Widened(string op, ReadOnlySpan<Value?> inputs, ReadOnlySpan<(ElementType Type, Shape Shape)> outputs, ReadOnlySpan<AttributeProto> attributes)
    {
        var wide = new Value?[inputs.Length];
        for (var i = 0; i < wide.Length; i++) wide[i] = inputs[i] is { Type: ElementType.BFloat16 } narrow ? Op.Cast(narrow, ElementType.Float) : inputs[i];
        var types = new (ElementType, Shape)[outputs.Length];
        for (var i = 0; i < types.Length; i++) types[i] = outputs[i].Type == ElementType.BFloat16 ? (ElementType.Float, outputs[i].Shape) : outputs[i];
        var results = Nodes(op, wide, types, attributes).ToArray();
        for (var i = 0; i < results.Length; i++)
            if (outputs[i].Type == ElementType.BFloat16) results[i] = Op.Cast(results[i], ElementType.BFloat16);
        return [.. results];
    }

    /// <summary>One of two ways to compute the same values, chosen when the graph runs. What a branch shares with others must be made in <see cref="OutsideBranches"/>.</summary>
    /// <param name="condition">A boolean of one element.</param>
    /// <param name="then">Makes the values where it is true.</param>
    /// <param name="otherwise">Makes them where it is false; types and shapes are the same, names of dimensions may differ.</param>
    internal ImmutableArray<Value> If(Value condition, Func<ReadOnlySpan<Value>> then, Func<ReadOnlySpan<Value>> otherwise)
    {
        var (first, shapes) = Branch("then", then);
        var (second, _) = Branch("else", otherwise);
        return Nodes("If", [condition], shapes.AsSpan(), [new AttributeProto { Name = "then_branch", Type = AttributeProto.Types.AttributeType.Graph, G = first }, new AttributeProto { Name = "else_branch", Type = AttributeProto.Types.AttributeType.Graph, G = second }]);
    }

    /// <summary>Runs the same nodes for each entry along an axis, one after the other; states go from one run to the next.</summary>
    /// <param name="states">What the first run gets.</param>
    /// <param name="sequences">What is cut along the axis: each run gets an entry of each, without the axis.</param>
    /// <param name="axis">The axis, of the results as well.</param>
    /// <param name="run">From states and entries to the next states, of the same shapes, and to results.</param>
    /// <returns>The last states, and the results of all runs along the axis.</returns>
    internal (ImmutableArray<Value> States, ImmutableArray<Value> Results) Scan(ImmutableArray<Value> states, ImmutableArray<Value> sequences, int axis,
        Func<ImmutableArray<Value>, ImmutableArray<Value>, (ImmutableArray<Value> States, ImmutableArray<Value> Results)> run)
    {
        Value Given(string kind, Value v, Shape shape) => new(this, Claim(Scope.Length == 0 ? kind : $"{Scope}/{kind}"), v.Type, shape);
        ImmutableArray<Value> before = [.. states.Select(s => Given("state", s, s.Shape))], entries = [.. sequences.Select(s => Given("entry", s, new Shape([.. s.Shape.Dims.RemoveAt(axis)])))];
        var length = sequences[0].Shape[axis];
        var results = 0;
        var (body, each) = Branch("body", () =>
        {
            var (next, found) = run(before, entries);
            results = found.Length;
            return next.AddRange(found).AsSpan();
        });
        foreach (var given in before.AddRange(entries)) body.Input.Add(Info(given.Name, given.Type, given.Shape));
        var outputs = each.Select((o, i) => i < states.Length ? o : (o.Item1, new Shape([.. o.Item2.Dims.Insert(axis, length)]))).ToArray();
        var all = Nodes("Scan", [.. states, .. sequences], outputs,
        [
            new AttributeProto { Name = "body", Type = AttributeProto.Types.AttributeType.Graph, G = body },
            Attributes.Of("num_scan_inputs", sequences.Length),
            Attributes.Of("scan_input_axes", [.. Enumerable.Repeat((long)axis, sequences.Length)]),
            Attributes.Of("scan_output_axes", [.. Enumerable.Repeat((long)axis, results)]),
        ]);
        return (all[..states.Length], all[states.Length..]);
    }

    /// <summary>Adds nodes to the graph itself until the result is disposed, and not to the branch that is being built: they come before its If.</summary>
    internal BranchGuard OutsideBranches()
    {
        var before = _nodes;
        _nodes = _proto.Node;
        return new BranchGuard(this, before);
    }

    private (GraphProto Branch, ImmutableArray<(ElementType, Shape)> Outputs) Branch(string name, Func<ReadOnlySpan<Value>> make)
    {
        var around = _nodes;
        var branch = new GraphProto { Name = Scope.Length == 0 ? name : $"{Scope}/{name}" };
        _nodes = branch.Node;
        try
        {
            var outputs = ImmutableArray.CreateBuilder<(ElementType, Shape)>();
            foreach (var value in make())
            {
                branch.Output.Add(Info(value.Name, value.Type, value.Shape));
                outputs.Add((value.Type, value.Shape));
            }
            return (branch, outputs.ToImmutable());
        }
        finally
        {
            _nodes = around;
        }
    }

    /// <summary>The value of a weight in the type that the graph computes in.</summary>
    internal Value Weight(string name, Recipe recipe) => Computed(StoredWeight(name, recipe));

    /// <summary>The same, stored in the type that the graph computes in: for the few numbers that all of a layer's results depend on.</summary>
    internal Value ExactWeight(string name, Recipe recipe) => Computed(StoredWeight(name, recipe, Options.ComputeType));

    private Value Computed(Value stored) => stored.Type.IsFloatingPoint() && stored.Type != Options.ComputeType ? Op.Cast(stored, Options.ComputeType) : stored;

    /// <summary>The value of a weight in the type that it is stored in: for tables of which only some rows are taken, so that the whole table is not widened.</summary>
    internal Value StoredWeight(string name, Recipe recipe) => StoredWeight(name, recipe, Options.StorageType);

    private Value StoredWeight(string name, Recipe recipe, ElementType storage)
    {
        if (!Options.Link && recipe.Type.IsFloatingPoint() && recipe.Type != storage) recipe = new Recipe.Converted(recipe, storage);
        var key = recipe.Description;
        if (_weightValues.TryGetValue(key, out var known)) return known;
        foreach (var source in recipe.Sources) _used.Add(source.Name);
        return _weightValues[key] = Options.Link && recipe is not Recipe.Stored ? Lowered(name, recipe) : Initializer(name, recipe);
    }

    /// <summary>The shape of <paramref name="like"/> with another last dimension, as a vector of int64. Equal names of dimensions are equal sizes, so each such vector is computed once.</summary>
    internal Value ShapeWithLast(Value like, long last)
    {
        var leading = like.Shape.Rank - 1;
        var names = string.Join(", ", like.Shape.Dims[..leading]);
        if (_shapes.TryGetValue($"{names}, {last}", out var known)) return known;
        using var scope = Enter("shapes");
        if (!_shapes.TryGetValue(names, out var outer)) outer = _shapes[names] = Op.ShapeOf(like, 0, leading);
        return _shapes[$"{names}, {last}"] = Op.Concat(0, outer, Constant(last));
    }

    /// <summary>Records the result of a module, so that two builds of one network can be compared module by module.</summary>
    internal Value Result(string path, Value value)
    {
        _results.Add((path, value));
        return value;
    }

    /// <summary>Numbers of the configuration under their keys, so that a wrong shape can say where its sizes come from.</summary>
    internal IReadOnlyList<(string Key, long Number)> ConfigNumbers { get; init; } = [];

    /// <summary>The keys that sizes come from, as " (vocab_size, hidden_size)": of each size the first key that has it. Empty where no key has any.</summary>
    internal string KeysOf(ImmutableArray<long> shape)
    {
        var keys = shape.Select(size => ConfigNumbers.FirstOrDefault(n => n.Number == size).Key).OfType<string>().Distinct().ToList();
        return keys.Count == 0 ? "" : $" ({string.Join(", ", keys)})";
    }

    /// <summary>Modules whose tensors the graph does without, and why.</summary>
    internal IReadOnlyList<SkippedTensors> LeftOut => _leftOut;

    internal void LeaveOut(string path, string reason) => _leftOut.Add(new SkippedTensors(path, reason));

    internal void AddProblem(Problem problem) => _problems.Add(problem);

    /// <summary>An error at the module that is being built.</summary>
    internal GraphException Error(string message) => new(Scope, message);

    /// <summary>The finished model and the recipes of the initializers that have no bytes yet.</summary>
    /// <exception cref="CorruptCheckpointException">Tensors are missing or have another shape than the configuration says.</exception>
    public OnnxModel ToModel(IEnumerable<KeyValuePair<string, string>>? metadata = null)
    {
        if (_problems.Count > 0) throw new CorruptCheckpointException($"building {Name}.onnx", _problems);
        if (Options.ExposeModules) ExposeResults();
        var model = new ModelProto
        {
            IrVersion = 10,
            ProducerName = "OnnxTransformers",
            ProducerVersion = ProducerVersion,
            Graph = _proto,
            OpsetImport = { new OperatorSetIdProto { Domain = "", Version = Options.Opset } },
        };
        if (_usesContrib) model.OpsetImport.Add(new OperatorSetIdProto { Domain = ContribDomain, Version = 1 });
        foreach (var (key, value) in metadata ?? []) model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        return new OnnxModel(model, [.. _weights]);
    }

    private static string ProducerVersion { get; } = typeof(Graph).Assembly.GetName().Version!.ToString(3);

    private void ExposeResults()
    {
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (path, value) in _results)
        {
            var n = CollectionsMarshal.GetValueRefOrAddDefault(seen, path, out _)++;
            Output(n == 0 ? $"module:{path}" : $"module:{path}#{n.ToString(CultureInfo.InvariantCulture)}", value);
        }
        _results.Clear();
    }

    private Value Initializer(string name, Recipe recipe)
    {
        var unique = Claim(name);
        _proto.Initializer.Add(new TensorProto { Name = unique, DataType = (int)recipe.Type, Dims = { recipe.Shape } });
        _weights.Add(new WeightInitializer(unique, recipe));
        return new Value(this, unique, recipe.Type, Shape.Of(recipe.Shape));
    }

    private Value Lowered(string name, Recipe recipe) => recipe switch
    {
        Recipe.Transposed r => Op.Transpose(StoredWeight(name, r.Of), [.. r.Permutation]),
        Recipe.Sliced r => Op.Slice(StoredWeight(name, r.Of), r.Axis, r.Start, r.Start + r.Length),
        Recipe.Reshaped r => Op.Reshape(StoredWeight(name, r.Of), r.To.AsSpan()),
        Recipe.Concatenated r => Op.Concat(r.Axis, [.. r.Parts.Select(p => StoredWeight(p.Sources.First().Name, p))]),
        Recipe.Converted r => Op.Cast(StoredWeight(name, r.Of), r.To),
        Recipe.Scaled r => StoredWeight(name, r.Of) * r.Factor,
        _ => Initializer(name, recipe),
    };

    private string Claim(string name)
    {
        ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(_names, name, out var exists);
        if (!exists) return name;
        string next;
        do next = $"{name}_{(++count).ToString(CultureInfo.InvariantCulture)}";
        while (!_names.TryAdd(next, 0));
        return next;
    }

    /// <summary>Claims a name that other programs know: it can't be changed where it is taken.</summary>
    private void ClaimExactly(string name)
    {
        if (Claim(name) != name) throw Error($"the name {name} is taken");
    }

    private static ValueInfoProto Info(string name, ElementType type, Shape shape)
    {
        var dims = new TensorShapeProto();
        foreach (var d in shape.Dims) dims.Dim.Add(d.Size is { } n ? new TensorShapeProto.Types.Dimension { DimValue = n } : new TensorShapeProto.Types.Dimension { DimParam = d.Symbol });
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = dims } } };
    }

    /// <summary>Goes back to the branch that was being built.</summary>
    public readonly struct BranchGuard : IDisposable
    {
        private readonly Graph _graph;
        private readonly RepeatedField<NodeProto> _before;

        internal BranchGuard(Graph graph, RepeatedField<NodeProto> before) => (_graph, _before) = (graph, before);

        /// <inheritdoc/>
        public void Dispose() => _graph._nodes = _before;
    }

    /// <summary>Restores the scope that was there before.</summary>
    public readonly struct ScopeGuard : IDisposable
    {
        private readonly Graph _graph;
        private readonly string _before;

        internal ScopeGuard(Graph graph, string before) => (_graph, _before) = (graph, before);

        /// <inheritdoc/>
        public void Dispose() => _graph.Scope = _before;
    }
}

/// <summary>A model and what its initializers are made of.</summary>
/// <param name="Proto">The model; initializers of weights have a name, a type and dimensions, but no bytes.</param>
/// <param name="Weights">Their recipes.</param>
public sealed record OnnxModel(ModelProto Proto, ImmutableArray<WeightInitializer> Weights);

/// <summary>Operands that don't fit together: a mistake in a model file, or a configuration whose numbers contradict each other.</summary>
public sealed class GraphException : InvalidOperationException
{
    internal GraphException(string module, string message) : base(module.Length == 0 ? message : $"{module}: {message}") => Module = module;

    /// <summary>Path of the module that was being built.</summary>
    public string Module { get; }
}
