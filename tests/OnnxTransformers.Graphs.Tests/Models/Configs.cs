using System.Text;

namespace OnnxTransformers.Graphs.Models;

/// <summary>Configurations as a test writes them down.</summary>
internal static class Configs
{
    internal static ConfigReader Read(string json) => ConfigReader.Parse(Encoding.UTF8.GetBytes(json), "config.json");

    /// <summary>What a configuration asks for.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="tensors">What the checkpoint holds; null for nothing.</param>
    internal static ModelPlan Plan(string json, IReadOnlyDictionary<string, TensorInfo>? tensors = null) => ModelCatalog.Plan(Read(json), tensors ?? new Dictionary<string, TensorInfo>(), new PlanRequest());
}
