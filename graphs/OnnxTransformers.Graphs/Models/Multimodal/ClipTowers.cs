using System.Collections.Immutable;
using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>CLIP's text tower: words and learned positions, blocks in which a token sees those before it, and the vector of the token that ends the text.</summary>
internal sealed class ClipTextTower(ClipTextTower.Config c, Module m)
{
    internal sealed record Config(int VocabSize, int MaxPositions, int Layers, ClipBlock Block, int? End)
    {
        /// <summary>Reads it.</summary>
        /// <remarks>An eos_token_id of 2 is from before it was looked at: the largest id of a text ends it.</remarks>
        /// <param name="json">The tower's own configuration; the others are the type's own defaults for keys that are absent.</param>
        /// <param name="hidden">D.</param>
        /// <param name="heads">H.</param>
        /// <param name="intermediate">Width of the feed-forward part.</param>
        /// <param name="positions">Tokens of a text.</param>
        /// <param name="largest">Whether the largest id ends a text whatever eos_token_id is.</param>
        internal static Config Read(ConfigReader json, int hidden = 512, int heads = 8, int intermediate = 2048, int positions = 77, bool largest = false)
        {
            var end = json.Int("eos_token_id", 49407);
            return new(json.Count("vocab_size", 49408), json.Count("max_position_embeddings", positions), json.Count("num_hidden_layers", 12), json.ClipBlock(hidden, heads, intermediate), largest || end == 2 ? null : end);
        }
    }

    /// <summary>Declares the inputs. -> hidden states [B, S, D] and the text's vector [B, D].</summary>
    internal (Value Hidden, Value Pooled) Encode() => Encode(TextInputs.Declare(m.Graph, tokenTypes: false));

    /// <summary>The same for inputs that are declared.</summary>
    internal (Value Hidden, Value Pooled) Encode(TextInputs x)
    {
        m.Graph.EndOfText = c.End ?? c.VocabSize - 1;
        var h = ClipWords(m["embeddings"], x, c.VocabSize, c.MaxPositions, c.Block.HiddenSize);
        h = m["encoder.layers"].Fold(c.Layers, h, (layer, y) => ClipLayer(layer, y, c.Block, x.Mask, x.Causal));
        h = LayerNorm(m["final_layer_norm"], h, c.Block.Epsilon);
        return (h, TokenAt(h, EndOfText(m["end_of_text"], x.InputIds, c.End)));
    }
}

/// <summary>CLIP's image tower: patches behind a class token, learned positions, a norm in front of the blocks, and the class token's vector.</summary>
internal sealed class ClipImageTower(ClipImageTower.Config c, Module m)
{
    internal sealed record Config(int Image, int Patch, int Channels, int Layers, ClipBlock Block, string FirstNorm)
    {
        /// <summary>Reads it; parameters are the type's own defaults for keys that are absent.</summary>
        internal static Config Read(ConfigReader json, int image = 224, int patch = 32, string firstNorm = "pre_layrnorm") =>
            new(json.Count("image_size", image), json.Count("patch_size", patch), json.Count("num_channels", 3), json.Count("num_hidden_layers", 12), json.ClipBlock(768, 12, 3072), firstNorm);

        /// <summary>Patches along a side of an image of the trained size.</summary>
        internal int Grid => Image / Patch;
    }

    /// <summary>Declares the inputs. -> [B, 1 + N, D].</summary>
    internal Value Encode() => Encode(Pixels(), out _)[^1];

    /// <summary>Declares images.</summary>
    internal Value Pixels() => PixelValues(m.Graph, c.Channels, (c.Image, c.Image));

    /// <summary>Hidden states in front of the blocks and behind each. [B, C, height, width] -> [B, 1 + N, D] each.</summary>
    /// <param name="pixels">The images.</param>
    /// <param name="grid">How many patches there are.</param>
    internal ImmutableArray<Value> Encode(Value pixels, out GridSize grid)
    {
        var h = ClipPatches(m["embeddings"], pixels, c.Block.HiddenSize, c.Patch, c.Grid, classToken: true, bias: false, out grid);
        var states = ImmutableArray.CreateBuilder<Value>(c.Layers + 1);
        states.Add(LayerNorm(m[c.FirstNorm], h, c.Block.Epsilon));
        m["encoder.layers"].Fold(c.Layers, states[0], (layer, y) =>
        {
            states.Add(ClipLayer(layer, y, c.Block));
            return states[^1];
        });
        return states.MoveToImmutable();
    }

    /// <summary>The vector of an image. [B, 1 + N, D] -> [B, D].</summary>
    internal Value Pool(Value h) => LayerNorm(m["post_layernorm"], FirstToken(h), c.Block.Epsilon);
}
