"""Golden cases for the log-mel spectrogram: librosa.power_to_db(librosa.feature.melspectrogram)."""

from cases import chirp, clipped, log_mel, noise, run, silence, tone

run(
    "audio_log_mel",
    log_mel,
    {
        "tone_440hz": ({}, tone(440, 3200)),
        "silence": ({}, silence(1600)),  # log of zero power
        "shorter_than_window": ({}, tone(440, 300)),
        "one_sample": ({}, tone(440, 2)[1:]),
        "white_noise_48khz": (
            {"sample_rate": 48000, "n_fft": 2048, "win_length": 1200, "hop_length": 480},
            noise(7, 4800),
        ),
        "chirp": ({}, chirp(4000)),
        "clipped": ({}, clipped(1600)),
        "8khz": (
            {"sample_rate": 8000, "n_fft": 256, "win_length": 200, "hop_length": 80},
            chirp(801, 8000),
        ),
        "symmetric": ({"pad_mode": "symmetric"}, chirp(801)),
        "edge": ({"pad_mode": "edge"}, chirp(801)),
        "htk": ({"htk": True}, chirp(1600)),
        "no_norm": ({"mel_norm": None}, chirp(1600)),
        "htk_no_norm_band_limits": (
            {"htk": True, "mel_norm": None, "fmin": 125.0, "fmax": 7500.0, "n_mels": 40},
            chirp(1600),
        ),
        "not_centred": ({"center": False}, chirp(1700)),
        "reflect": ({"pad_mode": "reflect"}, chirp(1600)),
        "reflect_shorter_than_half_a_window": ({"pad_mode": "reflect"}, chirp(100)),
        "power_1": ({"power": 1.0}, chirp(1600)),
        "power_3": ({"power": 3.0}, chirp(1600)),
        # A pure tone without a floor: bands far from it hold only what the window leaks.
        "no_top_db": ({"top_db": None}, tone(440, 1600)),
        "window_as_long_as_fft": ({"win_length": 512}, chirp(1600)),
        "odd_lengths": (
            {"n_fft": 401, "win_length": 301, "hop_length": 77, "window": "hamming"},
            chirp(1600),
        ),
        "blackman": ({"window": "blackman"}, chirp(800)),
        "bartlett": ({"window": "bartlett"}, chirp(800)),
        "boxcar": ({"window": "boxcar"}, chirp(800)),
        "ref_max": ({"ref": "max"}, chirp(1600)),
        "ref_and_amin": ({"ref": 0.01, "amin": 1e-5, "top_db": None}, chirp(1600)),
        "hop_longer_than_window": ({"hop_length": 700}, noise(3, 4000)),
    },
)
