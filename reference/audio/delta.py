"""Golden cases for deltas: librosa.feature.delta over the MFCC of a chirp, or less."""

import librosa
from cases import chirp, mfcc, run, silence


def delta(config, waveform):
    """The frames that the filter reads, and what it makes of them, both [T, D]."""
    frames = mfcc({"n_mfcc": config["num_features"]}, waveform)
    deltas = librosa.feature.delta(
        frames.T, width=config["width"], order=config["order"], mode=config["mode"]
    )
    return {"frames": frames, "features": deltas.T}


def case(width=9, order=1, mode="interp", num_features=5):
    return {"width": width, "order": order, "mode": mode, "num_features": num_features}


run(
    "audio_delta",
    delta,
    {
        "first": (case(), chirp(4000)),
        "second": (case(order=2), chirp(4000)),
        "third_of_five": (case(width=5, order=3), chirp(4000)),
        "narrow": (case(width=3), chirp(1600)),
        "as_wide_as_long": (case(width=11), chirp(1600)),
        "nearest": (case(mode="nearest"), chirp(1600)),
        "nearest_second": (case(order=2, mode="nearest"), chirp(1600)),
        "nearest_of_three_frames": (case(mode="nearest"), chirp(400)),
        "nearest_of_one_frame": (case(mode="nearest"), chirp(1)),
        "silence": (case(), silence(1600)),
    },
)
