namespace OnnxTransformers.Generation;

/// <summary>The generator MT19937 (Matsumoto and Nishimura, 1998) as torch seeds and uses it on the processor: marks depend on its very draws.</summary>
internal sealed class MersenneTwister
{
    private const int Size = 624, Shift = 397;
    private readonly uint[] _state = new uint[Size];
    private int _at;

    internal MersenneTwister(ulong seed) => Seed(seed);

    /// <summary>Begins anew; only the low 32 bits count.</summary>
    internal void Seed(ulong seed)
    {
        _state[0] = (uint)seed;
        for (var i = 1; i < Size; i++) _state[i] = (1812433253u * (_state[i - 1] ^ (_state[i - 1] >> 30))) + (uint)i;
        _at = Size;
    }

    internal uint Next()
    {
        if (_at == Size) Twist();
        var y = _state[_at++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680;
        y ^= (y << 15) & 0xefc60000;
        return y ^ (y >> 18);
    }

    /// <summary>Makes <paramref name="target"/> a permutation of the numbers from 0; with <paramref name="first"/> only its beginning is right.</summary>
    internal void Permute(Span<int> target, int first)
    {
        for (var i = 0; i < target.Length; i++) target[i] = i;
        for (var i = 0; i < Math.Min(first, target.Length - 1); i++)
        {
            var j = i + (int)(Next() % (uint)(target.Length - i));
            (target[i], target[j]) = (target[j], target[i]);
        }
    }

    private void Twist()
    {
        for (var i = 0; i < Size; i++)
        {
            var y = (_state[i] & 0x80000000) | (_state[(i + 1) % Size] & 0x7fffffff);
            _state[i] = _state[(i + Shift) % Size] ^ (y >> 1) ^ ((y & 1) == 0 ? 0 : 0x9908b0dfu);
        }
        _at = 0;
    }
}
