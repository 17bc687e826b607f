using OnnxTransformers.Graphs.Layers;

namespace OnnxTransformers.Graphs.Models.Multimodal;

/// <summary>CLIP's text tower: words and learned positions, blocks in which a token sees those before it, and the vector of the token that ends the text.</summary>
internal sealed class ClipTextTower(ClipTextTower.Config c, Module m)
{
    internal sealed record Config(int VocabSize, int MaxPositions, int Layers, ClipBlock Block, int? End)
    {
        /// <summary>Reads it.</summary>
        /// <param name="json">The tower's own configuration.</param>
        /// <param name="largestFor">The eos_token_id of configurations from before it was looked at, which means the largest id of a text; null where there are none such.</param>
        /// <param name="end">The eos_token_id where none is given.</param>
        internal static Config Read(ConfigReader json, int? largestFor = 2, int end = 49407)
        {
            var eos = json.Int("eos_token_id", end);
            return new(json.Count("vocab_size", 49408), json.Count("max_position_embeddings", 77), json.Count("num_hidden_layers", 12), json.ClipBlock(512, 8, 2048), eos == largestFor ? null : eos);
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
    internal sealed record Config(int Image, int Patch, int Channels, int Layers, ClipBlock Block)
    {
        /// <summary>Reads it; parameters are the type's own defaults for keys that are absent.</summary>
        internal static Config Read(ConfigReader json, int patch = 32) => new(json.Count("image_size", 224), json.Count("patch_size", patch), json.Count("num_channels", 3), json.Count("num_hidden_layers", 12), json.ClipBlock(768, 12, 3072));

        /// <summary>Patches along a side of an image of the trained size.</summary>
        internal int Grid => Image / Patch;
    }

    /// <summary>Declares the inputs. -> [B, 1 + N, D].</summary>
    internal Value Encode() => Encode(PixelValues(m.Graph, c.Channels, (c.Image, c.Image)), (_, _) => { });

    /// <summary>The same for images that are declared.</summary>
    /// <param name="pixels">[B, C, height, width].</param>
    /// <param name="seen">Is told the hidden states behind each block, by its number.</param>
    internal Value Encode(Value pixels, Action<int, Value> seen)
    {
        var h = ClipPatches(m["embeddings"], pixels, c.Block.HiddenSize, c.Patch, c.Grid, classToken: true, bias: false);
        h = LayerNorm(m["pre_layrnorm"], h, c.Block.Epsilon);
        return m["encoder.layers"].Fold(c.Layers, h, (layer, i, y) =>
        {
            var next = ClipLayer(layer, y, c.Block);
            seen(i, next);
            return next;
        });
    }

    /// <summary>The vector of an image. [B, 1 + N, D] -> [B, D].</summary>
    internal Value Pool(Value h) => LayerNorm(m["post_layernorm"], FirstToken(h), c.Block.Epsilon);
}
