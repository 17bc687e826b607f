using System.Collections.Frozen;
using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models;

/// <summary>The one reader of rotary settings, as transformers 4 (rope_theta, rope_scaling) and 5 (rope_parameters, also by layer type) write them. Reference: modeling_rope_utils.py.</summary>
internal static class RotaryConfig
{
    // The reference reads the keys of its scheme and passes over those of the others.
    private static readonly string[] Keys = ["type", "rope_type", "rope_theta", "factor", "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor",
        "long_factor", "short_factor", "partial_rotary_factor", "truncate", "alpha"];

    private static readonly FrozenDictionary<string, Func<Scheme, Rotary>> Schemes = new Dictionary<string, Func<Scheme, Rotary>>
    {
        ["default"] = s => new Rotary.Fixed(s.Size, 1, s.Default()),
        ["linear"] = s => s.Number("factor") is var factor ? new Rotary.Fixed(s.Size, 1, [.. s.Default().Select(f => (float)(f / factor))]) : null!,
        ["dynamic"] = Dynamic,
        ["yarn"] = Yarn,
        ["longrope"] = LongRope,
        ["llama3"] = Llama3,
        ["proportional"] = Proportional,
    }.ToFrozenDictionary();

    /// <summary>The scheme of all layers.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="headSize">d.</param>
    /// <param name="maxPositions">max_position_embeddings.</param>
    /// <param name="theta">The base where none is given.</param>
    /// <param name="partial">The share of a head that is turned, where none is given.</param>
    /// <param name="aliases">Older names of schemes.</param>
    internal static Rotary Read(ConfigReader json, int headSize, int maxPositions, double theta = 10000, double partial = 1, params ReadOnlySpan<(string Old, string Name)> aliases)
    {
        var (base_, share) = (json.Double("rope_theta", theta), json.Double("partial_rotary_factor", partial));
        var settings = json.Object("rope_parameters");
        var older = json.Object("rope_scaling");
        return Make(json, settings ?? older, headSize, maxPositions, base_, share, aliases);
    }

    /// <summary>The same with keys that say nothing of angles to this type.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="headSize">d.</param>
    /// <param name="maxPositions">max_position_embeddings.</param>
    /// <param name="partial">The share of a head that is turned, where none is given.</param>
    /// <param name="others">These keys.</param>
    internal static Rotary ReadBeside(ConfigReader json, int headSize, int maxPositions, double partial, params ReadOnlySpan<string> others)
    {
        var (base_, share) = (json.Double("rope_theta", 10000), json.Double("partial_rotary_factor", partial));
        var settings = json.Object("rope_parameters");
        var older = json.Object("rope_scaling");
        settings?.Ignore(others);
        older?.Ignore(others);
        return Make(json, settings ?? older, headSize, maxPositions, base_, share, []);
    }

    /// <summary>The schemes of full and of sliding layers: in transformers 4 these are rope_theta with rope_scaling, and a base of its own without scaling.</summary>
    internal static (Rotary Full, Rotary Sliding) ReadByLayer(ConfigReader json, int headSize, int maxPositions, double theta, string slidingKey, double slidingTheta)
    {
        var (full, sliding, share) = (json.Double("rope_theta", theta), json.Double(slidingKey, slidingTheta), json.Double("partial_rotary_factor", 1));
        var settings = json.Object("rope_parameters");
        var older = json.Object("rope_scaling");
        if (settings is null || !settings.Has("full_attention")) return (Make(json, settings ?? older, headSize, maxPositions, full, share, []), Make(json, null, headSize, maxPositions, sliding, share, []));
        return (Make(json, settings.Object("full_attention"), headSize, maxPositions, full, share, []), Make(json, settings.Object("sliding_attention"), headSize, maxPositions, sliding, share, []));
    }

    /// <summary>The schemes of full and of sliding layers of types that came with transformers 5: rope_parameters has one for each.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="full">Of full layers: the size of a head, and the share of it that is turned where none is given.</param>
    /// <param name="sliding">Of sliding layers.</param>
    /// <param name="maxPositions">max_position_embeddings.</param>
    internal static (Rotary Full, Rotary Sliding) ReadLayers(ConfigReader json, (int Size, double Share) full, (int Size, double Share) sliding, int maxPositions)
    {
        var settings = json.Object("rope_parameters");
        if (settings?.Object("full_attention") is { } first && settings.Object("sliding_attention") is { } second)
            return (Make(json, first, full.Size, maxPositions, 10000, full.Share, []), Make(json, second, sliding.Size, maxPositions, 10000, sliding.Share, []));
        json.Problem("rope_parameters", "missing", "settings for full_attention and for sliding_attention");
        var none = new Rotary.Fixed(full.Size, 1, []);
        return (none, none);
    }

    /// <summary>The schemes of layers that differ in their base only; null for a base of 0.</summary>
    internal static ImmutableArray<Rotary?> ReadBases(ConfigReader json, int headSize, int maxPositions, ImmutableArray<double> bases)
    {
        var (settings, share) = (json.Object("rope_parameters"), json.Double("partial_rotary_factor", 1));
        json.Ignore("rope_theta");                                                                  // each layer has its own
        var schemes = bases.Distinct().Where(b => b != 0).ToDictionary(b => b, b => Make(json, settings, headSize, maxPositions, 10000, share, [], b));
        return [.. bases.Select(b => b == 0 ? null : schemes[b])];
    }

    /// <summary>How queries grow with their position beyond the trained context, as Llama 4's do: llama_4_scaling_beta, beside YaRN's settings.</summary>
    internal static Func<CausalInputs, Value> GrowingQueries(ConfigReader json)
    {
        var settings = Again(json, "rope_parameters");
        if (settings?.DoubleOrNull("llama_4_scaling_beta") is { } beta && settings.IntOrNull("original_max_position_embeddings") is { } original) return x => Layer.PositionScale(x, beta, original);
        json.Problem("rope_parameters.llama_4_scaling_beta", "missing", "a number, beside original_max_position_embeddings");
        return x => x.PositionIds;
    }

    /// <summary>What the latent attention of DeepSeek's types scales its scores by besides: the square of YaRN's correction, where mscale_all_dim asks for it.</summary>
    internal static double TemperatureScale(ConfigReader json)
    {
        var (settings, older) = (Again(json, "rope_parameters"), Again(json, "rope_scaling"));
        if ((settings ?? older) is not { } s || (s.String("rope_type") ?? s.String("type")) is "default") return 1;
        var scale = s.Double("mscale_all_dim", 0) is var all and not 0 ? YarnScale(s.Double("factor", 1), all) : 1;
        return scale * scale;
    }

    /// <summary>Keys that queries grow by.</summary>
    internal static readonly string[] GrowthKeys = ["llama_4_scaling_beta", "max_position_embeddings"];

    /// <summary>Settings that are read once more: what nothing knows of them is told where the scheme is made.</summary>
    private static ConfigReader? Again(ConfigReader json, string key)
    {
        var settings = json.Object(key);
        settings?.Ignore([.. settings.Element.EnumerateObject().Select(p => p.Name)]);
        return settings;
    }

    private static Rotary Make(ConfigReader json, ConfigReader? settings, int headSize, int maxPositions, double theta, double partial, ReadOnlySpan<(string Old, string Name)> aliases, double? forced = null)
    {
        settings?.Ignore(Keys);
        var name = settings?.String("rope_type") ?? settings?.String("type") ?? "default";
        foreach (var (old, today) in aliases)
            if (name == old) name = today;
        var share = settings?.Double("partial_rotary_factor", partial) ?? partial;
        var scheme = new Scheme(settings, headSize, (int)(headSize * share), share, forced ?? settings?.Double("rope_theta", theta) ?? theta, maxPositions, json.IntOrNull("original_max_position_embeddings"), IsOlder: !json.Has("rope_parameters"));
        if (Schemes.TryGetValue(name, out var make)) return make(scheme);
        settings!.Problem(settings.Has("rope_type") ? "rope_type" : "type", $"\"{name}\"", string.Join(", ", Schemes.Keys.Order(StringComparer.Ordinal)));
        return Schemes["default"](scheme);
    }

    /// <summary>Dynamic NTK scaling; with an alpha (Hunyuan), a base that is stretched once and for all.</summary>
    private static Rotary Dynamic(Scheme s)
    {
        if (s.Settings!.DoubleOrNull("alpha") is { } alpha and not 0) return new Rotary.Fixed(s.Size, 1, s.Default(s.Theta * Math.Pow(alpha, s.Size / (s.Size - 2.0))));
        return new Rotary.Dynamic(s.Size, 1, s.Theta, s.Number("factor"), s.MaxPositions);
    }

    /// <summary>YaRN (Peng et al., 2023): high frequencies stay, low ones are stretched, a ramp between.</summary>
    private static Rotary.Fixed Yarn(Scheme s)
    {
        var original = s.Settings!.IntOrNull("original_max_position_embeddings") ?? s.MaxPositions;
        var factor = s.Settings.DoubleOrNull("factor") ?? (double)s.MaxPositions / original;
        double mscale = s.Settings.Double("mscale", 0), allDim = s.Settings.Double("mscale_all_dim", 0);
        var attention = s.Settings.DoubleOrNull("attention_factor") ?? (mscale != 0 && allDim != 0 ? YarnScale(factor, mscale) / YarnScale(factor, allDim) : YarnScale(factor, 1));
        double Dimension(double rotations) => s.Size * Math.Log(original / (rotations * 2 * Math.PI)) / (2 * Math.Log(s.Theta));
        double low = Dimension(Positive("beta_fast", 32)), high = Dimension(Positive("beta_slow", 1));
        if (s.Settings.Bool("truncate", true)) (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, s.Size - 1));
        if (low == high) high += 0.001;
        return new Rotary.Fixed(s.Size, attention, [.. s.Default().Select((f, i) =>
        {
            var ramp = (float)Math.Clamp((i - low) / (high - low), 0, 1);
            return (float)(f / factor) * ramp + f * (1 - ramp);
        })]);

        double Positive(string key, double absent) => s.Settings.Double(key, absent) is var n and not 0 ? n : absent;
    }

    /// <summary>YaRN's correction of the attention's temperature.</summary>
    internal static double YarnScale(double factor, double mscale) => factor <= 1 ? 1 : 0.1 * mscale * Math.Log(factor) + 1;

    private static Rotary.LongRope LongRope(Scheme s)
    {
        // Transformers 4 has it beside rope_scaling, and does not read it there.
        var original = s.Original ?? (s.IsOlder ? null : s.Settings!.IntOrNull("original_max_position_embeddings")) ?? s.MaxPositions;
        var given = s.Settings!.DoubleOrNull("factor");
        var factor = s.Original is null && given is not null ? given.Value : (double)s.MaxPositions / original;
        var attention = s.Settings.DoubleOrNull("attention_factor") ?? (factor <= 1 ? 1 : Math.Sqrt(1 + Math.Log(factor) / Math.Log(original)));
        return new Rotary.LongRope(s.Size, attention, Divided("short_factor"), Divided("long_factor"), original);

        ImmutableArray<float> Divided(string key)
        {
            var factors = s.Settings.Doubles(key, []);
            if (factors.Length != s.Size / 2) s.Settings.Problem(key, $"{factors.Length} factors", $"{s.Size / 2}, one for each pair of components");
            return [.. s.Powers(s.Theta).Select((p, i) => 1f / ((i < factors.Length ? (float)factors[i] : 1f) * p))];
        }
    }

    /// <summary>Llama 3.1: long waves are stretched, short ones stay, a smooth passage between.</summary>
    private static Rotary.Fixed Llama3(Scheme s)
    {
        double factor = s.Number("factor"), low = s.Number("low_freq_factor"), high = s.Number("high_freq_factor"), original = s.Number("original_max_position_embeddings");
        return new Rotary.Fixed(s.Size, 1, [.. s.Default().Select(f =>
        {
            var wave = (float)(2 * Math.PI) / f;
            if (wave < original / high) return f;
            if (wave > original / low) return (float)(f / factor);
            var smooth = (float)((original / wave - low) / (high - low));
            return (1 - smooth) * f / (float)factor + smooth * f;
        })]);
    }

    /// <summary>Frequencies of the whole head, of which only the first are not zero: the halves are those of the whole head.</summary>
    private static Rotary.Fixed Proportional(Scheme s)
    {
        var turned = (int)(s.Share * s.HeadSize / 2);
        var whole = s with { Size = s.HeadSize };
        return new Rotary.Fixed(s.HeadSize, 1, [.. whole.Default().Select((f, i) => i < turned ? (float)(f / (s.Settings!.DoubleOrNull("factor") ?? 1)) : 0f)]);
    }

    /// <summary>What a scheme is computed from.</summary>
    private sealed record Scheme(ConfigReader? Settings, int HeadSize, int Size, double Share, double Theta, int MaxPositions, int? Original, bool IsOlder)
    {
        /// <summary>A number that must be there.</summary>
        internal double Number(string key)
        {
            if (Settings!.DoubleOrNull(key) is { } n) return n;
            Settings.Problem(key, "missing", "a number");
            return 1;
        }

        /// <summary>Angles a position of each pair. Rounded to float32 after each step, as the reference's are.</summary>
        internal ImmutableArray<float> Default(double? theta = null) => [.. Powers(theta ?? Theta).Select(p => 1f / p)];

        internal IEnumerable<float> Powers(double theta) => Enumerable.Range(0, Size / 2).Select(i => (float)Math.Pow((float)theta, 2f * i / Size));
    }
}
