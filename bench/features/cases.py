"""The cases of the comparison: what each one measures, its references, their engines, and the goals.

Nothing outside the standard library is imported here, so that `compare.py` starts anywhere.
"""

from dataclasses import dataclass, field

THREE_WAYS = ("serial", "threads", "processes")


@dataclass(frozen=True)
class Reference:
    """A library to be faster than, by the fastest of the ways that it can be used in.

    `goal` is the largest ratio of our time to its that is aimed at. `tolerance` is how far the mean
    magnitude of its values may be from ours, as a share, before they are said to differ.
    """

    name: str
    goal: float
    ways: tuple
    tolerance: float = 2e-3

    @property
    def engines(self):
        return [f"{self.name}.{way}" for way in self.ways]


@dataclass(frozen=True)
class Case:
    """A row of the table for each reference."""

    name: str
    title: str
    references: list = field(default_factory=list)

    @property
    def engines(self):
        return [engine for reference in self.references for engine in reference.engines]


def of_sounds():
    return [
        Reference("librosa", 0.1, THREE_WAYS),
        Reference("torchaudio", 0.5, ("clips", "batches", "threads")),
    ]


def of_sound_files():
    # librosa.load is soundfile and soxr as well, with what it checks around them.
    return [Reference("soundfile+soxr", 0.5, THREE_WAYS), Reference("librosa.load", 0.5, THREE_WAYS)]


CASES = [
    Case("log-mel", "log-mel of the ESC-10 clips at 16 kHz", of_sounds()),
    Case("mfcc", "MFCC of the ESC-10 clips at 16 kHz", of_sounds()),
    Case(
        "jpeg",
        "JPEG of VQA-RAD to 3×224×224, standardised",
        [
            # Pillow rounds to 8 bits between decoding, resizing and scaling.
            Reference("pillow", 0.33, THREE_WAYS, tolerance=3e-3),
            Reference("torchvision", 0.67, ("serial", "threads"), tolerance=3e-3),
        ],
    ),
    Case(
        "jpeg-reduced",
        "the same, decoded to a part of the sides where that is larger still (`reducing_gap: 1`)",
        [
            Reference("pillow", 0.33, THREE_WAYS, tolerance=6e-3),
            # As much of the picture is decoded as here.
            Reference("pillow.draft", 1.0, THREE_WAYS, tolerance=6e-3),
            Reference("torchvision", 0.67, ("serial", "threads"), tolerance=6e-3),
        ],
    ),
    Case("decode-esc10", "Ogg Vorbis, 44.1 kHz, 5 s (ESC-10) to 16 kHz", of_sound_files()),
    Case("decode-emoji", "Ogg Vorbis, 16 kHz, 1 s (emoji speech)", of_sound_files()),
    Case("decode-avdigits", "WAV, 8 kHz, 0.4 s (FSDD) to 16 kHz", of_sound_files()),
    Case(
        "wordpiece",
        "WordPiece of 100,000 questions (VQA-RAD), MiniLM",
        [Reference("tokenizers", 1.0, ("encode_batch", "encode_batch_fast"))],
    ),
]

BY_NAME = {case.name: case for case in CASES}
