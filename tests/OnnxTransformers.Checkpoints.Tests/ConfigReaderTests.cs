using NUnit.Framework;

namespace OnnxTransformers.Checkpoints;

public sealed class ConfigReaderTests
{
    [Test]
    public void Infinity_as_Python_writes_it_is_a_number_outside_of_texts()
    {
        var json = ConfigReader.Parse("""{"limits": [0.5, Infinity], "least": -Infinity, "a \" Infinity": "Infinity \\"}"""u8.ToArray(), "config.json");
        Assert.That(json.Doubles("limits", []), Is.EqualTo(new[] { 0.5, double.PositiveInfinity }));
        Assert.That(json.Double("least", 0), Is.EqualTo(double.NegativeInfinity));
        Assert.That(json.String("a \" Infinity"), Is.EqualTo("Infinity \\"));
    }
}
