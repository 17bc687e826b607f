using System.Collections.Immutable;
using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>GroupViT (Xu et al., 2022): CLIP whose image tower puts patches into fewer and fewer groups, which also tells what each pixel shows. nvidia/groupvit-*. Reference: transformers, models/groupvit.</summary>
internal sealed class GroupVit(GroupVit.Config c, Module m)
{
    private const float BatchEpsilon = 1e-5f;

    /// <summary>A stage: layers over patches and group tokens, then the patches of a group become one. No group tokens, no groups.</summary>
    internal sealed record Stage(int Layers, int Tokens, int Groups);

    internal sealed record Config(ClipTextTower.Config Text, int Image, int Patch, int Channels, ClipBlock Block, ImmutableArray<Stage> Stages, int TokenWidth, int ChannelWidth, double AssignEpsilon, int Space, int Between)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("logit_scale_init_value");                                          // the stored scale counts
            json.Ignore("output_segmentation");                                             // a graph of its own always computes it
            var image = json.Tower("vision_config");
            image.Ignore("num_hidden_layers", "qkv_bias");                                  // depths count; projections always have biases
            // Rounding anywhere in the tower may send a patch to another group.
            var block = image.ClipBlock(384, 6, 1536, "gelu") with { Role = MatrixRole.Router };
            ImmutableArray<int> depths = image.Ints("depths", [6, 3, 3]), tokens = image.Ints("num_group_tokens", [64, 8, 0]), groups = image.Ints("num_output_groups", [64, 8, 8]);
            if (tokens.Length < depths.Length || groups.Length < depths.Length) image.Problem("depths", $"{depths.Length} stages", $"as many as num_group_tokens ({tokens.Length}) and num_output_groups ({groups.Length}) have");
            var ratios = image.Raw("assign_mlp_ratio") is { ValueKind: System.Text.Json.JsonValueKind.Number } ? [image.Double("assign_mlp_ratio", 4), image.Double("assign_mlp_ratio", 4)] : image.Doubles("assign_mlp_ratio", [0.5, 4]);
            return new(ClipTextTower.Config.Read(json.Tower("text_config"), 256, 4, 1024), image.Count("image_size", 224), image.Count("patch_size", 16), image.Count("num_channels", 3), block,
                [.. depths.Zip(tokens.Zip(groups)).Select(s => new Stage(s.First, s.Second.First, s.Second.Second))], (int)(ratios[0] * block.HiddenSize), (int)(ratios[^1] * block.HiddenSize), image.Double("assign_eps", 1), json.Count("projection_dim", 256),
                json.Count("projection_intermediate_dim", 4096));
        }

        internal int Width => Block.HiddenSize;

        /// <summary>Patches along a side of an image of the trained size.</summary>
        internal int Grid => Image / Patch;
    }

    /// <summary>What the image tower gives: groups [B, G, D], how much of each patch each group has [B, G, N], and how many patches there are.</summary>
    private sealed record Groups(Value Hidden, Value Shares, GridSize Grid);

    private DualEncoder Both => new(m, TextTower, () =>
    {
        var groups = Encode(Pixels());
        var pooled = Op.ReduceMean(groups.Hidden, 1, keep: false);
        return new(groups.Hidden, pooled, Project(m["visual_projection"], pooled));
    }, cosines => DualEncoder.Scaled(m, cosines));

    private Tower TextTower()
    {
        var (h, pooled) = new ClipTextTower(c.Text, m["text_model"]).Encode();
        return new(h, pooled, Project(m["text_projection"], pooled));
    }

    private Value Pixels() => PixelValues(m.Graph, c.Channels, (c.Image, c.Image));

    /// <summary>[B, C, height, width] -> groups.</summary>
    private Groups Encode(Value pixels)
    {
        var v = m["vision_model"];
        var e = v["embeddings"];
        var map = Conv(e["patch_embeddings.projection"], pixels, c.Width, new Window(c.Patch, c.Patch));
        var grid = GridSize.Of(map);
        var h = LayerNorm(e["layernorm"], Tokens(map), c.Block.Epsilon) + InterpolatePositions(e.Weight("position_embeddings", 1, (long)c.Grid * c.Grid, c.Width), c.Grid, c.Grid, grid);
        Value? before = null, shares = null;
        var previous = 0;
        for (var i = 0; i < c.Stages.Length; i++)
        {
            (h, before, var found) = Run(v["encoder.stages"][i], c.Stages[i], h, before, previous);
            if (found is not null) shares = shares is null ? found : Op.MatMul(found, shares);                       // [B, G, N]
            previous = c.Stages[i].Groups;
        }
        return new(LayerNorm(v["layernorm"], h, c.Block.Epsilon), shares ?? throw m.Graph.Error("a network without group tokens makes no groups"), grid);
    }

    /// <summary>A stage. h [B, N, D], tokens of the stage before [B, T, D] -> h [B, G, D], its own tokens, and how much of each input each group has [B, G, N].</summary>
    private (Value Hidden, Value? Tokens, Value? Shares) Run(Module s, Stage stage, Value h, Value? before, int previous)
    {
        if (stage.Tokens == 0) return (Layers(s, stage, h), null, null);
        var tokens = ForEachRow(s.Weight("group_token", 1, stage.Tokens, c.Width), h);
        if (before is not null && previous > 0) tokens += Mix(s["group_projector.1"], LayerNorm(s["group_projector.0"], before, c.Block.Epsilon), c.Width / 2, stage.Tokens);
        var both = Layers(s, stage, Op.Concat(1, h, tokens));
        var g = both.Graph;
        var inputs = Op.Slice(both, 1, g.Constant(0), g.Constant(-stage.Tokens), h.Shape[1]);
        tokens = Op.Slice(both, 1, g.Constant(-stage.Tokens), g.Constant(int.MaxValue), stage.Tokens);
        var (grouped, shares) = Assign(s["downsample"], inputs, tokens, stage.Groups);
        return (grouped, tokens, shares);
    }

    private Value Layers(Module s, Stage stage, Value h) => s["layers"].Fold(stage.Layers, h, (layer, x) => ClipLayer(layer, x, c.Block));

    /// <summary>Gives each input to the group that it is most like, and makes each group one vector. x [B, N, D], tokens [B, T, D] -> [B, G, D] and the soft shares [B, G, N].</summary>
    private (Value Grouped, Value Shares) Assign(Module d, Value x, Value tokens, int groups)
    {
        var inputs = LayerNorm(d["norm_x"], x, c.Block.Epsilon);
        var wanted = LayerNorm(d["norm_post_tokens"], Mix(d["mlp_inter"], LayerNorm(d["norm_tokens"], tokens, c.Block.Epsilon), c.TokenWidth, groups), c.Block.Epsilon);
        var p = d["pre_assign_attn"];
        wanted += ClipAttention(p["attn"], wanted, inputs, c.Block);
        wanted += ClipFeedForward(p["mlp"], LayerNorm(p["norm2"], wanted, c.Block.Epsilon), c.Block);
        wanted = LayerNorm(p["norm_post"], wanted, c.Block.Epsilon);

        var a = d["assign"];
        Value query = Linear(a["q_proj"], wanted, c.Width, role: MatrixRole.Router), key = Linear(a["k_proj"], inputs, c.Width, role: MatrixRole.Router), value = Linear(a["v_proj"], inputs, c.Width, role: MatrixRole.Router);
        using var scope = a.Enter();
        var g = a.Graph;
        var likeness = Op.MatMul(query, Op.Transpose(key, [0, 2, 1])) * (1 / Math.Sqrt(c.Width));                    // [B, G, N]
        var numbers = Op.Unsqueeze(Op.Range(g.Scalar(0, ElementType.Int64), g.Scalar(groups, ElementType.Int64), groups), 1);
        var chosen = Op.Cast(Op.Equal(Op.ArgMax(likeness, 1, keep: true), numbers), likeness.Type);                  // one group for each input
        var mean = Op.MatMul(chosen / (Op.ReduceSum(chosen, 2, keep: true) + c.AssignEpsilon), value);
        var grouped = Linear(a["proj"], mean, c.Width, role: MatrixRole.Router) + wanted;
        var channels = c.Block with { IntermediateSize = c.ChannelWidth };
        return (grouped + ClipFeedForward(d["mlp_channels"], LayerNorm(d["norm_new_x"], grouped, c.Block.Epsilon), channels), Op.Softmax(likeness, 1));
    }

    /// <summary>A feed-forward part over tokens instead of channels. [B, T, D] -> [B, count, D].</summary>
    private Value Mix(Module f, Value x, int width, int count)
    {
        var turned = Activate(f["fc1"], c.Block.Activation, Linear(f["fc1"], Op.Transpose(x, [0, 2, 1]), width, role: MatrixRole.Router));
        return Op.Transpose(Linear(f["fc2"], turned, count, role: MatrixRole.Router), [0, 2, 1]);
    }

    /// <summary>Into the common space: linear, batch normalization, relu, linear. [B, D] or [B, G, D] -> [..., P].</summary>
    private Value Project(Module p, Value x)
    {
        if (x.Shape.Rank == 2) return Op.Squeeze(Project(p, Op.Unsqueeze(x, 1)), 1);
        var normal = Op.Transpose(BatchNorm(p["1"], Op.Transpose(Linear(p["0"], x, c.Between), [0, 2, 1]), BatchEpsilon), [0, 2, 1]);
        return Linear(p["3"], Op.Relu(normal), c.Space);
    }

    /// <summary>How much each pixel shows what each text says: segmentation_logits [images, texts, height, width].</summary>
    private GraphOutputs Segment()
    {
        var g = m.Graph;
        g.SeparateRows();
        var text = DualEncoder.Normalized(TextTower().Features);
        var pixels = Pixels();
        var groups = Encode(pixels);
        var vectors = DualEncoder.Normalized(Project(m["visual_projection"], groups.Hidden));                        // [B, G, P]
        using var scope = g.Enter("segmentation");
        var size = Op.ShapeOf(pixels, 2, 4);
        var (rows, count) = (groups.Shares.Shape[0], groups.Shares.Shape[1]);
        var map = Op.Reshape(Op.Cast(groups.Shares, ElementType.Float), Op.Concat(0, g.Constant(0, 0), groups.Grid.Vector), new Shape(rows, count, groups.Grid.Height, groups.Grid.Width));
        var large = Op.Resize(map, size, pixels.Shape[2], pixels.Shape[3], Interpolation.Linear);                    // [B, G, height, width]
        var scores = DualEncoder.Scaled(m, Op.MatMul(text, Op.Transpose(vectors, [0, 2, 1])));                       // [B, texts, G]
        var flat = DualEncoder.Scaled(m, Op.MatMul(scores, Op.Reshape(large, [0, 0, -1], pixels.Shape[2] * pixels.Shape[3])));
        var seen = Op.Reshape(flat, Op.Concat(0, g.Constant(0, 0), size), new Shape(rows, text.Shape[0], pixels.Shape[2], pixels.Shape[3]));
        return [("segmentation_logits", seen)];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("groupvit", [], Config.Read, (c, m) => new GroupVit(c, m),
        [new(".embeddings.position_ids", "a buffer of consecutive numbers"), SkippedTensors.BatchCounts],
        new TaskGraphs<GroupVit>("zero-shot-image-classification", [.. DualEncoder.Graphs<GroupVit>(x => x.Both), new GraphPart<GroupVit>("segmentation_model", x => x.Segment())]));
}
