using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>Turns a segmenter's logits into a class for each pixel. Source: post_process_semantic_segmentation of models/segformer and models/detr.</summary>
public static class SemanticDecoder
{
    /// <summary>The class of each pixel of one picture.</summary>
    /// <param name="logits">[classes, height, width].</param>
    /// <param name="classes">How many.</param>
    /// <param name="height">Rows of the logits.</param>
    /// <param name="width">Columns of the logits.</param>
    /// <param name="targetHeight">Rows of the result, to which the logits are resized linearly; those of the logits without it.</param>
    /// <param name="targetWidth">Columns of the result.</param>
    /// <exception cref="InvalidInputException">The logits are not as many as they should be.</exception>
    public static LabelMap Decode(ReadOnlySpan<float> logits, int classes, int height, int width, int? targetHeight = null, int? targetWidth = null)
    {
        var planes = ModelPlanes.Of(logits, classes, height, width).To(targetHeight, targetWidth, new PlaneFilter());
        var labels = new int[planes.Height * planes.Width];
        for (var i = 0; i < labels.Length; i++)
            for (var c = 1; c < classes; c++)
                if (planes.Values[c * labels.Length + i] > planes.Values[labels[i] * labels.Length + i]) labels[i] = c;
        return new LabelMap(planes.Width, planes.Height, [.. labels]);
    }

    /// <summary>The class of each pixel from queries with a mask each (DETR, MaskFormer, Mask2Former, OneFormer).</summary>
    /// <param name="classLogits">[queries, classes + 1], "nothing" last.</param>
    /// <param name="maskLogits">[queries, height, width].</param>
    /// <param name="queries">How many.</param>
    /// <param name="height">Rows of the masks.</param>
    /// <param name="width">Columns of the masks.</param>
    /// <param name="targetHeight">Rows of the result; those of the masks without it.</param>
    /// <param name="targetWidth">Columns of the result.</param>
    /// <param name="maskHeight">Rows to which the mask logits are resized before anything else, where the class does that (Mask2Former: 384).</param>
    /// <param name="maskWidth">Columns likewise.</param>
    /// <exception cref="InvalidInputException">The logits are not as many as they should be.</exception>
    public static LabelMap DecodeQueries(ReadOnlySpan<float> classLogits, ReadOnlySpan<float> maskLogits, int queries, int height, int width, int? targetHeight = null, int? targetWidth = null, int? maskHeight = null, int? maskWidth = null)
    {
        var masks = ModelPlanes.Of(maskLogits, queries, height, width).To(maskHeight, maskWidth, new PlaneFilter());
        var classes = ModelPlanes.Rows(classLogits, queries) - 1;
        var plane = masks.Height * masks.Width;
        var (sums, scores) = (new float[classes * plane], new float[classes + 1]);
        for (var q = 0; q < queries; q++)
        {
            Probabilities.Softmax(classLogits.Slice(q * (classes + 1), classes + 1), scores);
            for (var i = 0; i < plane; i++)
            {
                var mask = Probabilities.Sigmoid(masks.Values[q * plane + i]);
                for (var c = 0; c < classes; c++) sums[c * plane + i] += scores[c] * mask;
            }
        }
        return Decode(sums, classes, masks.Height, masks.Width, targetHeight, targetWidth);
    }
}
