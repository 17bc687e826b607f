// Labels sentences: those of the command line, or else the lines of standard input as they come.
//     dotnet run --project samples/Sentiment -- <package> [sentence ...]
using OnnxTransformers;

if (args is not [var package, .. var sentences])
{
    Console.Error.WriteLine("usage: Sentiment <package> [sentence ...]");
    return 2;
}

using var classify = TextClassification.Load(package);
foreach (var sentence in sentences.Length > 0 ? sentences : Lines())
{
    var (label, score) = classify.Run(sentence)[0];
    Console.WriteLine($"{label} {100 * score:F1} %  {sentence}");
}
return 0;

static IEnumerable<string> Lines()
{
    while (Console.In.ReadLine() is { } line)
        if (line.Length > 0) yield return line;
}
