using System.Collections;
using System.ComponentModel;
using System.Numerics;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The JSON schema of a C# function, in the form and order that the reference gives Python functions. Reference: transformers,
/// utils/chat_template_utils.py, get_json_schema.</summary>
internal static partial class FunctionSchema
{
    private const string Doing = "describing a function as a tool";

    private static readonly Dictionary<Type, string> Simple = new()
    {
        [typeof(string)] = "string",
        [typeof(char)] = "string",
        [typeof(bool)] = "boolean",
        [typeof(sbyte)] = "integer",
        [typeof(byte)] = "integer",
        [typeof(short)] = "integer",
        [typeof(ushort)] = "integer",
        [typeof(int)] = "integer",
        [typeof(uint)] = "integer",
        [typeof(long)] = "integer",
        [typeof(ulong)] = "integer",
        [typeof(BigInteger)] = "integer",
        [typeof(Half)] = "number",
        [typeof(float)] = "number",
        [typeof(double)] = "number",
        [typeof(decimal)] = "number",
    };

    /// <summary>Types that hold anything.</summary>
    private static readonly HashSet<Type> Anything = [typeof(object), typeof(JsonElement), typeof(JsonNode)];

    /// <summary>A local function's own name inside the one that the compiler makes.</summary>
    [GeneratedRegex(@"^<.*>g__(?<name>[^|]+)\|")]
    private static partial Regex LocalFunction();

    internal static JsonObject Of(Delegate function, string? name, string? description)
    {
        var method = function.Method;
        name ??= NameOf(method);
        description ??= method.GetCustomAttribute<DescriptionAttribute>()?.Description ?? throw Missing(name, "it has no description", "[Description(\"...\")] on the method, or the argument description");
        var (properties, required) = (new JsonObject(), new JsonArray());
        var nullability = new NullabilityInfoContext();
        foreach (var parameter in method.GetParameters())
        {
            if (parameter.ParameterType == typeof(CancellationToken)) continue;
            var schema = TypeOf(parameter.ParameterType, name);
            if (IsNullable(parameter, nullability)) schema["nullable"] = true;
            if (EnumOf(parameter.ParameterType) is { } choices) schema["enum"] = new JsonArray([.. Enum.GetNames(choices).Select(n => (JsonNode)n)]);
            schema["description"] = parameter.GetCustomAttribute<DescriptionAttribute>()?.Description ?? throw Missing(name, $"its parameter '{parameter.Name}' has no description", "[Description(\"...\")] on each parameter");
            properties[parameter.Name!] = schema;
            if (!parameter.HasDefaultValue) required.Add((JsonNode)parameter.Name!);
        }
        var parameters = new JsonObject { ["type"] = "object", ["properties"] = properties };
        if (required.Count > 0) parameters["required"] = required;
        var result = new JsonObject { ["name"] = name, ["description"] = description, ["parameters"] = parameters };
        if (Return(method, name) is { } returned) result["return"] = returned;
        return new JsonObject { ["type"] = "function", ["function"] = result };
    }

    private static string NameOf(MethodInfo method)
    {
        if (LocalFunction().Match(method.Name) is { Success: true } local) return local.Groups["name"].Value;
        return method.Name.Contains('<') ? throw Missing("a lambda", "it has no name", "the argument name") : method.Name;
    }

    private static InvalidInputException Missing(string name, string found, string supported) => new(Doing, new Problem(name, found, supported));

    private static Type? EnumOf(Type type) => (Nullable.GetUnderlyingType(type) ?? type) is { IsEnum: true } found ? found : null;

    private static bool IsNullable(ParameterInfo parameter, NullabilityInfoContext nullability) => Nullable.GetUnderlyingType(parameter.ParameterType) is not null
        || (!parameter.ParameterType.IsValueType && !Anything.Contains(parameter.ParameterType) && nullability.Create(parameter).ReadState == NullabilityState.Nullable);

    private static JsonObject? Return(MethodInfo method, string name)
    {
        var type = method.ReturnType;
        if (type.IsGenericType && (type.GetGenericTypeDefinition() == typeof(Task<>) || type.GetGenericTypeDefinition() == typeof(ValueTask<>)))
            type = type.GetGenericArguments()[0];
        if (type == typeof(void) || type == typeof(Task) || type == typeof(ValueTask)) return null;
        var schema = TypeOf(type, name);
        if (EnumOf(type) is { } choices) schema["enum"] = new JsonArray([.. Enum.GetNames(choices).Select(n => (JsonNode)n)]);
        if (method.ReturnParameter.GetCustomAttribute<DescriptionAttribute>() is { } description) schema["description"] = description.Description;
        return schema;
    }

    private static JsonObject TypeOf(Type type, string function)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsByRef || type.IsPointer || typeof(Delegate).IsAssignableFrom(type))
            throw Missing(function, $"a parameter of the type {type}", "numbers, texts, booleans, enums, lists, dictionaries with string keys, tuples, and objects");
        if (Anything.Contains(type)) return [];
        if (Simple.TryGetValue(type, out var simple)) return new JsonObject { ["type"] = simple };
        if (type.IsEnum) return new JsonObject { ["type"] = "string" };
        if (type.IsArray) return ArrayOf(TypeOf(type.GetElementType()!, function));
        var arguments = type.IsGenericType ? type.GetGenericArguments() : [];
        if (type.FullName?.StartsWith("System.ValueTuple`", StringComparison.Ordinal) == true || type.FullName?.StartsWith("System.Tuple`", StringComparison.Ordinal) == true)
            return new JsonObject { ["type"] = "array", ["prefixItems"] = new JsonArray([.. arguments.Select(a => (JsonNode)TypeOf(a, function))]) };
        if (arguments.Length == 2 && arguments[0] == typeof(string) && typeof(IEnumerable).IsAssignableFrom(type))
            return new JsonObject { ["type"] = "object", ["additionalProperties"] = TypeOf(arguments[1], function) };
        if (arguments.Length == 1 && typeof(IEnumerable).IsAssignableFrom(type)) return ArrayOf(TypeOf(arguments[0], function));
        return new JsonObject { ["type"] = "object" };
    }

    private static JsonObject ArrayOf(JsonObject items) => new() { ["type"] = "array", ["items"] = items };
}
