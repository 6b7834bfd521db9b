"""Golden cases for Whisper's input: transformers.WhisperFeatureExtractor.

The 3 000 frames of 30 seconds are too many to keep. Kept are those at the start, up to two after
the sound, and the last one, which all in between are equal to; that is checked here.
"""

import numpy as np
import torch
import transformers
from cases import chirp, clipped, noise, run, silence, tone
from transformers import WhisperFeatureExtractor

WHISPER = {"type": "whisper"}


def whisper(config, waveform):
    """`features` [t, n_mels] of the first frames and `rest` [1, n_mels] of every other one."""
    extractor = WhisperFeatureExtractor(feature_size=config.get("n_mels", 80))
    features = extractor(waveform, sampling_rate=16000, return_tensors="np")
    features = features["input_features"][0].T
    heard = -(-(len(waveform) + 200) // 160) + 2
    assert len(features) == 3000 and (features[heard:] == features[-1]).all()
    return {"features": features[:heard], "rest": features[-1:]}


run(
    "audio_whisper",
    whisper,
    {
        "tone_440hz": (WHISPER, tone(440, 3200)),
        "silence": (WHISPER, silence(1600)),
        "one_sample": (WHISPER, tone(440, 2)[1:]),
        "shorter_than_half_a_window": (WHISPER, chirp(100)),
        "clipped": (WHISPER, clipped(1601)),
        "chirp": (WHISPER, chirp(4000)),
        "noise_128_bands": ({**WHISPER, "n_mels": 128}, noise(7, 3201)),
    },
    made_with=(transformers, torch),
)
