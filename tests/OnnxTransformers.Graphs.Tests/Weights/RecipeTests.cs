using System.Runtime.InteropServices;
using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Graphs.Weights;

internal sealed class RecipeTests
{
    private static readonly ElementType[] Types =
        [ElementType.Float, ElementType.Float16, ElementType.BFloat16, ElementType.Double, ElementType.UInt8, ElementType.Int64, ElementType.Complex128, ElementType.Float8E5M2];

    [Test]
    public void Any_recipe_gives_what_its_definition_says() =>
        Prop.ForAll<int, byte>((seed, steps) =>
        {
            var (recipe, source) = Random(seed, steps % 7);
            using var reader = new RecipeReader(source);
            Assert.That(reader.Read(new("w", recipe)), Is.EqualTo(NaiveRecipe.Bytes(recipe, source)), () => Describe(recipe));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    [Test]
    public void Blocks_of_four_bit_floats_are_decoded_with_their_scales_then_cut_and_converted()
    {
        var source = new MemorySource();
        // Two rows of one block each: all values in order, twice the lower half first; scales 2^0 and 2^-2.
        byte[] blocks = [.. Enumerable.Range(0, 16).Select(i => (byte)(((2 * i + 1) % 16 << 4) | (2 * i % 16)))];
        var packed = new Recipe.Mxfp4(source.Add("blocks", ElementType.UInt8, [2, 1, 16], [.. blocks, .. blocks]), source.Add("scales", ElementType.UInt8, [2, 1], [127, 125]));
        Assert.That(packed.Shape, Is.EqualTo(new long[] { 2, 32 }));
        float[] values = [0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6];
        using var reader = new RecipeReader(source);
        var all = MemoryMarshal.Cast<byte, float>(reader.Read(new("w", packed))).ToArray();
        Assert.That(all, Is.EqualTo(values.Concat(values).Concat(values.Select(v => v / 4)).Concat(values.Select(v => v / 4))));
        var part = new Recipe.Converted(new Recipe.Sliced(packed, 0, 1, 1), ElementType.Float16);
        Assert.That(MemoryMarshal.Cast<byte, Half>(reader.Read(new("w", part)))[7], Is.EqualTo((Half)1.5));
    }

    [Test]
    public void Pieces_of_any_size_cover_the_result_once_and_give_the_same_bytes() =>
        Prop.ForAll<int, byte, byte>((seed, steps, budget) =>
        {
            var (recipe, source) = Random(seed, steps % 7);
            var plan = RecipePlan.Of(recipe, "w");
            var (bytes, times) = (new byte[plan.Bytes], new int[plan.Bytes]);
            using var stored = new StoredBytes(source);
            using var reader = new PlanReader(stored, blockBytes: 16 + budget % 5 * 16);
            foreach (var piece in PlanReader.Pieces(plan, 1 + budget))
                reader.Make(piece, "w", (offset, part) =>
                {
                    part.CopyTo(bytes.AsSpan((int)offset));
                    foreach (ref var n in times.AsSpan((int)offset, part.Length)) n++;
                });
            Assert.That(times.All(n => n == 1), Is.True, () => Describe(recipe));
            Assert.That(bytes, Is.EqualTo(NaiveRecipe.Bytes(recipe, source)), () => Describe(recipe));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    [TestCase(ElementType.UInt8)]
    [TestCase(ElementType.Float16)]
    [TestCase(ElementType.Float)]
    [TestCase(ElementType.Double)]
    [TestCase(ElementType.Complex128)]
    public void Matrices_of_all_sizes_are_transposed(ElementType type)
    {
        foreach (var rows in new[] { 1, 7, 8, 9, 16, 33, 64, 100 })
            foreach (var columns in new[] { 1, 7, 8, 15, 16, 17, 32, 65, 100 })
            {
                var source = new MemorySource();
                var recipe = new Recipe.Transposed(source.AddRandom("w", type, rows, columns), [1, 0]);
                using var reader = new RecipeReader(source);
                Assert.That(reader.Read(new("w", recipe)), Is.EqualTo(NaiveRecipe.Bytes(recipe, source)), $"{rows} x {columns}");
            }
    }

    [Test]
    public void A_column_of_a_large_matrix_is_read_through_a_window()
    {
        var source = new MemorySource();
        var recipe = new Recipe.Sliced(source.AddRandom("w", ElementType.Float, 9000, 40), 1, 7, 2);
        using var reader = new RecipeReader(source);
        Assert.That(reader.Read(new("w", recipe)), Is.EqualTo(NaiveRecipe.Bytes(recipe, source)));
        Assert.That(source.Reads["w"].Max(), Is.EqualTo(1));
    }

    [Test]
    public void Each_stored_byte_of_a_transposed_weight_is_read_once_whatever_the_pieces()
    {
        var source = new MemorySource();
        var stored = source.AddRandom("w", ElementType.Float, 512, 700);
        var plan = RecipePlan.Of(new Recipe.Transposed(stored, [1, 0]), "w");
        using var bytes = new StoredBytes(source);
        using var reader = new PlanReader(bytes);
        foreach (var budget in new[] { 1 << 19, 1 << 24 })
        {
            source.Reads["w"].AsSpan().Clear();
            foreach (var piece in PlanReader.Pieces(plan, budget)) reader.Make(piece, "w", (_, _) => { });
            Assert.That((source.Reads["w"].Min(), source.Reads["w"].Max()), Is.EqualTo((1, 1)), $"{budget}");
        }
    }

    [Test]
    public void A_very_long_matrix_is_cut_along_its_source_so_that_runs_stay_long()
    {
        var tensor = new TensorInfo("w", ElementType.Float, [151936, 1024]);
        var plan = RecipePlan.Of(new Recipe.Transposed(new Recipe.Stored(tensor), [1, 0]), "w");
        var pieces = PlanReader.Pieces(plan, 24 << 20).ToList();
        Assert.That(pieces.Sum(p => p.Bytes), Is.EqualTo(plan.Bytes));
        Assert.That(pieces, Has.All.Matches<Piece>(p => p.Bytes <= 24 << 20 && p.Box!.Extent[1] == 1024));
    }

    [Test]
    public void A_chain_of_layouts_is_one_copy()
    {
        var tensor = new TensorInfo("c_attn", ElementType.Float, [768, 2304]);
        // GPT-2's fused projection: its keys, as [hidden, heads, size] turned to [heads, hidden, size].
        Recipe keys = new Recipe.Sliced(new Recipe.Stored(tensor), 1, 768, 768);
        keys = new Recipe.Transposed(new Recipe.Reshaped(keys, [768, 12, 64]), [1, 0, 2]);
        var plan = RecipePlan.Of(new Recipe.Converted(keys, ElementType.Float16), "k");
        Assert.That(plan.Copies, Has.Length.EqualTo(1));
        Assert.That(plan.Copies[0].Axes, Is.EqualTo(new[] { new Axis(12, 64, 49152), new Axis(768, 2304, 64), new Axis(64, 1, 1) }));
        Assert.That(plan.Copies[0].From, Is.EqualTo(768));
    }

    [Test]
    public void What_strides_cannot_walk_is_held_in_memory()
    {
        var source = new MemorySource();
        var joined = new Recipe.Concatenated([source.AddRandom("a", ElementType.Float, 4), source.AddRandom("b", ElementType.Float, 2)], 0);
        var recipe = new Recipe.Transposed(new Recipe.Reshaped(joined, [2, 3]), [1, 0]);
        Assert.That(RecipePlan.Of(recipe, "w").Copies.Single().Source, Is.InstanceOf<PlanSource.Held>());
        using var reader = new RecipeReader(source);
        Assert.That(reader.Read(new("w", recipe)), Is.EqualTo(NaiveRecipe.Bytes(recipe, source)));
    }

    [Test]
    public void Elements_smaller_than_a_byte_are_taken_as_they_are()
    {
        var source = new MemorySource();
        var stored = source.Add("q", ElementType.UInt4, [4, 2], [0x10, 0x32, 0x54, 0x76]);
        using var reader = new RecipeReader(source);
        Assert.Multiple(() =>
        {
            Assert.That(reader.Read(new("q", stored)), Is.EqualTo(new byte[] { 0x10, 0x32, 0x54, 0x76 }));
            Assert.That(reader.Read(new("q", new Recipe.Sliced(stored, 0, 1, 2))), Is.EqualTo(new byte[] { 0x32, 0x54 }));
            Assert.That(() => reader.Read(new("q", new Recipe.Transposed(stored, [1, 0]))), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(
                "planning weights: q: UInt4 elements, 4 bits each, would have to be moved one by one; supported: whole tensors and parts of whole bytes"));
        });
    }

    [Test]
    public void Empty_results_are_empty()
    {
        var source = new MemorySource();
        var stored = source.AddRandom("w", ElementType.Float, 3, 2);
        using var reader = new RecipeReader(source);
        Assert.Multiple(() =>
        {
            Assert.That(reader.Read(new("w", new Recipe.Sliced(stored, 1, 1, 0))), Is.Empty);
            Assert.That(reader.Read(new("w", new Recipe.Transposed(source.AddRandom("e", ElementType.Float, 0, 4), [1, 0]))), Is.Empty);
        });
    }

    [Test]
    public void Recipes_that_contradict_themselves_are_refused()
    {
        var stored = new Recipe.Stored(new TensorInfo("w", ElementType.Float, [2, 3]));
        var halves = new Recipe.Stored(new TensorInfo("h", ElementType.Float16, [2, 3]));
        Assert.Multiple(() =>
        {
            Assert.That(() => RecipePlan.Of(new Recipe.Reshaped(stored, [4]), "w"), Throws.ArgumentException.With.Message.EqualTo("[2, 3] can't be reshaped to [4]"));
            Assert.That(() => RecipePlan.Of(new Recipe.Sliced(stored, 1, 2, 2), "w"), Throws.ArgumentException.With.Message.EqualTo("entries 2 to 4 of axis 1 of [2, 3]"));
            Assert.That(() => RecipePlan.Of(new Recipe.Concatenated([stored, halves], 0), "w"), Throws.ArgumentException.With.Message.EqualTo("Float16 [2, 3] can't be joined on axis 0 to Float [4, 3]"));
            Assert.That(() => RecipePlan.Of(new Recipe.Converted(stored, ElementType.Int8), "w"), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(
                "planning weights: w: a conversion from Float to Int8; supported: conversions between floating types of 8, 16, 32 and 64 bits, to 16 bits and more"));
            Assert.That(() => RecipePlan.Of(new Recipe.Stored(new TensorInfo("s", ElementType.String, [1])), "s"), Throws.TypeOf<UnsupportedCheckpointException>().With.Message.EqualTo(
                "planning weights: s: elements of type String; supported: numbers and booleans"));
        });
    }

    [Test]
    public void A_weight_that_is_stored_as_it_is_can_be_located()
    {
        using var folder = new ScratchFolder();
        var source = new MemorySource();
        var a = source.AddRandom("a", ElementType.Float, 4, 6);
        var b = source.AddRandom("b", ElementType.Float16, 5, 2);
        var path = source.SaveTo(folder, headerBytes: 24);
        using var reader = new RecipeReader(source);
        Assert.Multiple(() =>
        {
            Assert.That(reader.Locate(new("a", a)), Is.EqualTo(new TensorLocation(path, 24, 96)));
            Assert.That(reader.Locate(new("b", new Recipe.Reshaped(b, [10]))), Is.EqualTo(new TensorLocation(path, 120, 20)));
            Assert.That(reader.Locate(new("a", new Recipe.Sliced(a, 0, 1, 2))), Is.EqualTo(new TensorLocation(path, 48, 48)));
            Assert.That(reader.Locate(new("a", new Recipe.Sliced(a, 1, 1, 2))), Is.Null);
            Assert.That(reader.Locate(new("a", new Recipe.Transposed(a, [1, 0]))), Is.Null);
            Assert.That(reader.Locate(new("a", new Recipe.Converted(a, ElementType.Float16))), Is.Null);
        });
    }

    [Test]
    public void A_file_that_ends_too_early_is_refused()
    {
        using var folder = new ScratchFolder();
        var source = new MemorySource();
        var stored = source.AddRandom("layer.weight", ElementType.Float, 4, 6);
        using (var file = File.OpenWrite(source.SaveTo(folder))) file.SetLength(100);
        using var reader = new RecipeReader(source);
        Assert.That(() => reader.Read(new("w", stored)), Throws.TypeOf<CorruptCheckpointException>().With.Message.EqualTo(
            "reading model.safetensors: layer.weight: the file ends at byte 100, 20 bytes are missing. Next: fetch the file again"));
    }

    private static string Describe(Recipe recipe) => recipe switch
    {
        Recipe.Concatenated c => $"Concat({string.Join(", ", c.Parts.Select(Describe))}; {c.Axis})",
        Recipe.Transposed t => $"Transpose({Describe(t.Of)}; {string.Join(' ', t.Permutation)})",
        Recipe.Sliced s => $"Slice({Describe(s.Of)}; {s.Axis} {s.Start} {s.Length})",
        Recipe.Reshaped r => $"Reshape({Describe(r.Of)}; {string.Join(' ', r.To)})",
        Recipe.Converted c => $"Convert({Describe(c.Of)}; {c.To})",
        Recipe.Scaled s => $"Scale({Describe(s.Of)}; {s.Factor})",
        _ => $"{recipe.Type}[{string.Join(' ', recipe.Shape)}]",
    };

    private static (Recipe Recipe, MemorySource Source) Random(int seed, int steps)
    {
        var random = new Random(seed);
        var source = new MemorySource();
        var recipe = Tensor(source, random, Types[random.Next(Types.Length)], [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => random.NextInt64(random.Next(20) == 0 ? 0 : 1, 7))]);
        for (var i = 0; i < steps; i++) recipe = Next(recipe, source, random);
        return (recipe, source);
    }

    private static Recipe Tensor(MemorySource source, Random random, ElementType type, long[] shape)
    {
        var info = new TensorInfo($"t{source.Tensors.Count}", type, [.. shape]);
        var bytes = new byte[info.Bytes];
        random.NextBytes(bytes);
        // No NaN and nothing that overflows when it is converted or scaled: those have tests of their own.
        var size = type.Bits() / 8;
        for (var i = size - 1; type.IsFloatingPoint() && i < bytes.Length; i += size) bytes[i] = (byte)((bytes[i] & 0x80) | 0x3C | random.Next(2));
        for (var i = 0; type == ElementType.Float8E5M2 && i < bytes.Length; i++) bytes[i] &= 0xBF;
        return source.Add(info.Name, type, shape, bytes);
    }

    private static Recipe Next(Recipe of, MemorySource source, Random random)
    {
        var axis = random.Next(Math.Max(1, of.Shape.Length));
        switch (random.Next(6))
        {
            case 0:
                int[] permutation = [.. Enumerable.Range(0, of.Shape.Length)];
                random.Shuffle(permutation);
                return new Recipe.Transposed(of, [.. permutation]);
            case 1 when of.Shape.Length > 0:
                var start = random.NextInt64(of.Shape[axis] + 1);
                return new Recipe.Sliced(of, axis, start, random.NextInt64(of.Shape[axis] - start + 1));
            case 2 when of.Shape.Length > 0:
                var other = Tensor(source, random, of.Type, [.. of.Shape.SetItem(axis, random.NextInt64(1, 4))]);
                return new Recipe.Concatenated(random.Next(2) == 0 ? [of, other] : [other, of, of], axis);
            case 3:
                return new Recipe.Reshaped(of, Refactor(of.Count, random));
            case 4 when of.Type.IsFloatingPoint() || of.Type == ElementType.Float8E5M2:
                return new Recipe.Converted(of, Types[random.Next(4)]);
            case 5 when of.Type.IsFloatingPoint():
                return new Recipe.Scaled(of, random.NextDouble() * 2 - 1);
            default:
                return of;
        }
    }

    private static ImmutableArray<long> Refactor(long count, Random random)
    {
        if (count == 0) return [0, 3];
        var shape = ImmutableArray.CreateBuilder<long>();
        for (var rest = count; rest > 1;)
        {
            long[] divisors = [.. Enumerable.Range(1, (int)Math.Min(rest, 12)).Where(d => rest % d == 0).Select(d => (long)d)];
            var d = shape.Count > 4 ? rest : divisors[random.Next(divisors.Length)];
            if (d == 1 && random.Next(3) > 0) d = rest;
            shape.Add(d);
            rest /= d;
        }
        return shape.ToImmutable();
    }
}
