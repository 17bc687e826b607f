using System.Collections.Frozen;

namespace OnnxTransformers.Graphs.Models;

/// <summary>Model types that transformers has or had (4.57 and what is known of 5), so that a refusal can tell a type that is not supported yet from one that is not the reference's.</summary>
/// <remarks>To renew it, join what <c>sorted(transformers.models.auto.configuration_auto.CONFIG_MAPPING_NAMES)</c> gives with what stands here: types that the reference dropped stay.</remarks>
internal static class ReferenceTypes
{
    private const string Names =
        """
        afmoe aimv2 aimv2_vision_model albert align altclip apertus arcee aria aria_text audio-spectrogram-transformer audio_utils audioflamingo3
        audioflamingo3_encoder autoformer axk2 aya_vision bailing_hybrid bamba bark bart beit bert bert-generation big_bird bigbird_pegasus biogpt bit
        bitnet blenderbot blenderbot-small blip blip-2 blip_2_qformer bloom blt bridgetower bros camembert canine chameleon chinese_clip
        chinese_clip_vision_model chmv2 clap clip clip_text_model clip_vision_model clipseg clvp code_llama codegen cohere cohere2 cohere2_moe
        cohere2_vision cohere_asr colmodernvbert colpali colqwen2 conditional_detr convbert convnext convnextv2 cpmant csm ctrl cvt cwm d_fine
        dab-detr dac data2vec-audio data2vec-text data2vec-vision dbrx deberta deberta-v2 decision_transformer deepseek_v2 deepseek_v3 deepseek_v32
        deepseek_v4 deepseek_vl deepseek_vl_hybrid deformable_detr deimv2 deit depth_anything depth_pro deta detr dia diffllama dinat dinov2
        dinov2_with_registers dinov3_convnext dinov3_vit distilbert doge donut-swin dots1 dpr dpt edgetam edgetam_video edgetam_vision_model
        efficientformer efficientloftr efficientnet electra embedding_gemma2 embedding_gemma2_text emu3 encodec encoder-decoder eomt eomt_dinov3 ernie
        ernie4_5 ernie4_5_moe ernie_m esm esmc eurobert evolla exaone4 exaone4_5 exaone_moe falcon falcon_h1 falcon_mamba fastspeech2_conformer
        fastspeech2_conformer_with_hifigan fine_acoustics flaubert flava flex_olmo flint florence2 fnet focalnet fsmt funnel fuyu gemma gemma2 gemma3
        gemma3_text gemma3n gemma3n_audio gemma3n_text gemma3n_vision gemma4 gemma4_text git glm glm4 glm46v glm4_moe glm4_moe_lite glm4v glm4v_moe
        glm4v_moe_text glm4v_moe_vision glm4v_text glm4v_vision glm_moe_dsa glm_ocr glmasr glpn got_ocr2 gpt-sw3 gpt2 gpt_bigcode gpt_neo gpt_neox
        gpt_neox_japanese gpt_oss gptj gptsan-japanese granite granite_speech granite_swa granitemoe granitemoehybrid granitemoeshared granitevision
        graphormer grounding-dino groupvit gte helium hgnet_v2 hiera hifigan hrm_text hubert hunyuan_v1_dense hunyuan_v1_moe hunyuan_vl hy_v3 hy_v4
        hyperclovax ibert idefics idefics2 idefics3 idefics3_vision ijepa imagegpt informer inkling_text instructblip instructblipvideo internvl
        internvl_vision jais2 jamba janus jetmoe jina_embeddings_v3 jukebox kimi_linear kosmos-2 kosmos-2.5 kyutai_speech_to_text laguna lasr_ctc
        layoutlm layoutlmv2 layoutlmv3 layoutxlm led levit lfm2 lfm2_moe lfm2_vl lfm3 lfm3_vl lightglue lighton_ocr lilt llama llama4 llama4_text
        llava llava_next llava_next_video llava_onevision longcat_flash longformer longt5 luke lw_detr lxmert m2m_100 mamba mamba2 marian markuplm
        mask2former maskformer maskformer-swin mbart mctct mega megatron-bert metaclip_2 mgp-str mimi mimo_v2_flash minicpm3 minicpmv4_6 minimax
        minimax_m2 ministral ministral3 mistral mistral3 mistral4 mixtral mlcd mllama mm-grounding-dino mobilebert mobilenet_v1 mobilenet_v2 mobilevit
        mobilevitv2 modernbert modernbert-decoder modernvbert moonshine moonshine_streaming moshi mpnet mpt mra mt5 musicgen musicgen_melody mvp
        nanochat nat nemotron nemotron_asr_streaming nemotron_h neomme nezha nllb-moe nomic_bert nougat nystromformer olmo olmo2 olmo3 olmo_hybrid
        olmoe omdet-turbo oneformer open-llama openai-clip openai-gpt openai_privacy_filter opt ovis2 owlv2 owlvit paddleocr_vl paligemma parakeet_ctc
        parakeet_encoder patchtsmixer patchtst pegasus pegasus_x perceiver perception_lm persimmon phi phi3 phi4_multimodal phimoe pix2struct pixio
        pixtral plbart poolformer pop2piano pp_doclayout_v3 pp_lcnet pp_ocrv5_server_rec prompt_depth_anything prophetnet pvt pvt_v2 qdqbert qwen2
        qwen2_5_omni qwen2_5_vl qwen2_5_vl_text qwen2_audio qwen2_audio_encoder qwen2_moe qwen2_vl qwen2_vl_text qwen3 qwen3_5 qwen3_5_moe_text
        qwen3_5_text qwen3_asr qwen3_moe qwen3_next qwen3_omni_moe qwen3_vl qwen3_vl_moe qwen3_vl_moe_text qwen3_vl_text qwen4_exp_text radio rag
        realm recurrent_gemma reformer regnet rembert resnet retribert rf_detr roberta roberta-prelayernorm roc_bert roformer rt_detr rt_detr_resnet
        rt_detr_v2 rwkv sam sam2 sam2_hiera_det_model sam2_video sam2_vision_model sam3 sam3_tracker sam3_tracker_video sam3_video sam3_vision_model
        sam3_vit_model sam_hq sam_hq_vision_model sam_vision_model seamless_m4t seamless_m4t_v2 seed_oss segformer seggpt semantic sew sew-d
        shieldgemma2 siglip siglip2 siglip2_vision_model siglip_vision_model slanext smollm3 smolvlm smolvlm_vision speech-encoder-decoder
        speech_to_text speech_to_text_2 speecht5 splinter squeezebert stablelm starcoder2 superglue superpoint swiftformer swin swin2sr swinv2
        switch_transformers t5 t5gemma t5gemma2 table-transformer tapas textnet time_series_transformer timesfm timesfm2_5 timesformer timm_backbone
        timm_wrapper tipsv2 trajectory_transformer transfo-xl trocr tvlt tvp udop ultrabert umt5 unispeech unispeech-sat univnet upernet van
        vaultgemma video_llama_3 video_llava videomae videoprism videoprism_vision_model vilt vipllava vision-encoder-decoder vision-text-dual-encoder
        visual_bert vit vit_hybrid vit_mae vit_msn vitdet vitmatte vitpose vitpose_backbone vits vivit vjepa2 voxtral voxtral_encoder voxtral_realtime
        wav2vec2 wav2vec2-bert wav2vec2-conformer wavlm whisper xclip xcodec xglm xlm xlm-prophetnet xlm-roberta xlm-roberta-xl xlnet xlstm xmod yolos
        yoso zamba zamba2 zaya zoedepth
        """;

    private static readonly FrozenSet<string> All = Names.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.Ordinal);

    /// <summary>True for a type of the reference.</summary>
    internal static bool Contains(string modelType) => All.Contains(modelType);
}
