"""Golden cases for YAMNet's input.

No package of YAMNet is at hand, so this is written with numpy, in f64, straight from its published
definition: research/audioset/yamnet/features.py and params.py of TensorFlow's models, and, for the
functions that they call, the documentation of tf.signal.stft and linear_to_mel_weight_matrix.
"""

import numpy as np
from cases import chirp, clipped, noise, run, silence, tone

RATE, WINDOW, HOP, N_FFT = 16000, 400, 160, 512
PATCH, PATCH_HOP = 96, 48


def mel(hz):
    return 1127.0 * np.log(1.0 + hz / 700.0)


def mel_weights():
    """[257, 64]: triangles over mel, none of which sees bin 0."""
    edges = np.linspace(mel(125.0), mel(7500.0), 66)
    bins = mel(np.linspace(0.0, RATE / 2, N_FFT // 2 + 1)[1:])[:, None]
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    return np.pad(np.maximum(0.0, np.minimum(rising, falling)), ((1, 0), (0, 0)))


def padded(waveform):
    """Zeros up to one patch, and from there to a whole number of hops between patches."""
    first = int((0.96 + 0.025 - 0.010) * RATE)
    after = max(0, len(waveform) - first)
    hop = int(0.48 * RATE)
    return np.pad(waveform, (0, first + hop * -(-after // hop) - len(waveform)))


def yamnet(config, waveform):
    """[T, 64] of whole patches; frames after the sound are all alike, and few of them are kept."""
    samples = padded(waveform).astype(np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    magnitudes = np.abs(np.fft.rfft(frames * hann, N_FFT))
    features = np.log(magnitudes @ mel_weights() + config.get("log_offset", 0.001))
    assert len(features) >= PATCH and (len(features) - PATCH) % PATCH_HOP == 0
    heard = min(-(-len(waveform) // HOP) + 1, len(features))
    assert (features[heard:] == features[-1]).all()
    return {
        "features": features[:heard],
        "rest": features[-1:],
        "num_frames": np.array([len(features)]),
    }


YAMNET = {"type": "yamnet"}

run(
    "audio_yamnet",
    yamnet,
    {
        "tone_440hz": (YAMNET, tone(440, 3200)),
        "silence": (YAMNET, silence(1600)),
        "one_sample": (YAMNET, tone(440, 2)[1:]),
        "clipped": (YAMNET, clipped(1601)),
        "chirp": (YAMNET, chirp(4000)),
        "as_exported_to_onnx": ({**YAMNET, "log_offset": 1e-6}, chirp(4000)),
        "one_patch": (YAMNET, noise(7, 15600)),
        "two_patches": (YAMNET, noise(7, 15601)),
    },
    made_with=(np,),
)
