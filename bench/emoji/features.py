"""The emoji table as tensors: decoded, standardised and kept in memory once, then batched.

Each step gives what `sensorium train` makes of the same cell with the settings of
`bench/emoji/emoji.yaml`; what is fitted is fitted on the train rows alone. torchaudio has no
release for this PyTorch, so the log-mel spectrogram is written out, after librosa 0.11.
"""

import csv
import math
import re
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import soundfile
import torch
from PIL import Image
from torch.utils.data import Dataset

TEXTS = ("name", "keywords")
INPUTS = ("noto", *TEXTS, "speech")
OUTPUTS = ("category", "subcategory")

PICTURE_SIDE = 48
SAMPLE_RATE_HZ = 16_000
FFT_LENGTH = 512
WINDOW_LENGTH = 400
HOP_LENGTH = 160
NUM_MELS = 64
MAX_SAMPLES = int(7.5 * SAMPLE_RATE_HZ)
LEAST_POWER = 1e-10
TOP_DB = 80.0
# What means and deviations are measured on: so many train rows, evenly spaced.
FITTED_ROWS = 256

# Slaney's mel scale: linear below 1 kHz, 27 steps from there to 6.4 kHz.
HZ_PER_MEL = 200.0 / 3.0
LOG_FROM_MEL = 1_000.0 / HZ_PER_MEL
LOG_STEP = math.log(6.4) / 27.0

MAX_TOKENS = 256
UNKNOWN_ID = 1
FIRST_WORD_ID = 2
# Unicode's word boundaries (UAX #29), as far as this table's texts need them.
WORD = re.compile(r"\w+(?:[.'’]\w+)*|[^\w\s]")

# What `cross_entropy` leaves out.
UNSEEN_CLASS = -100


def parts_of(table):
    """The train rows, the validation rows, and what was fitted on the former."""
    train, validation = rows_of(table, "train"), rows_of(table, "validation")
    pictures, sounds = decoded(train + validation, table.parent)
    num_train = len(train)
    fitted = Fitted.on(train, pictures[:num_train], sounds[:num_train])
    return (
        Emoji(train, pictures[:num_train], sounds[:num_train], fitted),
        Emoji(validation, pictures[num_train:], sounds[num_train:], fitted),
        fitted,
    )


def rows_of(table, part):
    """The rows of one part of the split, each a dict by column."""
    with table.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["split"] == part]


def decoded(rows, folder):
    """All pictures, as bytes `[R, 3, H, W]`, and each row's spectrogram `[num_mels, T]`."""
    log_mel = LogMel()
    # Threads: most of the time is spent in C, and two worker processes took longer.
    with ThreadPoolExecutor() as pool:
        pictures = pool.map(picture_of, [folder / row["noto"] for row in rows])
        sounds = pool.map(log_mel.of_file, [folder / row["speech"] for row in rows])
        return torch.stack(list(pictures)), list(sounds)


def picture_of(path):
    """A picture on white, as bytes: `[3, H, W]`."""
    with Image.open(path) as picture:
        if picture.mode == "P" or "A" in picture.mode:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        picture = picture.convert("RGB")
    picture = picture.resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


class LogMel:
    """A sound to the decibels of its mel bands."""

    def __init__(self):
        self.window = torch.hann_window(WINDOW_LENGTH)
        self.filters = mel_filters()

    def of_file(self, path):
        """Returns `[num_mels, T]`."""
        samples, sample_rate_hz = soundfile.read(path, dtype="float32")
        assert samples.ndim == 1 and sample_rate_hz == SAMPLE_RATE_HZ, "these sounds are 16 kHz mono"
        return self.of_samples(torch.from_numpy(samples[:MAX_SAMPLES]))

    def of_samples(self, samples):
        """Returns `[num_mels, T]` of `[N]`."""
        spectrum = torch.stft(
            samples, FFT_LENGTH, HOP_LENGTH, WINDOW_LENGTH, self.window, pad_mode="constant", return_complex=True
        )
        powers = self.filters @ (spectrum.real**2 + spectrum.imag**2)
        decibels = 10.0 * torch.log10(powers.clamp(min=LEAST_POWER))
        return decibels.clamp(min=decibels.max() - TOP_DB)


def mel_filters():
    """Triangles of equal area: `[num_mels, fft_length / 2 + 1]`."""
    highest_hz = SAMPLE_RATE_HZ / 2.0
    highest_mel = LOG_FROM_MEL + math.log(highest_hz / 1_000.0) / LOG_STEP
    edges = hz_from_mel(np.linspace(0.0, highest_mel, NUM_MELS + 2))[:, None]
    low, peak, high = edges[:-2], edges[1:-1], edges[2:]
    bins = np.linspace(0.0, highest_hz, FFT_LENGTH // 2 + 1)
    triangles = np.minimum((bins - low) / (peak - low), (high - bins) / (high - peak)).clip(min=0.0)
    return torch.from_numpy(triangles * 2.0 / (high - low)).float()


def hz_from_mel(mel):
    logarithmic = 1_000.0 * np.exp(LOG_STEP * (mel - LOG_FROM_MEL))
    return np.where(mel < LOG_FROM_MEL, HZ_PER_MEL * mel, logarithmic)


@dataclass
class Fitted:
    """What was learned from the train rows."""

    picture_scale: tuple  # mean and deviation, [3, 1, 1] each
    sound_scale: tuple  # mean and deviation, [num_mels, 1] each
    words: dict  # for each text column the places of its words
    classes: dict  # for each output the places of its classes

    @classmethod
    def on(cls, rows, pictures, sounds):
        pictures = pictures[rows_for_pictures(len(rows))].double() / 255.0
        sounds = torch.cat([sounds[row] for row in rows_for_sounds(len(rows))], dim=1).double()
        words = {column: [word for row in rows for word in words_of(row[column])] for column in TEXTS}
        return cls(
            picture_scale=scale_of(pictures.transpose(0, 1).flatten(1), (3, 1, 1)),
            sound_scale=scale_of(sounds, (NUM_MELS, 1)),
            words={column: by_falling_count(words[column]) for column in TEXTS},
            classes={column: by_falling_count(row[column] for row in rows) for column in OUTPUTS},
        )


def rows_for_pictures(num_rows):
    return [index * num_rows // FITTED_ROWS for index in range(FITTED_ROWS)]


def rows_for_sounds(num_rows):
    return [row for row in range(num_rows) if row * FITTED_ROWS % num_rows < FITTED_ROWS]


def scale_of(values, shape):
    """Mean and deviation of each row of `values`, in the shape that broadcasts."""
    deviation, mean = torch.std_mean(values, dim=1, correction=0)
    return mean.float().view(shape), deviation.float().view(shape)


def words_of(text):
    return WORD.findall(unicodedata.normalize("NFC", text.lower()))[:MAX_TOKENS]


def by_falling_count(items):
    """Distinct items by falling count, ties in alphabetical order, each with its place."""
    counted = sorted(Counter(items).items(), key=lambda item: (-item[1], item[0]))
    return {item: place for place, (item, _) in enumerate(counted)}


@dataclass
class Batch:
    """The features of the rows that show each input, and every row's targets."""

    present: torch.Tensor  # [B, M], true where a row shows an input
    pictures: torch.Tensor  # [P, 3, H, W]
    texts: dict  # for each column the ids [P, T], 0 where padded; None where no row shows it
    sounds: torch.Tensor  # [P, num_mels, T], 0 where padded; None where no row shows one
    sound_lengths: torch.Tensor  # [P]
    targets: torch.Tensor  # [B, outputs]


class Emoji(Dataset):
    """The rows of one part, every feature in memory; an item is the row's place."""

    def __init__(self, rows, pictures, sounds, fitted):
        mean, deviation = fitted.picture_scale
        pictures = (pictures / 255.0 - mean) / deviation
        # As `PictureEncoder` wants them.
        self.pictures = pictures.contiguous(memory_format=torch.channels_last)
        mean, deviation = fitted.sound_scale
        self.sounds = [(sound - mean) / deviation for sound in sounds]
        self.texts = {column: [ids_of(row[column], fitted.words[column]) for row in rows] for column in TEXTS}
        self.present = torch.tensor([[bool(row[column]) for column in INPUTS] for row in rows])
        targets = [[fitted.classes[column].get(row[column], UNSEEN_CLASS) for column in OUTPUTS] for row in rows]
        self.targets = torch.tensor(targets)

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, row):
        return row

    def batch(self, rows, hide):
        """Collates rows; `hide` says which present inputs the model may not see."""
        present = self.present[rows]
        present = present & ~hide(present)
        shown = {
            name: [row for row, is_shown in zip(rows, column) if is_shown]
            for name, column in zip(INPUTS, present.T.tolist())
        }
        return Batch(
            present=present,
            pictures=self.pictures[shown["noto"]],
            texts={column: padded([self.texts[column][row] for row in shown[column]]) for column in TEXTS},
            sounds=padded([self.sounds[row] for row in shown["speech"]]),
            sound_lengths=torch.tensor([self.sounds[row].shape[1] for row in shown["speech"]]),
            targets=self.targets[rows],
        )


def ids_of(text, words):
    """The ids of a text; of one without words, that of a word that is not known."""
    ids = [FIRST_WORD_ID + words[word] if word in words else UNKNOWN_ID for word in words_of(text)]
    return torch.tensor(ids or [UNKNOWN_ID])


def padded(items):
    """Stacks tensors whose last axis differs, with zeros at its end; None where there are none."""
    if not items:
        return None
    longest = max(item.shape[-1] for item in items)
    stacked = items[0].new_zeros(len(items), *items[0].shape[:-1], longest)
    for place, item in zip(stacked, items):
        place[..., : item.shape[-1]] = item
    return stacked


def hide_none(present):
    return torch.zeros_like(present)


def hide_some(chance):
    """Hides each present input with `chance`, but never all of a row."""

    def hide(present):
        hidden = torch.rand(present.shape) < chance
        for row in (hidden | ~present).all(dim=1).nonzero().flatten().tolist():
            inputs = present[row].nonzero().flatten()
            hidden[row, inputs[torch.randint(len(inputs), ())]] = False
        return hidden

    return hide
