using System.Collections.Immutable;
using System.Globalization;

namespace OnnxTransformers.Tokenizers;

/// <summary>Whisper's languages and tasks, and the tokens that they put before a text (models/whisper/tokenization_whisper.py).</summary>
internal static class WhisperLanguages
{
    private const string Start = "<|startoftranscript|>";

    private static readonly ImmutableArray<(string Code, string Name)> All = [.. (
        "en:english zh:chinese de:german es:spanish ru:russian ko:korean fr:french ja:japanese pt:portuguese tr:turkish pl:polish ca:catalan nl:dutch ar:arabic " +
        "sv:swedish it:italian id:indonesian hi:hindi fi:finnish vi:vietnamese he:hebrew uk:ukrainian el:greek ms:malay cs:czech ro:romanian da:danish " +
        "hu:hungarian ta:tamil no:norwegian th:thai ur:urdu hr:croatian bg:bulgarian lt:lithuanian la:latin mi:maori ml:malayalam cy:welsh sk:slovak te:telugu " +
        "fa:persian lv:latvian bn:bengali sr:serbian az:azerbaijani sl:slovenian kn:kannada et:estonian mk:macedonian br:breton eu:basque is:icelandic " +
        "hy:armenian ne:nepali mn:mongolian bs:bosnian kk:kazakh sq:albanian sw:swahili gl:galician mr:marathi pa:punjabi si:sinhala km:khmer sn:shona " +
        "yo:yoruba so:somali af:afrikaans oc:occitan ka:georgian be:belarusian tg:tajik sd:sindhi gu:gujarati am:amharic yi:yiddish lo:lao uz:uzbek fo:faroese " +
        "ht:haitian_creole ps:pashto tk:turkmen nn:nynorsk mt:maltese sa:sanskrit lb:luxembourgish my:myanmar bo:tibetan tl:tagalog mg:malagasy as:assamese " +
        "tt:tatar haw:hawaiian ln:lingala ha:hausa ba:bashkir jw:javanese su:sundanese yue:cantonese")
        .Split(' ').Select(w => w.Split(':')).Select(p => (p[0], p[1].Replace('_', ' ')))];

    /// <summary>Other names of languages in the list.</summary>
    private static readonly Dictionary<string, string> Others = new(StringComparer.Ordinal)
    {
        ["burmese"] = "my",
        ["valencian"] = "ca",
        ["flemish"] = "nl",
        ["haitian"] = "ht",
        ["letzeburgesch"] = "lb",
        ["pushto"] = "ps",
        ["panjabi"] = "pa",
        ["moldavian"] = "ro",
        ["moldovan"] = "ro",
        ["sinhalese"] = "si",
        ["castilian"] = "es",
        ["mandarin"] = "zh",
    };

    /// <summary>Start, language, task and the sign for no timestamps, then the text, then the end.</summary>
    internal static TemplateProcessor Processor(TokenizerConfig config, TokenSet tokens)
    {
        var start = tokens.IdOf(Start);
        List<int> before = [start];
        if (config.Text("language") is { } language) before.Add(start + 1 + IndexOf(language));
        if (config.Text("task") is { } task)
            before.Add(tokens.IdOf(task is "transcribe" or "translate" ? $"<|{task}|>" : throw TokenizerConfig.Problem("task", $"\"{task}\"", "transcribe, translate")));
        if (!(config.Flag("predict_timestamps") ?? false)) before.Add(tokens.IdOf("<|notimestamps|>"));
        var end = tokens.Role("eos") ?? throw TokenizerConfig.Problem("eos_token", "no token", "a token");
        ImmutableArray<TemplatePiece> prefix = [.. before.Select(id => new TemplatePiece(-1, 0, [(tokens.NameOf(id) ?? "", id)]))];
        TemplatePiece Last(int type) => new(-1, type, [(end, tokens.IdOf(end))]);
        return new([.. prefix, new(0, 0, []), Last(0)], [.. prefix, new(0, 0, []), new(1, 1, []), Last(1)]);
    }

    private static int IndexOf(string language)
    {
        var name = language.ToLower(CultureInfo.InvariantCulture);
        if (Others.TryGetValue(name, out var code)) name = code;
        for (var i = 0; i < All.Length; i++)
            if (All[i].Code == name || All[i].Name == name) return i;
        throw TokenizerConfig.Problem("language", $"\"{language}\"", string.Join(", ", All.Select(l => l.Code)));
    }
}
