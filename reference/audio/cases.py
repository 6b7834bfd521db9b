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


def log_mel(config, waveform):
    """[T, n_mels]"""
    c = {**DEFAULTS, **config}
    mel = librosa.feature.melspectrogram(
        y=waveform,
        sr=c["sample_rate"],
        n_fft=c["n_fft"],
        hop_length=c["hop_length"],
        win_length=c["win_length"],
        window=c["window"],
        center=c["center"],
        pad_mode=c["pad_mode"],
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


def run(part, compute, cases):
    """Writes golden/<part>/, or with --check compares with what is there."""
    for name, (config, waveform) in cases.items():
        folder = GOLDEN / part / name
        expected = np.ascontiguousarray(compute(config, waveform), np.float32)
        if "--check" in sys.argv:
            difference = np.abs(load_file(folder / "expected.safetensors")["features"] - expected)
            print(f"{part}/{name}: {difference.max():.2e}")
            assert difference.max() < 1e-4
            continue
        folder.mkdir(parents=True, exist_ok=True)
        case = {
            "config": config,
            "made_with": {m.__name__: m.__version__ for m in (librosa, np, scipy)},
            "script": f"reference/audio/{Path(sys.argv[0]).name}",
        }
        (folder / "case.json").write_text(json.dumps(case, indent=2) + "\n")
        save_file({"waveform": waveform}, folder / "input.safetensors")
        save_file({"features": expected}, folder / "expected.safetensors")
