// Finds pictures of a folder by what is in them. The first search of a folder reads all its pictures; what they hold is kept in pictures.index there, and later searches read only new ones.
//     dotnet run --project samples/PictureSearch -- <package> <folder> <text> [page.html]
// The package is one of CLIP or SigLIP; the page shows the pictures that fit best.
using OnnxTransformers;
using OnnxTransformers.Processors;
using PictureSearch;

if (args is not [var package, var folder, var text, .. var rest])
{
    Console.Error.WriteLine("usage: PictureSearch <package> <folder> <text> [page.html]");
    return 2;
}

var decoder = new VipsDecoder();
using var embedding = PictureEmbedding.Load(package, new() { ImageDecoder = decoder });
var index = PictureIndex.Update(folder, Path.GetFullPath(package), embedding, problem => Console.Error.WriteLine(problem));
var found = index.Find(embedding.EmbedTexts([$"a photo of {text}"])[0], most: 12);
foreach (var (file, score) in found) Console.WriteLine($"{score:F3} {file}");

var page = rest is [var name, ..] ? name : "pictures.html";
File.WriteAllText(page, HtmlPage.Of(text, found, file => new ImageLoader(decoder).Load(Path.Combine(folder, file))));
Console.Error.WriteLine($"{index.Count} pictures; the best are in {page}");
return 0;
