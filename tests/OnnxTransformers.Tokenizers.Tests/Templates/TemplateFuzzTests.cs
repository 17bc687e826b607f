using System.Diagnostics;
using System.Text;
using NUnit.Framework;

namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Broken, random and hostile templates: a clear error or a text, never another exception, a hang, an overflowing stack or unbounded memory.</summary>
[TestFixture]
internal sealed class TemplateFuzzTests
{
    private static readonly TemplateLimits Small = new(MaxSteps: 2_000_000, MaxCharacters: 1 << 20, MaxAllocatedBytes: 1 << 25);

    private static readonly string[] Pieces =
    [
        "{{", "}}", "{%", "%}", "{#", "#}", "{%-", "-%}", "{{-", "-}}", "{% raw %}", "{% endraw %}", " if ", " else ", " elif ", " endif ", " for ", " in ", " endfor ", " set ", " endset ", " macro ", " endmacro ", " call ", " endcall ",
        " filter ", " endfilter ", " with ", " endwith ", " block ", " endblock ", " generation ", " endgeneration ", " recursive ", " is ", " not ", " and ", " or ", "(", ")", "[", "]", "{", "}", ",", ":", ".", "|", "~", "+", "-", "*", "**",
        "/", "//", "%", "==", "!=", "<", ">", "=", "'", "\"", "'a'", "\\", "1", "0", "1.5", "1e9", "x", "messages", "m", "loop", "namespace", "range", "loop.index", "m.role", "m.content", "tojson", "upper", "join", "map", "select", "groupby",
        "'%s'", "'{}'", ".format", ".split", ".items()", "caller()", "varargs", "kwargs", "self", "true", "none", "\n", " ", "😀", "é", "\uD800", "\0", "100000000", "break", "continue", "loop(", "['a']", "[::-1]", "[1:",
    ];

    /// <summary>The templates of the fixtures that are here, and a few of our own for places where there are none.</summary>
    private static List<string> Seeds()
    {
        var seeds = new List<string>
        {
            "{% for m in messages %}{% if m.role == 'user' %}{{ '<' + m.role + '>' ~ m.content | trim }}{% else %}{% generation %}{{ m.content }}{% endgeneration %}{% endif %}{% endfor %}",
            "{% macro show(x, d=0) %}{% if x is mapping %}{% for k, v in x.items() %}{{ k }}: {{ show(v, d + 1) }}{% endfor %}{% else %}{{ x | tojson(indent=d) }}{% endif %}{% endmacro %}{{ show(messages[0]) }}",
            "{% set ns = namespace(n=0) %}{%- for x in [1, [2, [3]]] recursive %}{% set ns.n = ns.n + 1 %}{{ loop(x) if x is iterable else x }}{{ loop.index }}{% endfor -%}{{ '%s-%05.2f' | format(ns.n, 1.5) }}",
        };
        foreach (var fixture in Testing.Fixtures.Of("chat"))
            if (File.Exists(Path.Combine(Testing.Fixtures.Find(fixture), "template.jinja")))
                seeds.Add(File.ReadAllText(Path.Combine(Testing.Fixtures.Find(fixture), "template.jinja")));
        return seeds;
    }

    private static readonly Dictionary<string, object?> Variables = new()
    {
        ["messages"] = new[] { ChatMessage.System("s"), ChatMessage.User("Hi 😀 there"), ChatMessage.Assistant("  <think>x</think> y ") },
        ["tools"] = null,
        ["documents"] = null,
        ["add_generation_prompt"] = true,
        ["bos_token"] = "<s>",
        ["eos_token"] = "</s>",
        ["x"] = new object?[] { 1, "a", null, 2.5 },
    };

    private static void Survives(string template)
    {
        var watch = Stopwatch.StartNew();
        try
        {
            ChatTemplate.Parse(template, Small).Render(Variables);
        }
        catch (InvalidInputException e)
        {
            Assert.That(e.Message, Does.Match("^(parsing|rendering) the chat template: (line [0-9]+|the template): ."));
        }
        catch (Exception e) when (e is not AssertionException)
        {
            Assert.Fail($"{e.GetType().Name} from {template}\n{e}");
        }
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(60)), template);
    }

    [TestCase(1), TestCase(2), TestCase(3), TestCase(4)]
    public void MutatedTemplates(int seed)
    {
        var random = new Random(seed);
        var seeds = Seeds();
        for (var i = 0; i < 2500; i++)
        {
            var text = new StringBuilder(seeds[random.Next(seeds.Count)]);
            for (var n = random.Next(1, 6); n > 0 && text.Length > 0; n--)
            {
                var at = random.Next(text.Length);
                var length = Math.Min(random.Next(1, random.Next(2) == 0 ? 4 : 40), text.Length - at);
                switch (random.Next(4))
                {
                    case 0:
                        text.Remove(at, length);
                        break;
                    case 1:
                        text.Insert(at, Pieces[random.Next(Pieces.Length)]);
                        break;
                    case 2:
                        text.Insert(random.Next(text.Length), text.ToString(at, length));
                        break;
                    default:
                        text[at] = (char)random.Next(1, 128);
                        break;
                }
            }
            Survives(text.ToString());
        }
    }

    [TestCase(5), TestCase(6)]
    public void RandomTemplates(int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < 10_000; i++) Survives(string.Concat(Enumerable.Range(0, random.Next(1, 25)).Select(_ => Pieces[random.Next(Pieces.Length)])));
    }

    [TestCase(7)]
    public void RandomExpressions(int seed)
    {
        var random = new Random(seed);
        var filters = Filters.All.Keys.Where(f => f != "random").ToArray();
        var tests = Tests.All.Keys.Where(t => char.IsLetter(t[0])).ToArray();
        string[] values = ["x", "messages", "'a b'", "''", "none", "true", "-3", "2.5", "10 ** 30", "[3, 1, 2]", "{'a': 1, 2: [3]}", "(1, 'b')", "range(5)", "namespace(a=1)", "missing", "'é😀'", "'%s'", "'{}'", "1e308 * 10", "[[1, 2], [3]]", "cycler(1, 2)", "joiner('-')", "range", "'x' | e"];
        string[] methods = ["upper()", "split()", "split('a')", "find('a')", "items()", "get('a')", "keys()", "index(1)", "count(1)", "join(x)", "format(1)", "replace('a', 'b')", "splitlines()", "title()", "a", "0", "next()", "zfill(5)", "center(9)", "translate({97: 'b'})", "start", "real", "name", "copy()", "encode()", "append(1)", "__class__", "__class__.mro()"];
        for (var i = 0; i < 20_000; i++) Survives("{{ " + Make(4) + " }}");

        string Make(int depth)
        {
            if (depth == 0 || random.Next(6) == 0) return values[random.Next(values.Length)];
            return random.Next(9) switch
            {
                0 or 1 => $"({Make(depth - 1)}) | {filters[random.Next(filters.Length)]}{Arguments(depth)}",
                2 => $"({Make(depth - 1)}) is {tests[random.Next(tests.Length)]}{Arguments(depth)}",
                3 => $"({Make(depth - 1)}).{methods[random.Next(methods.Length)]}",
                4 => $"({Make(depth - 1)})[{Make(depth - 1)}]",
                5 => $"({Make(depth - 1)})[{Make(depth - 1)}:{Make(depth - 1)}]",
                6 or 7 => $"({Make(depth - 1)}) {Symbol()} ({Make(depth - 1)})",
                _ => $"({Make(depth - 1)}){Arguments(depth)}",
            };
        }

        string Symbol() => new[] { "+", "-", "*", "/", "//", "%", "**", "~", "==", "<", ">=", "in", "not in", "and", "or" }[random.Next(15)];

        string Arguments(int depth) => random.Next(3) switch { 0 => "", 1 => $"({Make(depth - 1)})", _ => $"({Make(depth - 1)}, {Make(depth - 1)})" };
    }

    private static string Repeat(string text, int count) => string.Concat(Enumerable.Repeat(text, count));

    private const string Grow = "{% set ns = namespace(x=1, y=1) %}{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}{% set ns.y = (ns.y, ns.y) %}{% endfor %}";
    private const string Deep = "{% set ns = namespace(x=1) %}{% for i in range(50000) %}{% set ns.x = [ns.x] %}{% endfor %}";

    private static IEnumerable<TestCaseData> Hostile => new (string Name, string Template)[]
    {
        ("parentheses", "{{ " + Repeat("(", 100_000) + "1" + Repeat(")", 100_000) + " }}"), ("lists", "{{ " + Repeat("[", 100_000) + " }}"), ("signs", "{{ " + Repeat("-", 100_000) + "1 }}"), ("nots", "{{ " + Repeat("not ", 100_000) + "1 }}"),
        ("sums", "{{ 1" + Repeat("+1", 100_000) + " }}"), ("attributes", "{{ x" + Repeat(".y", 100_000) + " }}"), ("filters", "{{ x" + Repeat("|upper", 100_000) + " }}"), ("calls", "{{ x" + Repeat("()", 100_000) + " }}"),
        ("conditions", "{{ 1" + Repeat(" if 1 else 1", 100_000) + " }}"), ("ands", "{{ 1" + Repeat(" and 1", 100_000) + " }}"), ("ifs", Repeat("{% if 1 %}", 10_000)), ("elifs", "{% if 0 %}" + Repeat("{% elif 0 %}", 10_000) + "{% endif %}"),
        ("fors", Repeat("{% for x in [1] %}", 1000) + Repeat("{% endfor %}", 1000)), ("macros", Repeat("{% macro f() %}", 1000) + Repeat("{% endmacro %}", 1000)),
        ("endless loops", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"), ("endless macro", "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}"), ("endless recursive loop", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"),
        ("endless block", "{% block a %}{{ self.a() }}{% endblock %}"), ("doubling text", "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}"), ("doubling list", "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}"),
        ("deep print", Deep + "{{ ns.x }}"), ("deep json", Deep + "{{ ns.x | tojson }}"), ("deep equality", Deep + "{{ ns.x == [ns.x] }}"), ("deep pprint", Deep + "{{ ns.x | pprint }}"),
        ("shared print", Grow + "{{ ns.x }}"), ("shared equality", Grow + "{{ ns.x == ns.y }}"), ("shared order", Grow + "{{ ns.x < ns.y }}"), ("shared key", Grow + "{{ {ns.x: 1} }}"), ("shared json", Grow + "{{ ns.x | tojson }}"), ("shared pprint", Grow + "{{ ns.x | pprint }}"),
        ("itself", "{% set ns = namespace() %}{% set ns.x = [ns, ns] %}{{ ns }}"), ("chained iterators", "{% set ns = namespace(x=[1]) %}{% for i in range(50000) %}{% set ns.x = ns.x | select %}{% endfor %}{{ ns.x | list }}"),
        ("big power", "{{ 10 ** 10 ** 9 }}"), ("big product", "{% set ns = namespace(x=3) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}"), ("big division", "{% set x = 3 ** 20000 %}{% for i in range(99999) %}{% set y = x // 7 ** 11000 %}{% endfor %}"),
        ("big format", "{{ '{:1000000000}'.format(1) }}"), ("big percent", "{{ '%1000000000d' % 1 }}"), ("big star", "{{ '%*d' % (10 ** 9, 1) }}"), ("big precision", "{{ '%.999999999f' % 1 }}"), ("big center", "{{ 'a'.center(10 ** 9) }}"), ("big zfill", "{{ 'a'.zfill(10 ** 9) }}"),
        ("big tabs", "{{ '\\t'.expandtabs(10 ** 9) }}"), ("big indent", "{{ 'a\\nb' | indent(10 ** 9) }}"), ("big replace", "{{ ('a' * 99999).replace('', 'b' * 99999) }}"), ("big batch", "{{ [1] | batch(10 ** 9, 1) | list }}"), ("big slice", "{{ [1] | slice(10 ** 9) | list }}"),
        ("big join", "{{ ['a' * 99999] * 99999 | join }}"), ("wrap", "{{ ('a-' * 400000) | wordwrap(3) }}"), ("wrap words", "{{ ('a' * 400000) | wordwrap(1) }}"), ("links", "{{ ('&lt;(' * 100000) | urlize }}"), ("tags", "{{ ('<' * 900000) | striptags }}"),
        ("surrogates", "{% set s = '😀' * 99999 %}{% for i in range(99999) %}{% set y = s[-1] %}{% endfor %}"), ("sorts", "{% set l = range(99999) | list %}{% for i in l %}{% set y = l | sort %}{% endfor %}"), ("searches", "{% set l = range(99999) | list %}{% for i in l %}{% set y = -1 in l %}{% endfor %}"),
        ("lower", "{% set s = 'ab ' * 99999 %}{% for i in range(99999) %}{% set y = s is lower %}{% endfor %}"), ("json", "{% for i in range(99999) %}{% set y = messages | tojson %}{% endfor %}"), ("fields", "{{ '{0" + Repeat("[0]", 99_999) + "}'.format('a') }}"),
        ("number", "{{ " + new string('9', 100_000) + " }}"), ("message", "{{ raise_exception('a' * 900000) }}"),
    }.Select(h => new TestCaseData(h.Template).SetArgDisplayNames(h.Name));

    /// <summary>On a thread with a small stack, as servers have.</summary>
    [TestCaseSource(nameof(Hostile))]
    public void HostileTemplates(string template)
    {
        Exception? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    Survives(template);
                }
                catch (Exception e)
                {
                    failure = e;
                }
            },
            512 * 1024);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        thread.Start();
        Assert.That(thread.Join(TimeSpan.FromSeconds(120)), Is.True, "the rendering hangs");
        Assert.Multiple(() =>
        {
            Assert.That(failure, Is.Null);
            Assert.That(GC.GetTotalMemory(forceFullCollection: true) - before, Is.LessThan(64 << 20), "the memory is not given back");
        });
    }
}
