"""What the audio golden cases share: waveforms by formula, librosa by our config's keys, files."""

import json
import sys
from pathlib import Path

import librosa
import numpy as np
import scipy
from safetensors.numpy import load_file, save_file

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
DEFAULTS = {
    "sample_rate": 16000,
    "n_fft": 512,
    "win_length": 400,
    "hop_length": 160,
    "window": "hann",
    "center": True,
    "pad_mode": "constant",
    "power": 2.0,
    "n_mels": 64,
    "fmin": 0.0,
    "fmax": None,
    "htk": False,
    "mel_norm": "slaney",
    "ref": 1.0,
    "amin": 1e-10,
    "top_db": 80.0,
    "n_mfcc": 20,
    "lifter": 0.0,
}


def tone(hz, samples, rate=16000, level=0.5):
    return (level * np.sin(2 * np.pi * hz * np.arange(samples) / rate)).astype(np.float32)


def silence(samples):
    return np.zeros(samples, np.float32)


def noise(seed, samples, level=0.1):
    return (level * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def chirp(samples, rate=16000):
    """Rises from 100 Hz to 7 kHz while it fades from 0.8 to 0.0008."""
    phase = np.linspace(0, 1, samples)
    hz = 100 * 70**phase
    return (0.8 * 0.001**phase * np.sin(2 * np.pi * np.cumsum(hz) / rate)).astype(np.float32)


def clipped(samples):
    """A tone four times too loud, cut off at full scale."""
    return np.clip(tone(300, samples, level=4.0), -1, 1)


def chord(samples, rate=16000):
    """A, C sharp and E, a quarter of a semitone too high, over a little noise."""
    up = 2 ** (0.25 / 12)
    notes = sum(tone(hz * up, samples, rate, 0.2) for hz in (440.0, 554.37, 659.26))
    return (notes + noise(11, samples, 1e-3)).astype(np.float32)


def stft_keys(config):
    """librosa's arguments for a spectrogram of samples."""
    keys = ("n_fft", "win_length", "hop_length", "window", "center", "pad_mode")
    return {key: config[key] for key in keys}


def log_mel(config, waveform):
    """[T, n_mels]"""
    c = {**DEFAULTS, **config}
    mel = librosa.feature.melspectrogram(
        y=waveform,
        sr=c["sample_rate"],
        **stft_keys(c),
        power=c["power"],
        n_mels=c["n_mels"],
        fmin=c["fmin"],
        fmax=c["fmax"],
        htk=c["htk"],
        norm=c["mel_norm"],
    )
    ref = np.max if c["ref"] == "max" else c["ref"]
    return librosa.power_to_db(mel, ref=ref, amin=c["amin"], top_db=c["top_db"]).T


def mfcc(config, waveform):
    """[T, n_mfcc]"""
    c = {**DEFAULTS, **config}
    decibels = log_mel(config, waveform).T
    return librosa.feature.mfcc(
        S=decibels, n_mfcc=c["n_mfcc"], dct_type=2, norm="ortho", lifter=c["lifter"]
    ).T


def run(part, compute, cases, made_with=(), tolerance=1e-4):
    """Writes golden/<part>/, or with --check compares with what is there.

    `compute` makes an array, or a dict of arrays, from the config and the waveform of a case.
    """
    for name, (config, waveform) in cases.items():
        folder = GOLDEN / part / name
        expected = compute(config, waveform)
        if not isinstance(expected, dict):
            expected = {"features": expected}
        expected = {key: np.ascontiguousarray(e, np.float32) for key, e in expected.items()}
        if "--check" in sys.argv:
            kept = load_file(folder / "expected.safetensors")
            difference = max(np.abs(kept[key] - e).max() for key, e in expected.items())
            print(f"{part}/{name}: {difference:.2e}")
            assert difference < tolerance
            continue
        folder.mkdir(parents=True, exist_ok=True)
        modules = (*made_with, np) if made_with else (librosa, np, scipy)
        case = {
            "config": config,
            "made_with": {m.__name__: m.__version__ for m in modules},
            "script": f"reference/audio/{Path(sys.argv[0]).name}",
        }
        (folder / "case.json").write_text(json.dumps(case, indent=2) + "\n")
        save_file({"waveform": waveform}, folder / "input.safetensors")
        save_file(expected, folder / "expected.safetensors")
