"""Golden cases for chroma: librosa.feature.chroma_stft, and the tuning it estimates."""

import librosa
import numpy as np
from cases import DEFAULTS, chirp, chord, clipped, noise, run, silence, stft_keys, tone

CHROMA = {"type": "chroma"}
# What differs from the other types; the rest is in cases.py.
OWN = {"n_fft": 2048, "win_length": 2048, "hop_length": 512, "n_chroma": 12, "tuning": None}


def chroma(config, waveform):
    """[T, n_chroma], and the tuning that was used."""
    c = {**DEFAULTS, **OWN, **config}
    keys = {key: config[key] for key in ("ctroct", "octwidth") if key in config}
    # The estimate is made here as chroma_stft makes it, so that it is kept too.
    powers = np.abs(librosa.stft(waveform, **stft_keys(c))) ** 2
    tuning = c["tuning"]
    if tuning is None:
        tuning = librosa.estimate_tuning(
            S=powers, sr=c["sample_rate"], bins_per_octave=c["n_chroma"]
        )
    notes = librosa.feature.chroma_stft(
        S=powers, sr=c["sample_rate"], n_fft=c["n_fft"], tuning=tuning,
        n_chroma=c["n_chroma"], **keys,
    )
    return {"features": notes.T, "tuning": np.array([tuning])}


run(
    "audio_chroma",
    chroma,
    {
        "chord": (CHROMA, chord(4000)),
        "chord_in_tune": ({**CHROMA, "tuning": 0.0}, chord(4000)),
        "tone_440hz": (CHROMA, tone(440, 3200)),
        "silence": (CHROMA, silence(1600)),
        "one_sample": ({**CHROMA, "tuning": 0.0}, tone(440, 2)[1:]),
        "clipped": (CHROMA, clipped(3000)),
        "chirp": ({**CHROMA, "tuning": -0.3, "n_fft": 512, "win_length": 512, "hop_length": 160}, chirp(4000)),
        "8khz_odd_length": ({**CHROMA, "sample_rate": 8000, "tuning": 0.1}, chord(2001, 8000)),
        "white_noise_48khz": ({**CHROMA, "sample_rate": 48000, "tuning": 0.0}, noise(7, 6000)),
        "24_notes": ({**CHROMA, "n_chroma": 24, "tuning": 0.4}, chord(3000)),
        "equal_octaves": ({**CHROMA, "octwidth": None, "tuning": 0.0}, chord(3000)),
        "high_octaves": ({**CHROMA, "ctroct": 7.0, "octwidth": 1.0, "tuning": 0.0}, chord(3000)),
    },
)
