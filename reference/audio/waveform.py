"""Golden cases for wav2vec 2.0's input: transformers.Wav2Vec2FeatureExtractor."""

import torch
import transformers
from cases import chirp, clipped, noise, run, silence, tone
from transformers import Wav2Vec2FeatureExtractor

WAVEFORM = {"type": "waveform"}


def waveform(config, samples):
    """`features` [t, 1]: a number a sample."""
    extractor = Wav2Vec2FeatureExtractor(do_normalize=config.get("do_normalize", True))
    features = extractor(samples, sampling_rate=16000, return_tensors="np")
    return {"features": features["input_values"][0][:, None]}


run(
    "audio_waveform",
    waveform,
    {
        "tone_440hz": (WAVEFORM, tone(440, 400) + 0.1),
        "as_it_is": ({**WAVEFORM, "do_normalize": False}, tone(440, 100)),
        "silence": (WAVEFORM, silence(50)),
        "one_sample": (WAVEFORM, tone(440, 2)[1:]),
        "clipped": (WAVEFORM, clipped(300)),
        "chirp": (WAVEFORM, chirp(500)),
        "noise": (WAVEFORM, noise(7, 1000)),
    },
    made_with=(transformers, torch),
)
