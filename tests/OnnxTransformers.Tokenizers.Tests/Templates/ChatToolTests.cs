using System.Text.Json;
using System.Text.Json.Nodes;
using NUnit.Framework;
using DescriptionAttribute = System.ComponentModel.DescriptionAttribute;

namespace OnnxTransformers.Tokenizers.Templates;

[TestFixture]
internal sealed class ChatToolTests
{
    internal enum Unit { Celsius, Fahrenheit }

    [Description("Tells the temperature of a place.")]
    [return: Description("The temperature.")]
    private static double Temperature([Description("Where.")] string place, [Description("In what.")] Unit unit = Unit.Celsius, [Description("How many days.")] int? days = null, CancellationToken cancellation = default) => place.Length + (int)unit + (days ?? 0);

    [Description("Takes everything.")]
    private static void Everything([Description("a")] List<int> list, [Description("b")] string[]? maybe, [Description("c")] Dictionary<string, bool> map, [Description("d")] (int, string) pair,
        [Description("e")] object anything, [Description("f")] float[][] nested, [Description("g")] Uri other) => TestContext.Out.WriteLine((list, maybe, map, pair, anything, nested, other));

    [Test]
    public void AFunctionIsDescribedAsTheReferenceDescribesPythons() => Same(ChatTool.FromDelegate(Temperature).Schema, """
        {"type": "function", "function": {
            "name": "Temperature",
            "description": "Tells the temperature of a place.",
            "parameters": {"type": "object", "properties": {
                "place": {"type": "string", "description": "Where."},
                "unit": {"type": "string", "enum": ["Celsius", "Fahrenheit"], "description": "In what."},
                "days": {"type": "integer", "nullable": true, "description": "How many days."}},
                "required": ["place"]},
            "return": {"type": "number", "description": "The temperature."}}}
        """);

    [Test]
    public void AllTypesHaveASchema() => Same(ChatTool.FromDelegate(Everything).Schema.GetProperty("function").GetProperty("parameters"), """
        {"type": "object", "properties": {
            "list": {"type": "array", "items": {"type": "integer"}, "description": "a"},
            "maybe": {"type": "array", "items": {"type": "string"}, "nullable": true, "description": "b"},
            "map": {"type": "object", "additionalProperties": {"type": "boolean"}, "description": "c"},
            "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "description": "d"},
            "anything": {"description": "e"},
            "nested": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}, "description": "f"},
            "other": {"type": "object", "description": "g"}},
            "required": ["list", "maybe", "map", "pair", "anything", "nested", "other"]}
        """);

    /// <summary>The same keys in the same order: templates print them.</summary>
    private static void Same(JsonElement schema, string expected) =>
        Assert.That(JsonNode.Parse(schema.GetRawText())!.ToJsonString(), Is.EqualTo(JsonNode.Parse(expected)!.ToJsonString()));

    [Test]
    public void NamesAndDescriptionsCanBeGiven()
    {
        var tool = ChatTool.FromDelegate(([Description("x")] int x) => x, "identity", "Gives it back.").Schema.GetProperty("function");
        Assert.Multiple(() =>
        {
            Assert.That(tool.GetProperty("name").GetString(), Is.EqualTo("identity"));
            Assert.That(tool.GetProperty("description").GetString(), Is.EqualTo("Gives it back."));
        });
    }

    [Test]
    public void LocalFunctionsKeepTheirNames()
    {
        [Description("Local.")]
        static int Double([Description("x")] int x) => 2 * x;

        Assert.That(ChatTool.FromDelegate(Double).Schema.GetProperty("function").GetProperty("name").GetString(), Is.EqualTo("Double"));
    }

    [Test]
    public void AToolReachesTheTemplate()
    {
        var text = ChatTemplate.Parse("{{ tools[0].function.name }} {{ tools | tojson }}").Render(new ChatRequest { Messages = [], Tools = [ChatTool.FromDelegate(([Description("x")] int x) => x, "f", "d")] }).Text;
        Assert.That(text, Is.EqualTo("f [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"d\", \"parameters\": {\"type\": \"object\", \"properties\": {\"x\": {\"type\": \"integer\", \"description\": \"x\"}}, " +
            "\"required\": [\"x\"]}, \"return\": {\"type\": \"integer\"}}}]"));
    }

    [Test]
    public void WhatIsMissingIsNamed()
    {
        static int Undescribed(int x) => x;
        Assert.Multiple(() =>
        {
            Assert.That(Refusal(() => ChatTool.FromDelegate((int x) => x)), Is.EqualTo("describing a function as a tool: a lambda: it has no name; supported: the argument name"));
            Assert.That(Refusal(() => ChatTool.FromDelegate(Undescribed)), Is.EqualTo("describing a function as a tool: Undescribed: it has no description; supported: [Description(\"...\")] on the method, or the argument description"));
            Assert.That(Refusal(() => ChatTool.FromDelegate(Undescribed, description: "d")), Is.EqualTo("describing a function as a tool: Undescribed: its parameter 'x' has no description; supported: [Description(\"...\")] on each parameter"));
            Assert.That(Refusal(() => ChatTool.FromDelegate(([Description("f")] Action f) => f(), "n", "d")), Is.EqualTo(
                "describing a function as a tool: n: a parameter of the type System.Action; supported: numbers, texts, booleans, enums, lists, dictionaries with string keys, tuples, and objects"));
            Assert.That(Refusal(() => ChatTool.FromJson(JsonSerializer.SerializeToElement("x"))), Is.EqualTo("reading a tool: tools: a JSON String; supported: a JSON schema (an object), or a function"));
        });
    }

    private static string Refusal(Action code) => Assert.Throws<InvalidInputException>(code)!.Message;
}
