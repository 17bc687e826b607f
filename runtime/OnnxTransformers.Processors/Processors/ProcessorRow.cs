using OnnxTransformers.Processors.Processing;

namespace OnnxTransformers.Processors;

/// <summary>A class of transformers and how its settings become a processor.</summary>
/// <param name="Type">The class's name without "Fast", as "ViTImageProcessor".</param>
/// <param name="Read">Reads the settings; keys that it doesn't ask for are refused.</param>
internal sealed record ProcessorRow(string Type, Func<Settings, Processor> Read);
