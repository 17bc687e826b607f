namespace OnnxTransformers.Tokenizers.Templates;

/// <summary>Walks a scope's nodes and tells its <see cref="Symbols"/> what is used and set, without entering inner scopes.</summary>
internal static class NameFinder
{
    internal static void Visit(IEnumerable<Node?> nodes, Symbols symbols)
    {
        foreach (var node in nodes) Visit(node, symbols);
    }

    internal static void Visit(Node? node, Symbols symbols, bool asParameter = false)
    {
        StackGuard.Check();
        switch (node)
        {
            case null or Block or Generation:
                break;
            case Name name when asParameter || name.Use == NameUse.Parameter:
                symbols.DeclareParameter(name.Text);
                break;
            case Name { Use: NameUse.Store } name:
                symbols.Store(name.Text);
                break;
            case Name name:
                symbols.Use(name.Text);
                break;
            case NamespaceTarget target:
                symbols.Use(target.Namespace);
                break;
            case If choice:
                Visit(choice.Test, symbols);
                var branches = new[] { choice.Body, choice.ElseIf, choice.Else }.Select(_ => symbols.Copy()).ToArray();
                Visit(choice.Body, branches[0]);
                Visit(choice.ElseIf, branches[1]);
                Visit(choice.Else, branches[2]);
                symbols.Join(branches);
                break;
            case Macro macro:
                symbols.Store(macro.Name);
                break;
            case Set set:
                Visit(set.Value, symbols);
                Visit(set.Target, symbols);
                break;
            case For loop:
                Visit(loop.Iterable, symbols);
                break;
            case CallBlock call:
                Visit(call.Call, symbols);
                break;
            case FilterBlock filter:
                Visit(filter.Filter, symbols);
                break;
            case With with:
                Visit(with.Values, symbols);
                break;
            case SetBlock set:
                Visit(set.Target, symbols);
                break;
            default:
                foreach (var child in node.Children) Visit(child, symbols, asParameter);
                break;
        }
    }

    /// <summary>Those of the names that are used before anything in these nodes sets them; inner scopes count.</summary>
    internal static HashSet<string> Undeclared(IEnumerable<Node?> nodes, params string[] names)
    {
        var (sought, found) = (new HashSet<string>(names, StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        foreach (var node in nodes) Walk(node);
        return found;

        void Walk(Node? node)
        {
            StackGuard.Check();
            if (node is null or Block) return;
            if (node is Name name)
            {
                if (name.Use == NameUse.Load && sought.Contains(name.Text)) found.Add(name.Text);
                else sought.Remove(name.Text);
            }
            foreach (var child in node.Children) Walk(child);
        }
    }

    internal static IEnumerable<T> All<T>(IEnumerable<Node?> nodes) where T : Node
    {
        foreach (var node in nodes)
        {
            if (node is null) continue;
            StackGuard.Check();
            if (node is T match) yield return match;
            foreach (var inner in All<T>(node.Children)) yield return inner;
        }
    }
}
