using OnnxTransformers.Graphs.Heads;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision;

/// <summary>Depth Anything (Yang et al., 2024): the dense prediction transformer over DINOv2, relative depths or metres. LiheYoung/depth-anything-small-hf, depth-anything/Depth-Anything-V2-Small-hf. Reference: transformers, models/depth_anything.</summary>
internal sealed class DepthAnything(DepthAnything.Config c, Module m)
{
    internal sealed record Config(Backbone? Backbone, int Patch, DepthFusion Fusion, int HeadAt, int HeadWidth, bool Metric, double MaxDepth)
    {
        internal static Config Read(ConfigReader json)
        {
            json.Ignore("reassemble_hidden_size", "use_pretrained_backbone", "use_timm_backbone", "backbone_kwargs");                  // the width is the backbone's
            if (json.String("backbone") is { } name) json.Problem("backbone", $"\"{name}\"", "null: the backbone's configuration in backbone_config");
            if (!json.Has("backbone_config")) json.Problem("backbone_config", "missing", "the backbone's configuration");
            var fusion = DepthFusion.Read(json, [48, 96, 192, 384], 64) with { ToNextSize = true };
            var at = json.Int("head_in_index", -1);
            if (at >= fusion.Widths.Length || at < -fusion.Widths.Length) json.Problem("head_in_index", $"{at}", $"{-fusion.Widths.Length} to {fusion.Widths.Length - 1}");
            var most = json.Double("max_depth", 1);
            return new(Backbone.Read(json), json.Count("patch_size", 14), fusion, at, json.Count("head_hidden_size", 32), json.OneOf("depth_estimation_type", false, ("relative", false), ("metric", true)), most == 0 ? 1 : most);
        }
    }

    private GraphOutputs Depth()
    {
        var pixels = PixelValues(m.Graph, c.Backbone!.Channels, c.Backbone.Image.Pixels);
        var states = c.Backbone.Maps(m.Root["backbone"], pixels);
        var size = PatchesOf(pixels, new(c.Patch, c.Patch));
        var (neck, head) = (m.Root["neck"], m.Root["head"]);
        var all = FuseMaps(neck, [.. states.Select((state, i) =>
            Reassemble(neck["reassemble_stage.layers"][i], state.Shape.Rank == 4 ? state : Map(TokensAfter(state, 1, size), size), c.Fusion.Widths[i], c.Fusion.Factors[i]))], c.Fusion);
        var h = Conv(head["conv1"], all[c.HeadAt < 0 ? c.HeadAt + all.Length : c.HeadAt], c.Fusion.Width / 2, Window.Padded(3, 1, 1));
        using (head.Enter()) h = Op.Resize(h, size.Vector * m.Graph.Scalar(c.Patch, ElementType.Int64), size.Height * c.Patch, size.Width * c.Patch, Interpolation.Linear, alignCorners: true);
        h = Op.Relu(Conv(head["conv2"], h, c.HeadWidth, Window.Padded(3, 1, 1)));
        h = Conv(head["conv3"], h, 1, new Window(1));
        return [("predicted_depth", Op.Squeeze((c.Metric ? Op.Sigmoid(h) : Op.Relu(h)) * c.MaxDepth, 1))];
    }

    internal static readonly ModelFamily Family = ModelFamily.Of("depth_anything", "depth_anything", Config.Read, (c, m) => new DepthAnything(c, m), [new("backbone.embeddings.mask_token", "what stands for hidden patches")],
        [new TaskGraphs<DepthAnything>("depth-estimation", d => d.Depth())]);
}
