using System.Collections.Immutable;
using System.Text.Json;
using NUnit.Framework;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Processors.Postprocessing;

/// <summary>The postprocess cases of dense: boxes, semantic and instance maps, depth, points.</summary>
[TestFixture]
public class PostprocessFixtureTests
{
    private static readonly string[] Softmax = ["detr", "yolos", "table-transformer"];
    private static readonly string[] Sigmoid = ["conditional-detr", "deformable-detr", "rt-detr"];
    private static readonly string[] Semantic = ["segformer", "dpt-segmentation", "beit-segmentation", "mobilenet-v2-deeplab", "mobilevit-deeplab", "upernet-swin"];
    private static readonly string[] Depth = ["dpt", "depth-anything", "prompt-depth-anything", "glpn", "zoedepth", "depth-pro"];
    private static readonly string[] Queries = ["detr-panoptic", "mask2former-swin", "maskformer-swin", "oneformer-swin"];

    private static IEnumerable<TestCaseData> Of(string[] names) =>
        from name in names
        where Fixtures.TryFind($"dense/{name}") is not null
        from test in Golden.Load(Fixtures.Find($"dense/{name}")).Of("postprocess")
        select new TestCaseData(name, test.Name);

    // The reference's softmax of RT-DETR runs over the batch by mistake (no dimension is given), which no answer should repeat.
    private static IEnumerable<TestCaseData> Detectors() => Of([.. Softmax, .. Sigmoid]).Where(c => !c.Arguments.Contains("post_softmax"));

    private static IEnumerable<TestCaseData> Segmenters() => Of(Semantic);

    private static IEnumerable<TestCaseData> DepthModels() => Of(Depth);

    private static IEnumerable<TestCaseData> QueryModels() => Of(Queries);

    private static IEnumerable<TestCaseData> Matchers() => Of(["superglue", "lightglue", "efficientloftr"]);

    [Test]
    [TestCaseSource(nameof(Detectors))]
    public void Boxes(string name, string caseName)
    {
        var (test, arguments, sizes) = Load(name, caseName);
        var (logits, boxes) = (test.Input("logits"), test.Input("pred_boxes"));
        var softmax = Softmax.Contains(name);
        var most = arguments.TryGetProperty("top_k", out var k) ? k.GetInt32() : (int)logits.Shape[1];
        for (var i = 0; i < logits.Shape[0]; i++)
        {
            var found = DetectionDecoder.Decode(Row(logits, i), Row(boxes, i), softmax ? DetectionScores.Softmax : DetectionScores.Sigmoid, sizes[i].Width, sizes[i].Height, (float)arguments.GetProperty("threshold").GetDouble(), most);
            Assert.That(found.Select(f => (long)f.Label), Is.EqualTo(test.Output($"{i}.labels").Longs()));
            Assert.That(found.Select(f => f.Score), Is.EqualTo(test.Output($"{i}.scores").Floats()).Within(1e-5));
            Assert.That(found.SelectMany(f => new[] { f.Left, f.Top, f.Right, f.Bottom }), Is.EqualTo(test.Output($"{i}.boxes").Floats()).Within(1e-3));
        }
    }

    [Test]
    [TestCaseSource(nameof(Segmenters))]
    public void Classes_of_pixels(string name, string caseName)
    {
        var (test, _, sizes) = Load(name, caseName);
        var logits = test.Input("logits");
        for (var i = 0; i < logits.Shape[0]; i++)
        {
            var map = SemanticDecoder.Decode(Row(logits, i), (int)logits.Shape[1], (int)logits.Shape[2], (int)logits.Shape[3], sizes.IsEmpty ? null : sizes[i].Height, sizes.IsEmpty ? null : sizes[i].Width);
            AreNearlyEqual(map, test.Output($"{i}.segmentation"));
        }
    }

    [Test]
    [TestCaseSource(nameof(DepthModels))]
    public void Depths(string name, string caseName)
    {
        var (test, arguments, sizes) = Load(name, caseName);
        var depth = test.Input("predicted_depth");
        var (height, width) = ((int)depth.Shape[1], (int)depth.Shape[2]);
        for (var i = 0; i < depth.Shape[0]; i++)
        {
            var (targetHeight, targetWidth) = (sizes[i].Height, sizes[i].Width);
            var map = name switch
            {
                "zoedepth" => DepthDecoder.DecodeZoe(Row(depth, i), test.Inputs.Contains("flipped") ? Row(test.Input("flipped"), i) : [], height, width,
                    arguments.TryGetProperty("source_sizes", out var source) ? (source[i][0].GetInt32(), source[i][1].GetInt32()) : null, targetHeight, targetWidth),
                "depth-pro" => DepthDecoder.DecodePro(Row(depth, i), height, width, test.Inputs.Contains("field_of_view") ? (float)test.Input("field_of_view")[i] : null, targetHeight, targetWidth),
                _ => DepthDecoder.Decode(Row(depth, i), height, width, targetHeight, targetWidth),
            };
            var want = test.Output($"{i}.predicted_depth").Floats();
            Assert.That(map.Values, Is.EqualTo(want).Within(1e-5 * Math.Max(1, want.Max(Math.Abs))));
            if (test.Outputs.Contains($"{i}.focal_length")) Assert.That(map.FocalLength, Is.EqualTo(test.Output($"{i}.focal_length")[0]).Within(1e-2));
        }
    }

    [Test]
    [TestCaseSource(nameof(QueryModels))]
    public void Masks_of_queries(string name, string caseName)
    {
        var (test, arguments, sizes) = Load(name, caseName);
        var detr = name == "detr-panoptic";
        var (classes, masks) = (test.Input(detr ? "logits" : "class_queries_logits"), test.Input(detr ? "pred_masks" : "masks_queries_logits"));
        var (queries, height, width) = ((int)masks.Shape[1], (int)masks.Shape[2], (int)masks.Shape[3]);
        int? before = name == "mask2former-swin" ? 384 : null;
        var threshold = arguments.TryGetProperty("threshold", out var t) ? (float)t.GetDouble() : 0.5f;
        int[] fused = arguments.TryGetProperty("label_ids_to_fuse", out var ids) ? [.. ids.EnumerateArray().Select(v => v.GetInt32())] : [];
        var function = arguments.GetProperty("function").GetString()!;
        for (var i = 0; i < masks.Shape[0]; i++)
        {
            var (c, m, h, w) = (Row(classes, i), Row(masks, i), sizes[i].Height, sizes[i].Width);
            if (function == "post_process_semantic_segmentation")
            {
                AreNearlyEqual(SemanticDecoder.DecodeQueries(c, m, queries, height, width, h, w, before, before), test.Output($"{i}.segmentation"));
                continue;
            }
            var pairs = function == "post_process_instance_segmentation" && !detr;
            var result = pairs && name == "oneformer-swin" ? InstanceDecoder.DecodeOneFormer(c, m, queries, height, width, h, w, threshold)
                : pairs ? InstanceDecoder.DecodePairs(c, m, queries, height, width, h, w, threshold, before, before)
                : InstanceDecoder.Decode(c, m, queries, height, width, h, w, threshold, fused: fused, maskHeight: before, maskWidth: before);
            var segments = test.Json.GetProperty("outputs").GetProperty($"{i}.segments_info").GetProperty("value").EnumerateArray().Select(s => (s.GetProperty("label_id").GetInt32(), s.GetProperty("was_fused").GetBoolean(), Math.Round(s.GetProperty("score").GetDouble(), 4))).ToArray();
            var got = result.Segments.Select(s => (s.Label, s.WasFused, Math.Round(s.Score, 4))).ToArray();
            Assert.That(got, Is.EqualTo(segments));
            if (test.Outputs.Contains($"{i}.segmentation")) AreNearlyEqual(result.Map, test.Output($"{i}.segmentation"));
        }
    }

    [Test]
    [TestCaseSource(nameof(Matchers))]
    public void Points_of_two_pictures(string name, string caseName)
    {
        var (test, arguments, _) = Load(name, caseName, pairs: true);
        var (keypoints, matches, scores) = (test.Input("keypoints"), test.Input("matches"), test.Input("matching_scores"));
        var threshold = (float)arguments.GetProperty("threshold").GetDouble();
        for (var i = 0; i < keypoints.Shape[0]; i++)
        {
            var sizes = arguments.GetProperty("target_sizes")[i];
            var (first, second) = ((sizes[0][1].GetInt32(), sizes[0][0].GetInt32()), (sizes[1][1].GetInt32(), sizes[1][0].GetInt32()));
            var found = name == "efficientloftr" ? KeypointDecoder.MatchInOrder(Row(keypoints, i), Longs(matches, i), Row(scores, i), first, second, threshold)
                : KeypointDecoder.Match(Row(keypoints, i), Longs(test.Input("mask"), i), Longs(matches, i), Row(scores, i), first, second, threshold);
            Assert.That(found.SelectMany(f => new[] { (long)f.X0, f.Y0 }), Is.EqualTo(test.Output($"{i}.keypoints0").Longs()));
            Assert.That(found.SelectMany(f => new[] { (long)f.X1, f.Y1 }), Is.EqualTo(test.Output($"{i}.keypoints1").Longs()));
            Assert.That(found.Select(f => f.Score), Is.EqualTo(test.Output($"{i}.matching_scores").Floats()));
        }
    }

    [Test]
    public void Points_of_one_picture()
    {
        Fixtures.Find("dense/superpoint");
        var (test, _, sizes) = Load("superpoint", "post");
        for (var i = 0; i < sizes.Length; i++)
        {
            var found = KeypointDecoder.Decode(Row(test.Input("keypoints"), i), Row(test.Input("scores"), i), Row(test.Input("descriptors"), i), Longs(test.Input("mask"), i), sizes[i].Width, sizes[i].Height);
            Assert.That(found.SelectMany(f => new[] { (long)f.X, f.Y }), Is.EqualTo(test.Output($"{i}.keypoints").Longs()));
            Assert.That(found.Select(f => f.Score), Is.EqualTo(test.Output($"{i}.scores").Floats()));
            Assert.That(found.SelectMany(f => f.Descriptor), Is.EqualTo(test.Output($"{i}.descriptors").Floats()));
        }
    }

    [Test]
    public void Outputs_of_a_wrong_shape_are_refused()
    {
        Assert.That(() => KeypointDecoder.Decode(new float[3], new float[2], [], [1, 1], 2, 3),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("reading keypoints: 3 coordinates, 2 scores and 0 numbers of descriptors for 2 points; supported: outputs of one picture or pair, of the same number of points"));
        Assert.That(() => DetectionDecoder.Decode(new float[10], new float[7], DetectionScores.Softmax),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("reading detections: 10 logits and 7 numbers of boxes; supported: [queries, classes] and [queries, 4]"));
        Assert.That(() => DepthDecoder.Decode(new float[5], 2, 3),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("reading a model's output: 5 values; supported: [1, 2, 3]"));
        Assert.That(() => SemanticDecoder.Decode(new float[6], 1, 2, 3, 0, 4),
            Throws.TypeOf<InvalidInputException>().With.Message.EqualTo("resizing a model's output: a target of 4 x 0; supported: at least one pixel on each side"));
    }

    private static (GoldenCase Test, JsonElement Arguments, ImmutableArray<(int Height, int Width)> Sizes) Load(string name, string caseName, bool pairs = false)
    {
        var test = Golden.Load(Fixtures.Find($"dense/{name}")).Cases.Single(c => c.Name == caseName);
        var arguments = test.Json.GetProperty("arguments");
        return (test, arguments, !pairs && arguments.TryGetProperty("target_sizes", out var sizes) && sizes.ValueKind == JsonValueKind.Array ? [.. sizes.EnumerateArray().Select(s => (s[0].GetInt32(), s[1].GetInt32()))] : []);
    }

    private static float[] Row(GoldenTensor tensor, int index)
    {
        var each = tensor.Count / (int)tensor.Shape[0];
        return tensor.Floats()[(index * each)..((index + 1) * each)];
    }

    private static long[] Longs(GoldenTensor tensor, int index)
    {
        var each = tensor.Count / (int)tensor.Shape[0];
        return tensor.Longs()[(index * each)..((index + 1) * each)];
    }

    // A pixel where two classes are equal to the last bit may go either way.
    private static void AreNearlyEqual(LabelMap map, GoldenTensor want)
    {
        Assert.That((map.Height, map.Width), Is.EqualTo(((int)want.Shape[0], (int)want.Shape[1])));
        var differing = map.Values.Zip(want.Longs()).Count(p => p.First != p.Second);
        Assert.That(differing, Is.LessThanOrEqualTo(map.Values.Length / 500), "pixels that differ");
    }
}
