"""Golden cases for audio encoders: transformers' Whisper encoder, wav2vec 2.0 and AST.

Run `python reference/encoder/audio.py [CASE…]` with the versions of `reference/requirements.lock`.
YAMNet has a script of its own.
"""

import math

import torch
import transformers
from hugging_face import build, config_json, published_before, published_names
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    ASTConfig,
    ASTForAudioClassification,
    ASTModel,
    Wav2Vec2Config,
    Wav2Vec2ForCTC,
    Wav2Vec2Model,
    WhisperConfig,
    WhisperForConditionalGeneration,
    WhisperModel,
)
from weights import is_real, masked_mean, write

SIZE = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}


def audio(name, type, model_class, config, forward, shape, **options):
    write(
        name,
        build(model_class, config),
        forward,
        reads="sequence",
        type=type,
        scheme="transformers",
        shape=shape,
        config=config_json(model_class, config),
        made_with=(transformers,),
        **{"published_names": published_names, **options},
    )


def of_whisper(model, frames, _):
    """The encoder's states after its last norm; the mel bands are channels there."""
    tokens = model.get_encoder()(frames.transpose(1, 2)).last_hidden_state
    return {"tokens": tokens, "pooled": tokens.mean(1)}


def of_wav2vec2(model, samples, real):
    """Frames of padded rows, told apart by the attention mask."""
    model = model.base_model
    tokens = model(samples[..., 0], attention_mask=real).last_hidden_state
    lengths = model._get_feat_extract_output_lengths(real.sum(1)).tolist()
    frames = is_real(lengths, tokens.shape[1])
    return {"tokens": tokens * frames[..., None], "pooled": masked_mean(tokens, frames)}


def of_wav2vec2_alone(model, samples, real):
    """Frames of one row at a time: the original takes no mask, and its first norm is over time."""
    rows = [row[:length] for row, length in zip(samples[..., 0], real.sum(1))]
    states = [model(row[None]).last_hidden_state[0] for row in rows]
    pooled = torch.stack([state.mean(0) for state in states])
    return {"tokens": pad_sequence(states, batch_first=True), "pooled": pooled}


def of_ast(model, frames, _):
    output = model.base_model(frames)
    answer = {"tokens": output.last_hidden_state, "pooled": output.pooler_output}
    return answer if model.base_model is model else {**answer, "logits": model(frames).logits}


WHISPER = WhisperConfig(
    d_model=32,
    encoder_layers=3,
    encoder_attention_heads=4,
    encoder_ffn_dim=64,
    decoder_layers=1,
    decoder_attention_heads=4,
    decoder_ffn_dim=64,
    max_source_positions=20,
    max_target_positions=8,
    vocab_size=12,
    pad_token_id=1,
)
MEL = [2, 40, 80]
audio("whisper", "whisper", WhisperModel, WHISPER, of_whisper, MEL)
# As published: names begin with `model.`.
audio("whisper_speech", "whisper", WhisperForConditionalGeneration, WHISPER, of_whisper, MEL)

SOUND = {"shape": [2, 2000, 1], "lengths": [2000, 1300]}
WAV2VEC2 = {
    **SIZE,
    "vocab_size": 12,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
audio(
    "wav2vec2_base",
    "wav2vec2",
    Wav2Vec2Model,
    Wav2Vec2Config(**WAV2VEC2),
    of_wav2vec2_alone,
    **SOUND,
    # Six convolutions with no norm between them.
    gain=math.sqrt(2),
    note="each row alone: the original takes no mask, and its first norm is over time",
)
LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
LARGE = Wav2Vec2Config(**WAV2VEC2, **LARGE)
audio("wav2vec2_large", "wav2vec2", Wav2Vec2Model, LARGE, of_wav2vec2, **SOUND)
# As the first checkpoints are: names begin with `wav2vec2.`, the weight norm has torch's older
# names, and a head is in the file that is not read.
OLDER = published_before(
    ("parametrizations.weight.original0", "weight_g"),
    ("parametrizations.weight.original1", "weight_v"),
)
audio(
    "wav2vec2_large_ctc",
    "wav2vec2",
    Wav2Vec2ForCTC,
    LARGE,
    of_wav2vec2,
    published_names=OLDER,
    **SOUND,
)

AST = ASTConfig(**SIZE, max_length=48, num_mel_bins=32, num_labels=10)
FRAMES = [2, 48, 32]
TYPE = "audio-spectrogram-transformer"
audio("ast", TYPE, ASTModel, AST, of_ast, FRAMES)
audio("ast_classifier", TYPE, ASTForAudioClassification, AST, of_ast, FRAMES)
