using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Sessions;

[Parallelizable(ParallelScope.All)]
internal sealed class ModelSessionTests
{
    private ScratchFolder _folder = null!;

    [OneTimeSetUp]
    public void MakeFolder() => _folder = new ScratchFolder();

    [OneTimeTearDown]
    public void RemoveFolder() => _folder.Dispose();

    // sum = a + b, product = a * b
    private string Arithmetic(string name = "arithmetic", ElementType type = ElementType.Float) => new TinyOnnx()
        .Input("a", type, "batch_size", 2).Input("b", type, "batch_size", 2)
        .Node("Add", ["a", "b"], ["sum"]).Node("Mul", ["a", "b"], ["product"])
        .Output("sum", type, "batch_size", 2).Output("product", type, "batch_size", 2).Write(_folder[$"{name}-{Guid.NewGuid():N}.onnx"]);

    private static Feeds Two(params float[] values)
    {
        var feeds = new Feeds();
        values.CopyTo(feeds.Float("a", values.Length / 2, 2));
        feeds.Float("b", values.Length / 2, 2).Fill(10);
        return feeds;
    }

    [Test]
    public void Inputs_and_outputs_are_what_the_graph_declares()
    {
        using var session = ModelSession.Open(Arithmetic());
        Assert.Multiple(() =>
        {
            Assert.That(session.Inputs.Select(i => i.ToString()), Is.EqualTo(new[] { "a float [batch_size, 2]", "b float [batch_size, 2]" }));
            Assert.That(session.Outputs.Select(i => i.ToString()), Is.EqualTo(new[] { "sum float [batch_size, 2]", "product float [batch_size, 2]" }));
            Assert.That(session.OptionalInputs, Is.Empty);
        });
    }

    [Test]
    public void Runs_and_gives_only_what_was_asked_for()
    {
        using var session = ModelSession.Open(Arithmetic());
        using var feeds = Two(1, 2, 3, 4);
        using var all = session.Run(feeds);
        using var one = session.Run(feeds, ["product"]);
        Assert.Multiple(() =>
        {
            Assert.That(all.Float("sum").ToArray(), Is.EqualTo(new float[] { 11, 12, 13, 14 }));
            Assert.That(all.Shape("sum").ToArray(), Is.EqualTo(new long[] { 2, 2 }));
            Assert.That(one.Names, Is.EqualTo(new[] { "product" }));
            Assert.That(one.Float("product").ToArray(), Is.EqualTo(new float[] { 10, 20, 30, 40 }));
            Assert.That(() => one.Float("sum"), Throws.InstanceOf<KeyNotFoundException>().With.Message.EqualTo("This run gave no \"sum\"; it gave product."));
        });
    }

    [TestCase(ElementType.Float16)]
    public void Floats_are_narrowed_and_widened_as_the_graph_declares(ElementType type)
    {
        using var session = ModelSession.Open(Arithmetic("narrow", type));
        using var feeds = Two(1.5f, -2);
        using var outputs = session.Run(feeds);
        Assert.That(outputs.Float("product").ToArray(), Is.EqualTo(new float[] { 15, -20 }));
    }

    [Test]
    public void Integers_are_narrowed_as_the_graph_declares()
    {
        var path = new TinyOnnx().Input("n", ElementType.Int32, 3).Node("Cast", ["n"], ["same"], ("to", (int)ElementType.Int64)).Output("same", ElementType.Int64, 3).Write(_folder["int32.onnx"]);
        using var session = ModelSession.Open(path);
        using var feeds = new Feeds();
        new long[] { 1, -2, 3 }.CopyTo(feeds.Int64("n", 3));
        using var outputs = session.Run(feeds);
        Assert.That(outputs.Int64("same").ToArray(), Is.EqualTo(new long[] { 1, -2, 3 }));
    }

    [Test]
    public void An_empty_tensor_is_a_value_as_any_other()
    {
        using var session = ModelSession.Open(Arithmetic());
        using var feeds = new Feeds();
        feeds.Float("a", 0, 2);
        feeds.Float("b", 0, 2);
        using var outputs = session.Run(feeds);
        Assert.That(outputs.Shape("sum").ToArray(), Is.EqualTo(new long[] { 0, 2 }));
    }

    [Test]
    public void An_input_with_a_value_of_its_own_may_be_left_out_or_replaced()
    {
        var path = new TinyOnnx().Input("x", ElementType.Int64, "n").Input("prompt_length", ElementType.Int64, 1).Int64("prompt_length", [1], 0)
            .Node("Add", ["x", "prompt_length"], ["y"]).Output("y", ElementType.Int64, "n").Write(_folder["optional.onnx"]);
        using var session = ModelSession.Open(path);
        using var feeds = new Feeds();
        new long[] { 1, 2 }.CopyTo(feeds.Int64("x", 2));
        using var without = session.Run(feeds);
        feeds.Int64("prompt_length", 1)[0] = 5;
        using var with = session.Run(feeds);
        Assert.Multiple(() =>
        {
            Assert.That(session.Inputs.Select(i => i.Name), Is.EqualTo(new[] { "x" }));
            Assert.That(session.OptionalInputs.Select(i => i.ToString()), Is.EqualTo(new[] { "prompt_length int64 [1]" }));
            Assert.That(without.Int64("y").ToArray(), Is.EqualTo(new long[] { 1, 2 }));
            Assert.That(with.Int64("y").ToArray(), Is.EqualTo(new long[] { 6, 7 }));
        });
    }

    [Test]
    public void All_wrong_inputs_are_named_at_once()
    {
        var path = Arithmetic();
        using var session = ModelSession.Open(path);
        using var feeds = new Feeds();
        feeds.Int64("a", 1, 2).Clear();
        feeds.Float("c", 1);
        var error = Assert.Throws<InvalidInputException>(() => session.Run(feeds))!;
        Assert.That(error.Message, Is.EqualTo(
            $"running {Path.GetFileName(path)}: 3 problems\n  a: elements of int64; supported: float\n  c: no such input; supported: a, b\n  b: not given; supported: b float [batch_size, 2]"));
    }

    [Test]
    public void A_wrong_shape_is_refused_with_both()
    {
        using var session = ModelSession.Open(Arithmetic());
        using var feeds = Two(1, 2);
        using var wrong = new Feeds();
        wrong.Float("a", 1, 3);
        wrong.Float("b", 2);
        Assert.Multiple(() =>
        {
            Assert.That(() => session.Run(wrong), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("a: shape [1, 3]; supported: [batch_size, 2]").And.Message.Contains("b: shape [2]"));
            Assert.That(() => session.Run(feeds, ["difference"]), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("difference: no such output; supported: sum, product"));
        });
    }

    [Test]
    public void What_the_graph_refuses_while_running_is_the_callers_error()
    {
        var path = new TinyOnnx().Input("ids", ElementType.Int64, "n").Float("table", [2, 1], 5, 6).Node("Gather", ["table", "ids"], ["rows"]).Output("rows", ElementType.Float, "n", 1).Write(_folder["gather.onnx"]);
        using var session = ModelSession.Open(path);
        using var feeds = new Feeds();
        feeds.Int64("ids", 1)[0] = 7;
        Assert.That(() => session.Run(feeds), Throws.InstanceOf<InvalidInputException>().With.Message.StartsWith("running gather.onnx: inputs: ONNX Runtime could not run the graph on them ("));
    }

    [Test]
    public void A_missing_or_damaged_file_is_refused()
    {
        File.WriteAllText(_folder["damaged.onnx"], "not a model");
        Assert.Multiple(() =>
        {
            Assert.That(() => ModelSession.Open(_folder["nowhere.onnx"]), Throws.InstanceOf<CorruptCheckpointException>().With.Message.EqualTo(
                $"opening {_folder["nowhere.onnx"]}: {_folder["nowhere.onnx"]}: no such file. Next: export the model again"));
            Assert.That(() => ModelSession.Open(_folder["damaged.onnx"]), Throws.InstanceOf<CorruptCheckpointException>().With.Message.StartsWith(
                $"opening {_folder["damaged.onnx"]}: damaged.onnx: ONNX Runtime refuses it ("));
        });
    }

    [Test]
    public void Results_outlive_the_session()
    {
        var session = ModelSession.Open(Arithmetic());
        using var feeds = Two(1, 2);
        var outputs = session.Run(feeds);
        session.Dispose();
        session.Dispose();
        Assert.That(outputs.Float("sum").ToArray(), Is.EqualTo(new float[] { 11, 12 }));
        Assert.That(() => session.Run(feeds), Throws.InstanceOf<ObjectDisposedException>());
        outputs.Dispose();
        outputs.Dispose();
        Assert.That(() => outputs.Shape("sum"), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public void A_value_that_was_taken_outlives_both()
    {
        var session = ModelSession.Open(Arithmetic());
        using var feeds = Two(1, 2);
        var outputs = session.Run(feeds);
        using var taken = outputs.Take("sum");
        outputs.Dispose();
        session.Dispose();
        Assert.That(taken.GetTensorDataAsSpan<float>().ToArray(), Is.EqualTo(new float[] { 11, 12 }));
    }

    [Test]
    public void A_value_of_one_run_feeds_the_next()
    {
        using var session = ModelSession.Open(Arithmetic());
        using var feeds = Two(1, 2);
        using var first = session.Run(feeds);
        using var next = new Feeds();
        next.Value("a", first.Value("sum"));
        next.Value("b", first.Value("sum"));
        using var second = session.Run(next, ["sum"]);
        Assert.That(second.Float("sum").ToArray(), Is.EqualTo(new float[] { 22, 24 }));
    }

    [Test]
    public void Many_threads_share_a_session_and_any_of_them_may_dispose_it()
    {
        for (var round = 0; round < 20; round++)
        {
            var session = ModelSession.Open(Arithmetic());
            var refused = 0;
            Parallel.For(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
            {
                try
                {
                    using var feeds = Two(i, -i);
                    using var outputs = session.Run(feeds, ["sum"]);
                    if (i == 40) session.Dispose();
                    Assert.That(outputs.Float("sum").ToArray(), Is.EqualTo(new float[] { 10 + i, 10 - i }));
                }
                catch (ObjectDisposedException)
                {
                    Interlocked.Increment(ref refused);
                }
            });
            Assert.That(refused, Is.LessThan(64));
        }
    }

    [Test]
    public void A_cancelled_run_does_not_begin()
    {
        using var session = ModelSession.Open(Arithmetic());
        using var feeds = Two(1, 2);
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.That(() => session.Run(feeds, null, source.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void Threads_must_be_positive() => Assert.That(() => ModelSession.Open(Arithmetic(), new RuntimeOptions { Threads = 0 }), Throws.InstanceOf<InvalidInputException>().With.Message.EndsWith("Threads: 0; supported: 1 or more"));
}
