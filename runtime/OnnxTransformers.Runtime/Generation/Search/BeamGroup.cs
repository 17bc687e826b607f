namespace OnnxTransformers.Generation;

/// <summary>Beams that compete with each other: all of a prompt, or a group of them.</summary>
/// <param name="prompt">The prompt's number.</param>
/// <param name="beams">The beams, which are all the same at first.</param>
/// <param name="ended">Takes those that end.</param>
internal sealed class BeamGroup(int prompt, Sequence[] beams, Hypotheses ended)
{
    private readonly int _first = beams[0].Number;

    internal int Prompt => prompt;

    internal Hypotheses Ended => ended;

    internal Sequence[] Running { get; private set; } = beams;

    /// <summary>The sums of the beams' log probabilities; only one counts at first.</summary>
    internal float[] Scores { get; private set; } = [0, .. Enumerable.Repeat(-1e9f, beams.Length - 1)];

    internal bool IsDone { get; set; }

    internal void Continue(Continuation[] next)
    {
        Running = [.. next.Select((c, i) =>
        {
            var beam = Running[c.Beam].Copy(_first + i);
            beam.Ids.Add(c.Token);
            return beam;
        })];
        Scores = [.. next.Select(c => c.Score)];
    }
}
