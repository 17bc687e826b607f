using System.Globalization;
using OnnxTransformers.Graphs.Layers;
using OnnxTransformers.Graphs.Operators;

namespace OnnxTransformers.Graphs.Models.Vision.Timm;

/// <summary>timm's vision transformer, DeiT and DINOv2: patch_embed, blocks with queries, keys and values in one matrix, norm, head. Reference: timm, models/vision_transformer.py.</summary>
internal sealed class TimmVit(TimmVit.Config c, Module m)
{
    internal sealed record Config(PixelSize Image, PixelSize Patch, int Channels, int Width, int Layers, int Heads, int Inner, bool QkvBias, bool ClassToken, int Registers, bool BareSpecial, bool Scaled, bool PreNorm, bool FinalNorm, bool NormPooled, string Pooling)
    {
        internal PixelSize Grid => Image.Over(Patch);

        internal int Special => (ClassToken ? 1 : 0) + Registers;
    }

    private const float Epsilon = 1e-6f;

    private static readonly (string Name, int Width, int Layers, int Heads)[] Sizes = [("tiny", 192, 12, 3), ("small", 384, 12, 6), ("base", 768, 12, 12), ("large", 1024, 24, 16)];

    internal static TimmNetwork? Find(string architecture, ConfigReader json)
    {
        // vit_base_patch16_224, deit_small_patch16_384, vit_large_patch14_dinov2, vit_large_patch14_reg4_dinov2
        if (architecture.Split('_') is not [("vit" or "deit") and var kind, var size, ['p', 'a', 't', 'c', 'h', .. var patchText], .. var rest]) return null;
        var row = Array.Find(Sizes, s => s.Name == size);
        if (row.Name is null || !int.TryParse(patchText, NumberStyles.None, CultureInfo.InvariantCulture, out var patch)) return null;
        var (image, dino, registers) = rest switch
        {
            ["dinov2"] => (518, true, 0),
            ["reg4", "dinov2"] => (518, true, 4),
            [var text] when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) => (n, false, 0),
            _ => (0, false, 0),
        };
        if (image == 0 || (kind == "deit" && (patch != 16 || dino))) return null;
        json.Ignore("dynamic_img_size", "dynamic_img_pad", "drop_rate", "pos_drop_rate", "patch_drop_rate", "proj_drop_rate", "attn_drop_rate", "drop_path_rate", "weight_init", "fix_init");
        json.MustBe("qk_norm", false, "norms of queries and keys are not supported yet");
        var width = json.Count("embed_dim", row.Width);
        var pooling = json.OneOf("global_pool", "token", ("token", "token"), ("avg", "avg"), ("max", "max"), ("avgmax", "avgmax"));
        var normPooled = json.Bool("fc_norm", pooling != "token");
        var c = new Config(json.PixelSize("img_size", image), json.PixelSize("patch_size", patch), json.Count("in_chans", 3), width, json.Count("depth", row.Layers), json.Heads("num_heads", row.Heads, width), (int)(width * json.Double("mlp_ratio", 4)),
            json.Bool("qkv_bias", true), json.Bool("class_token", true), json.Count("reg_tokens", registers, least: 0), json.Bool("no_embed_class", registers > 0), json.DoubleOrNull("init_values") is not null || dino, json.Bool("pre_norm", false),
            json.Bool("final_norm", true), normPooled, pooling);
        return new(c.Image, "head", (at, pixels) => new TimmVit(c, at).Encode(pixels), (at, h) => new TimmVit(c, at).Pooled(h)) { HeadModules = c.FinalNorm && c.NormPooled ? ["fc_norm"] : [] };
    }

    /// <summary>[B, C, height, width] -> [B, special + N, D].</summary>
    private Value Embed(Value pixels)
    {
        var map = Patches(m["patch_embed.proj"], pixels, c.Width, c.Patch.Height, c.Patch.Width, bias: !c.PreNorm);
        var (size, h) = (GridSize.Of(map), Tokens(map));
        var (own, cells) = (c.BareSpecial ? 0 : c.Special, c.Grid.Cells);
        var table = m.Weight("pos_embed", 1, own + cells, c.Width);
        h += InterpolatePositions(table.Slice(1, own, cells), c.Grid.Height, c.Grid.Width, size, antialias: true);
        if (c.Special == 0) return h;
        Value? first = c.ClassToken ? (Value)m.Weight("cls_token", 1, 1, c.Width) : null, registers = c.Registers > 0 ? (Value)m.Weight("reg_token", 1, c.Registers, c.Width) : null;
        var special = first is null ? registers! : registers is null ? first : Op.Concat(1, first, registers);
        if (own > 0) special += table.Slice(1, 0, own);
        return Op.Concat(1, ForEachRow(special, h), h);
    }

    private Value Scaled(Module at, Value x) => c.Scaled ? x * at.Weight("gamma", c.Width) : x;

    private Value Block(Module at, Value h)
    {
        var a = at["attn"];
        var qkv = Split(Linear(a["qkv"], LayerNorm(at["norm1"], h, Epsilon), 3 * c.Width, c.QkvBias), c.Width, c.Width, c.Width);
        h += Scaled(at["ls1"], Linear(a["proj"], Attend(a, qkv[0], qkv[1], qkv[2], c.Heads, mask: null), c.Width));
        return h + Scaled(at["ls2"], Linear(at["mlp.fc2"], Linear(at["mlp.fc1"], LayerNorm(at["norm2"], h, Epsilon), c.Inner, Activation.Named("gelu")), c.Width));
    }

    private Value Encode(Value pixels)
    {
        var h = Embed(pixels);
        if (c.PreNorm) h = LayerNorm(m["norm_pre"], h, Epsilon);
        h = m["blocks"].Fold(c.Layers, h, Block);
        return c.FinalNorm && !c.NormPooled ? LayerNorm(m["norm"], h, Epsilon) : h;
    }

    private Value Pooled(Value h)
    {
        var cells = c.Special == 0 ? h : Op.Slice(h, 1, c.Special, int.MaxValue);
        Value Mean() => Op.ReduceMean(cells, 1, keep: false);
        Value Largest() => Op.ReduceMax(cells, 1, keep: false);
        var pooled = c.Pooling switch { "token" => Op.Select(h, 1, 0), "avg" => Mean(), "max" => Largest(), _ => (Largest() + Mean()) * 0.5 };
        return c.FinalNorm && c.NormPooled ? LayerNorm(m["fc_norm"], pooled, Epsilon) : pooled;
    }
}
