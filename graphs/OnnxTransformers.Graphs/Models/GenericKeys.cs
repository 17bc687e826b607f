namespace OnnxTransformers.Graphs.Models;

/// <summary>Keys that any configuration may have and that never change a graph, each under the reason. Reference: transformers 4.57 and 5, configuration_utils.py.</summary>
internal static class GenericKeys
{
    private static readonly (string Reason, string[] Keys)[] Rows =
    [
        ("names and versions", ["_name_or_path", "name_or_path", "_commit_hash", "transformers_version", "architectures", "model_type", "tokenizer_class", "processor_class", "language", "license", "transformers.js_config", "_attn_implementation_autoset",
            "attn_implementation", "_attn_implementation", "_flash_attn_2_enabled", "experts_implementation"]),
        ("training only", ["initializer_range", "initializer_factor", "init_std", "gradient_checkpointing", "hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout", "classifier_dropout_prob", "hidden_dropout", "dropout", "attention_dropout",
            "activation_dropout", "embd_pdrop", "attn_pdrop", "resid_pdrop", "qa_dropout", "seq_classif_dropout", "summary_first_dropout", "summary_last_dropout", "head_dropout", "layerdrop", "finetuning_task", "reduction", "use_mup_init",
            "drop_path_rate", "stochastic_depth_prob", "layer_drop"]),
        ("the element type comes from the checkpoint and from --precision", ["torch_dtype", "dtype", "use_bfloat16"]),
        ("which results the reference's Python object returns", ["output_attentions", "output_hidden_states", "return_dict", "output_past", "output_scores", "return_dict_in_generate", "use_cache", "torchscript", "use_return_dict", "tf_legacy_loss", "remove_invalid_values"]),
        ("labels are read by the pipelines", ["id2label", "label2id", "num_labels", "_num_labels", "problem_type", "task_specific_params", "sentence_transformers", "prefix"]),
        ("computation in pieces, with the same result", ["chunk_size_feed_forward"]),
        ("token ids are read by tokenizers and generation", ["bos_token_id", "pad_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "mask_token_id", "unk_token_id", "decoder_start_token_id"]),
        ("generation", ["max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size",
            "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences", "forced_bos_token_id", "forced_eos_token_id", "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens", "max_new_tokens"]),
        ("only read where the network is the decoder of a pair, which is refused where it is not supported", ["cross_attention_hidden_size", "tie_encoder_decoder"]),
    ];

    // Not a frozen one: making that takes longer than all look-ups of an export together.
    private static readonly Dictionary<string, string> Reasons = Index();

    /// <summary>Why a key changes nothing; null for one that is not in the list.</summary>
    internal static string? ReasonOf(string key) => Reasons.GetValueOrDefault(key);

    private static Dictionary<string, string> Index()
    {
        var reasons = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (reason, keys) in Rows)
            foreach (var key in keys) reasons.Add(key, reason);
        return reasons;
    }
}
