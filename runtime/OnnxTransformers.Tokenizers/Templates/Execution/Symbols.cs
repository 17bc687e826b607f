namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>The variables of one function of a template: its top level, a macro, a block, a recursive loop. They live in one array while it runs.</summary>
internal sealed class FunctionScope(FunctionScope? parent)
{
    internal FunctionScope? Parent { get; } = parent;

    internal int Count { get; private set; }

    internal Slot Add() => new(this, Count++);
}

/// <summary>Where a variable lives.</summary>
internal sealed record Slot(FunctionScope Owner, int Index);

internal enum LoadKind { Parameter, Resolve, Alias, Undefined }

/// <summary>How a variable gets its value when its scope is entered.</summary>
internal sealed record Load(LoadKind Kind, string? Name = null, Slot? Source = null);

/// <summary>The names of one scope. Which variable a name means is decided before rendering, exactly as the reference's compiler decides it: it shows
/// where a name is set in one branch or after a use. Reference: jinja2/idtracking.py.</summary>
internal sealed class Symbols
{
    private readonly Dictionary<string, Slot> _own;
    private readonly Dictionary<string, Slot> _references;
    private readonly Dictionary<Slot, Load> _loads;
    private readonly HashSet<string> _stores;

    internal Symbols(Symbols? parent, FunctionScope function)
        : this(parent, function, new(StringComparer.Ordinal), new(StringComparer.Ordinal), [], new(StringComparer.Ordinal)) { }

    private Symbols(Symbols? parent, FunctionScope function, Dictionary<string, Slot> own, Dictionary<string, Slot> references, Dictionary<Slot, Load> loads, HashSet<string> stores) =>
        (Parent, Function, _own, _references, _loads, _stores) = (parent, function, own, references, loads, stores);

    internal Symbols? Parent { get; }

    internal FunctionScope Function { get; }

    internal IReadOnlyDictionary<Slot, Load> Loads => _loads;

    /// <summary>A copy for one branch; slots are shared, so that both branches mean the same variable.</summary>
    internal Symbols Copy() => new(Parent, Function, _own, new(_references, StringComparer.Ordinal), new(_loads), new(_stores, StringComparer.Ordinal));

    internal Slot? Find(string name) => _references.TryGetValue(name, out var slot) ? slot : Parent?.Find(name);

    private Slot Define(string name, Load load)
    {
        if (!_own.TryGetValue(name, out var slot)) _own[name] = slot = Function.Add();
        _references[name] = slot;
        _loads[slot] = load;
        return slot;
    }

    internal void Store(string name)
    {
        _stores.Add(name);
        if (_references.ContainsKey(name)) return;
        Define(name, Parent?.Find(name) is { } outer ? new Load(LoadKind.Alias, Source: outer) : new Load(LoadKind.Undefined));
    }

    internal Slot DeclareParameter(string name)
    {
        _stores.Add(name);
        return Define(name, new Load(LoadKind.Parameter));
    }

    internal void Use(string name)
    {
        if (Find(name) is null) Define(name, new Load(LoadKind.Resolve, name));
    }

    /// <summary>Joins branches: what only some of them set keeps its outer value in the others.</summary>
    internal void Join(IReadOnlyList<Symbols> branches)
    {
        var stored = branches.SelectMany(b => b._stores).Where(n => !_stores.Contains(n)).ToHashSet(StringComparer.Ordinal);
        foreach (var branch in branches)
        {
            foreach (var (name, slot) in branch._references) _references[name] = slot;
            foreach (var (slot, load) in branch._loads) _loads[slot] = load;
            _stores.UnionWith(branch._stores);
        }
        foreach (var name in stored)
            _loads[Find(name)!] = Parent?.Find(name) is { } outer ? new Load(LoadKind.Alias, Source: outer) : new Load(LoadKind.Resolve, name);
    }

    /// <summary>All names set here and around, with their variables, for scoped blocks.</summary>
    internal Dictionary<string, Slot> AllStores()
    {
        var all = new Dictionary<string, Slot>(StringComparer.Ordinal);
        for (var scope = this; scope is not null; scope = scope.Parent)
            foreach (var name in scope._stores) all.TryAdd(name, Find(name)!);
        return all;
    }
}
