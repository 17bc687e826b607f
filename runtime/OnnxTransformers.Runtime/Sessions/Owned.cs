namespace OnnxTransformers;

/// <summary>Objects that own another one from their creation on.</summary>
internal static class Owned
{
    /// <summary>Makes the owner of something that is open. Where that fails, it is closed again.</summary>
    internal static TOwner By<T, TOwner>(T owned, Func<T, TOwner> make) where T : IDisposable
    {
        try
        {
            return make(owned);
        }
        catch
        {
            owned.Dispose();
            throw;
        }
    }
}
