"""Golden cases for Kaldi's filter bank energies: torchaudio.compliance.kaldi.fbank."""

import torch
import torchaudio
from cases import chirp, clipped, noise, run, silence, tone
from torchaudio.compliance import kaldi

FBANK = {"type": "kaldi_fbank"}


def fbank(config, waveform):
    """[T, num_mel_bins + use_energy]"""
    keys = {key: value for key, value in config.items() if key not in ("type", "sample_rate")}
    rate = float(config.get("sample_rate", 16000))
    return kaldi.fbank(torch.from_numpy(waveform)[None], sample_frequency=rate, **keys).numpy()


run(
    "audio_kaldi_fbank",
    fbank,
    {
        "tone_440hz": (FBANK, tone(440, 3200)),
        "silence": (FBANK, silence(1600)),
        "one_frame": (FBANK, chirp(400)),
        "clipped": (FBANK, clipped(1601)),
        "chirp_80_bands": ({**FBANK, "num_mel_bins": 80}, chirp(4000)),
        "8khz": ({**FBANK, "sample_rate": 8000}, chirp(1601, 8000)),
        "white_noise_48khz": ({**FBANK, "sample_rate": 48000}, noise(7, 4800)),
        "scaled_to_16_bits": (FBANK, 32768 * noise(3, 1600)),
        "edges_mirrored": ({**FBANK, "snip_edges": False}, chirp(1601)),
        "edges_mirrored_one_frame": ({**FBANK, "snip_edges": False}, chirp(420)),
        "energy_first": ({**FBANK, "use_energy": True, "energy_floor": 0.0}, chirp(1600)),
        "energy_last_windowed": (
            {**FBANK, "use_energy": True, "htk_compat": True, "raw_energy": False,
             "energy_floor": 0.1},
            chirp(1600),
        ),
        "energy_above_its_floor": ({**FBANK, "use_energy": True}, 32768 * chirp(1600)),
        "hanning_with_offset": (
            {**FBANK, "window_type": "hanning", "remove_dc_offset": False},
            chirp(1600) + 0.25,
        ),
        "hamming_not_emphasised": (
            {**FBANK, "window_type": "hamming", "preemphasis_coefficient": 0.0},
            chirp(1600),
        ),
        "rectangular_magnitudes": (
            {**FBANK, "window_type": "rectangular", "use_power": False},
            chirp(1600),
        ),
        "blackman_linear": (
            {**FBANK, "window_type": "blackman", "blackman_coeff": 0.4, "use_log_fbank": False},
            chirp(1600),
        ),
        "band_limits": ({**FBANK, "low_freq": 100.0, "high_freq": -400.0}, chirp(1600)),
        "other_lengths": (
            {**FBANK, "frame_length": 30.0, "frame_shift": 7.5, "round_to_power_of_two": False},
            chirp(1701),
        ),
    },
    made_with=(torchaudio, torch),
)
