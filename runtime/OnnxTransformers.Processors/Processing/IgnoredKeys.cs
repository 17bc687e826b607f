using System.Collections.Frozen;

namespace OnnxTransformers.Processors.Processing;

/// <summary>Keys of preprocessor_config.json that change nothing here, each with the reason.</summary>
internal static class IgnoredKeys
{
    internal static readonly FrozenDictionary<string, string> Reasons = new Dictionary<string, string>
    {
        ["image_processor_type"] = "chose the row of the table",
        ["feature_extractor_type"] = "chose the row of the table",
        ["processor_class"] = "belongs to the processor that holds this one and a tokenizer",
        ["auto_map"] = "names code of the Hub, which is never run",
        ["_valid_processor_keys"] = "a list of the reference's own arguments",
        ["do_convert_rgb"] = "pictures always come in RGB",
        ["input_data_format"] = "pictures know their layout",
        ["data_format"] = "tensors always have channels first, as graphs expect them",
        ["return_tensors"] = "the kind of tensor is the caller's",
        ["device"] = "of torch",
        ["disable_grouping"] = "of torch; changes speed, not values",
        ["default_to_square"] = "of the reference's reading of sizes; each row says it",
        ["do_convert_annotations"] = "labels of training",
        ["do_reduce_labels"] = "labels of training",
        ["format"] = "labels of training",
        ["ignore_index"] = "labels of training",
        ["image_seq_length"] = "counts tokens of the prompt",
        ["num_labels"] = "labels of training",
        ["reduce_labels"] = "labels of training",
    }.ToFrozenDictionary();
}
