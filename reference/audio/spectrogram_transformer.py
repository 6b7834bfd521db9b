"""Golden cases for the Audio Spectrogram Transformer's input: transformers.ASTFeatureExtractor.

Frames after the sound are all alike, and only the first of them is kept; that is checked here.
"""

import torch
import torchaudio
import transformers
from cases import chirp, clipped, noise, run, silence, tone
from transformers import ASTFeatureExtractor

AST = {"type": "ast"}


def spectrogram(config, waveform):
    """`features` [t, 128] of the first frames and `rest` [1, 128] of every other one."""
    keys = {key: value for key, value in config.items() if key != "type"}
    extractor = ASTFeatureExtractor(**keys)
    features = extractor(waveform, sampling_rate=16000, return_tensors="np")["input_values"][0]
    heard = min(1 + (len(waveform) - 400) // 160 + 1, len(features))
    assert (features[heard:] == features[-1]).all()
    return {"features": features[:heard], "rest": features[-1:]}


run(
    "audio_ast",
    spectrogram,
    {
        "tone_440hz": (AST, tone(440, 3200)),
        "silence": (AST, silence(1600)),
        "one_frame": (AST, chirp(400)),
        "clipped": (AST, clipped(1601)),
        "chirp": (AST, chirp(4000)),
        "cut_to_five_frames": ({**AST, "max_length": 5}, noise(7, 3201)),
        "of_speech_commands": (
            {**AST, "max_length": 16, "mean": -6.845978, "std": 5.5654526},
            noise(7, 1600),
        ),
    },
    made_with=(transformers, torchaudio, torch),
)
