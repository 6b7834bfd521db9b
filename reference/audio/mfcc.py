"""Golden cases for MFCC: librosa.feature.mfcc over the log-mel spectrogram of the same config."""

from cases import chirp, clipped, mfcc, noise, run, silence, tone

MFCC = {"type": "mfcc"}

run(
    "audio_mfcc",
    mfcc,
    {
        "tone_440hz": (MFCC, tone(440, 3200)),
        "silence": (MFCC, silence(800)),
        "one_sample": (MFCC, tone(440, 2)[1:]),
        "chirp": (MFCC, chirp(4000)),
        "clipped": (MFCC, clipped(1601)),
        "8khz": (
            {**MFCC, "sample_rate": 8000, "n_fft": 256, "win_length": 200, "hop_length": 80},
            chirp(801, 8000),
        ),
        "white_noise_48khz": (
            {**MFCC, "sample_rate": 48000, "n_fft": 2048, "win_length": 1200, "hop_length": 480},
            noise(7, 4800),
        ),
        "lifter": ({**MFCC, "n_mfcc": 13, "lifter": 22.0}, chirp(1600)),
        "every_coefficient": ({**MFCC, "n_mels": 40, "n_mfcc": 40, "htk": True}, chirp(1600)),
        "no_top_db": ({**MFCC, "top_db": None}, chirp(1600)),
    },
)
