using System.Text.Json;
using OnnxTransformers.Testing;

namespace OnnxTransformers.Pipelines;

/// <summary>Packages of a tokenizer with eighteen tokens and a graph that looks every token up in a table, so that each answer can be worked out by hand.</summary>
internal sealed class TinyPackage : IDisposable
{
    internal static readonly string[] Vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "a", "is", "it", "##ly", "paris", "in", "anna", "lives", ".", "not"];

    private const string Tokenizer = """
        {"version":"1.0","truncation":null,"padding":null,
         "added_tokens":[{"id":0,"content":"[PAD]","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false},{"id":1,"content":"[UNK]","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false},
          {"id":2,"content":"[CLS]","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false},{"id":3,"content":"[SEP]","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false},
          {"id":4,"content":"[MASK]","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false}],
         "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
         "pre_tokenizer":{"type":"BertPreTokenizer"},
         "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],
          "pair":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}},{"Sequence":{"id":"B","type_id":1}},{"SpecialToken":{"id":"[SEP]","type_id":1}}],
          "special_tokens":{"[CLS]":{"id":"[CLS]","ids":[2],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[3],"tokens":["[SEP]"]}}},
         "decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
         "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":VOCAB}}
        """;

    private readonly ScratchFolder _folder = new();

    private TinyPackage(string config, int modelMaxLength)
    {
        var vocabulary = $"{{{string.Join(",", Vocabulary.Select((v, i) => $"{JsonSerializer.Serialize(v)}:{i}"))}}}";
        _folder.Write("config.json", config).Write("tokenizer.json", Tokenizer.Replace("VOCAB", vocabulary, StringComparison.Ordinal)).Write("tokenizer_config.json",
            $$"""{"tokenizer_class":"BertTokenizerFast","model_max_length":{{modelMaxLength}},"unk_token":"[UNK]","sep_token":"[SEP]","pad_token":"[PAD]","cls_token":"[CLS]","mask_token":"[MASK]","clean_up_tokenization_spaces":true}""");
    }

    internal string Path => _folder.FullName;

    internal TinyPackage With(string file, string text)
    {
        _folder.Write(file, text);
        return this;
    }

    /// <summary>Logits (or another output) are the sum of the table's rows of all tokens that the mask lets through: [B, labels].</summary>
    internal static TinyPackage Classifier(string config, int labels, Func<string, float[]> row, int modelMaxLength = 16, string output = "logits")
    {
        var package = new TinyPackage(config, modelMaxLength);
        Inputs(new TinyOnnx()).Float("table", [Vocabulary.Length, labels], [.. Vocabulary.SelectMany(row)]).Int64("two", [1], 2).Int64("one", [1], 1)
            .Node("Gather", ["table", "input_ids"], ["rows"]).Node("Cast", ["attention_mask"], ["mask"], ("to", 1)).Node("Unsqueeze", ["mask", "two"], ["column"])
            .Node("Mul", ["rows", "column"], ["kept"]).Node("ReduceSum", ["kept", "one"], [output], ("keepdims", 0))
            .Output(output, ElementType.Float, "batch_size", labels).Write(package._folder["onnx/model.onnx"]);
        return package;
    }

    /// <summary>Each output is the table's row of each token: [B, S, width], or [B, S] where the width is 0.</summary>
    internal static TinyPackage PerToken(string config, int width, Func<string, float[]> row, int modelMaxLength = 16, params string[] outputs)
    {
        var package = new TinyPackage(config, modelMaxLength);
        var graph = Inputs(new TinyOnnx()).Float("table", width == 0 ? [Vocabulary.Length] : [Vocabulary.Length, width], [.. Vocabulary.SelectMany(row)]);
        foreach (var output in outputs)
        {
            graph.Node("Gather", ["table", "input_ids"], [output]);
            _ = width == 0 ? graph.Output(output, ElementType.Float, "batch_size", "sequence_length") : graph.Output(output, ElementType.Float, "batch_size", "sequence_length", width);
        }
        graph.Write(package._folder["onnx/model.onnx"]);
        return package;
    }

    /// <summary>Scores of pictures and texts are a 64th of the tokens that the graph sees: [1, texts].</summary>
    internal static TinyPackage Lengths(string config, string processor)
    {
        var package = new TinyPackage(config, 512).With("preprocessor_config.json", processor);
        Inputs(new TinyOnnx()).Input("pixel_values", ElementType.Float, "image_batch_size", 3, "height", "width").Float("each", [Vocabulary.Length], [.. Vocabulary.Select(_ => 1f / 64)]).Int64("one", [1], 1).Int64("zero", [1], 0)
            .Node("Gather", ["each", "input_ids"], ["rows"]).Node("ReduceSum", ["rows", "one"], ["sums"], ("keepdims", 0)).Node("Unsqueeze", ["sums", "zero"], ["logits_per_image"])
            .Output("logits_per_image", ElementType.Float, "image_batch_size", "text_batch_size").Write(package._folder["onnx/model.onnx"]);
        return package;
    }

    public void Dispose() => _folder.Dispose();

    private static TinyOnnx Inputs(TinyOnnx graph) =>
        graph.Input("input_ids", ElementType.Int64, "batch_size", "sequence_length").Input("attention_mask", ElementType.Int64, "batch_size", "sequence_length");
}
