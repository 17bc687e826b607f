using Microsoft.ML.OnnxRuntimeGenAI;

namespace OnnxTransformers.Generation;

/// <summary>A request that onnxruntime-genai can do.</summary>
/// <param name="Prompts">The prompts.</param>
/// <param name="Plan">The resolved configuration.</param>
internal sealed record GenAiRequest(Prompts Prompts, GenerationPlan Plan);

/// <summary>One search of onnxruntime-genai.</summary>
internal sealed class GenAiSearch : ITokenSearch
{
    private readonly GenAiRequest _request;
    private readonly GeneratorParams _options;
    private readonly Generator _generator;
    private readonly List<int>[] _ids;
    private readonly StopReason?[] _ended;
    private readonly List<TokenStep> _added = [];
    private readonly int _padding;
    private int _steps;

    internal GenAiSearch(Model model, GenAiRequest request, int padding)
    {
        (_request, _padding) = (request, padding);
        var rows = request.Prompts.Count * request.Plan.Returned;
        _ids = [.. Enumerable.Range(0, rows).Select(r => request.Prompts.Ids[r / request.Plan.Returned].ToList())];
        _ended = new StopReason?[rows];
        _options = new GeneratorParams(model);
        try
        {
            // Each drawn sequence of a prompt is a row of its own; beams return several of theirs.
            SearchOptions.Set(_options, request.Plan, IsBeam ? request.Prompts.Count : rows);
            if (!IsBeam) _options.SetSearchOption("num_return_sequences", 1);
            _generator = new Generator(model, _options);
            _generator.AppendTokens([.. (IsBeam ? request.Prompts.Ids : _ids.Select(i => i.ToArray())).SelectMany(i => i)]);
        }
        catch (Exception e)
        {
            _generator?.Dispose();
            _options.Dispose();
            if (e is OnnxRuntimeGenAIException) throw Refused(e);
            throw;
        }
    }

    private bool IsBeam => _request.Plan.Mode == SearchMode.Beam;

    public GenerationResult Result
    {
        get
        {
            if (IsBeam) Collect();
            var (prompt, width) = (_request.Prompts.Length, _ids.Max(i => i.Count));
            return new([.. _ids.Select(i => (int[])[.. i, .. Enumerable.Repeat(_request.Plan.Pad ?? _padding, width - i.Count)])], prompt, [.. _ended.Select(e => e ?? StopReason.Length)]) { NewTokens = [.. _ids.Select(i => i.Count - prompt)], Steps = _steps };
        }
    }

    public IReadOnlyList<TokenStep> Step(CancellationToken cancellation)
    {
        _added.Clear();
        cancellation.ThrowIfCancellationRequested();
        if (_generator.IsDone()) return _added;
        try
        {
            _generator.GenerateNextToken();
        }
        catch (OnnxRuntimeGenAIException e)
        {
            throw Refused(e);
        }
        _steps++;
        if (IsBeam)
        {
            // Nothing is certain yet, but there was a step.
            _added.Add(default);
            return _added;
        }
        var tokens = _generator.GetNextTokens();
        for (var row = 0; row < tokens.Length; row++)
        {
            if (_ended[row] is not null) continue;
            _ids[row].Add(tokens[row]);
            _ended[row] = _request.Plan.Eos.Contains(tokens[row]) ? StopReason.EndToken : _ids[row].Count >= _request.Plan.MaxLength ? StopReason.Length : null;
            _added.Add(new(row, tokens[row], _ended[row]));
        }
        return _added;
    }

    public void Dispose()
    {
        _generator.Dispose();
        _options.Dispose();
    }

    private static InvalidInputException Refused(Exception e) => new("generating with onnxruntime-genai", new Problem("request", e.Message.ReplaceLineEndings(" ").Trim()), e);

    private void Collect()
    {
        for (var row = 0; row < _ids.Length; row++)
        {
            var all = _generator.GetSequence((ulong)row);
            _ids[row].RemoveRange(_request.Prompts.Length, _ids[row].Count - _request.Prompts.Length);
            foreach (var id in all[_request.Prompts.Length..])
            {
                _ids[row].Add(id);
                if (!_request.Plan.Eos.Contains(id)) continue;
                _ended[row] = StopReason.EndToken;
                break;
            }
        }
    }
}
