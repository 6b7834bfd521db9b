"""Golden cases for spectral shape: librosa's functions, side by side as `type: spectral` has them."""

import librosa
import numpy as np
from cases import DEFAULTS, chirp, clipped, noise, run, silence, stft_keys, tone

SPECTRAL = {"type": "spectral"}
OWN = {"roll_percent": 0.85, "n_bands": 6, "fmin": 200.0, "quantile": 0.02}


def spectral(config, waveform):
    """Each [T], but for `contrast`, [T, n_bands + 1]."""
    c = {**DEFAULTS, **OWN, **config}
    rate = c["sample_rate"]
    spectrum = stft_keys(c)
    frames = {"frame_length": c["n_fft"], "hop_length": c["hop_length"], "center": c["center"]}
    feature = librosa.feature
    return {
        "centroid": feature.spectral_centroid(y=waveform, sr=rate, **spectrum)[0],
        "bandwidth": feature.spectral_bandwidth(y=waveform, sr=rate, **spectrum)[0],
        "rolloff": feature.spectral_rolloff(
            y=waveform, sr=rate, roll_percent=c["roll_percent"], **spectrum
        )[0],
        "flatness": feature.spectral_flatness(y=waveform, **spectrum)[0],
        "contrast": feature.spectral_contrast(
            y=waveform, sr=rate, fmin=c["fmin"], n_bands=c["n_bands"], quantile=c["quantile"],
            **spectrum,
        ).T,
        "zero_crossing_rate": feature.zero_crossing_rate(waveform, **frames)[0],
        "rms": feature.rms(y=waveform, **frames)[0],
    }


run(
    "audio_spectral",
    spectral,
    {
        "noise_over_tone": (SPECTRAL, tone(440, 3200) + noise(5, 3200, 0.01)),
        "silence": (SPECTRAL, silence(1600)),
        "one_sample": (SPECTRAL, tone(440, 2)[1:]),
        "clipped": (SPECTRAL, clipped(1601) + noise(6, 1601, 1e-3)),
        "chirp": (SPECTRAL, chirp(4000) + noise(8, 4000, 1e-4)),
        "8khz": ({**SPECTRAL, "sample_rate": 8000, "n_bands": 5}, noise(9, 1601)),
        "white_noise_48khz": (
            {**SPECTRAL, "sample_rate": 48000, "n_fft": 2048, "win_length": 1200,
             "hop_length": 480},
            noise(7, 4800),
        ),
        "not_centred": ({**SPECTRAL, "center": False}, noise(10, 1700)),
        "odd_lengths": (
            {**SPECTRAL, "n_fft": 401, "win_length": 301, "hop_length": 77, "window": "hamming"},
            noise(12, 1601),
        ),
        "other_shares": (
            {**SPECTRAL, "roll_percent": 0.3, "fmin": 100.0, "n_bands": 4, "quantile": 0.2},
            noise(13, 1600),
        ),
    },
)
