"""Measures one case with one Python library in this process, and prints one line of JSON.

    python peers.py CASE ENGINE --data FOLDER --threads N [--tokenizer FILE]

An engine is a library and a way of using it: `librosa.processes`. The ways are those that a user
would think of: one file after the other, a pool of threads, a pool of processes (made beforehand,
its results sent back as a data loader sends them), and batches where the library has them.
"""

import argparse
import csv
import itertools
import json
import multiprocessing
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from cases import BY_NAME

# The rule of repetition, the same in `bench/features/src/measure.rs`.
SECONDS = 2.0
LEAST_REPETITIONS = 3
MOST_REPETITIONS = 30

RATE = 16_000
SIDE = 224
NUM_TEXTS = 100_000
BATCH = 32
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
SOUNDS = {
    "log-mel": ("esc10", "audio"),
    "mfcc": ("esc10", "audio"),
    "decode-esc10": ("esc10", "audio"),
    "decode-emoji": ("emoji", "speech"),
    "decode-avdigits": ("avdigits", "audio"),
}


def distinct(data, name, column):
    """The cells of a column of FOLDER/NAME/NAME.csv, each once, in the table's order."""
    with open(data / name / f"{name}.csv", newline="", encoding="utf-8") as table:
        return list(dict.fromkeys(row[column] for row in csv.DictReader(table) if row[column]))


def paths(data, name, column):
    return [str(data / name / cell) for cell in distinct(data, name, column)]


# --- what is done for one row ---------------------------------------------------------------------


def decoded_by_soundfile(path):
    """A file as mono at 16 kHz, by the calls that `librosa.load` is made of."""
    import soundfile
    import soxr

    samples, rate = soundfile.read(path, dtype="float32")
    if samples.ndim > 1:
        samples = samples.mean(axis=1)
    return samples if rate == RATE else soxr.resample(samples, rate, RATE, quality="HQ")


def decoded_by_librosa(path):
    import librosa

    return librosa.load(path, sr=RATE)[0]


def log_mel_by_librosa(samples):
    import librosa

    powers = librosa.feature.melspectrogram(
        y=samples, sr=RATE, n_fft=512, win_length=400, hop_length=160, n_mels=64
    )
    return librosa.power_to_db(powers)


def mfcc_by_librosa(samples):
    import librosa

    return librosa.feature.mfcc(S=log_mel_by_librosa(samples), n_mfcc=20)


def picture_by_pillow(path, is_draft=False):
    from PIL import Image

    with Image.open(path) as picture:
        if is_draft:
            picture.draft("RGB", (SIDE, SIDE))
        resized = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    values = (np.asarray(resized, np.float32) / 255 - MEAN) / DEVIATION
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def transforms_of_torchvision():
    import torch
    from torchvision.transforms import v2

    return v2.Compose(
        [
            v2.Resize((SIDE, SIDE), antialias=True),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN.tolist(), DEVIATION.tolist()),
        ]
    )


def picture_by_torchvision(transforms, path):
    from torchvision import io

    return transforms(io.decode_jpeg(io.read_file(path), mode=io.ImageReadMode.RGB))


def features_of_torchaudio(case):
    import torchaudio

    spectrum = dict(n_fft=512, win_length=400, hop_length=160, n_mels=64, pad_mode="constant")
    spectrum |= dict(norm="slaney", mel_scale="slaney")
    if case == "mfcc":
        return torchaudio.transforms.MFCC(sample_rate=RATE, n_mfcc=20, melkwargs=spectrum)
    import torch

    # As inside of `torchaudio.transforms.MFCC`: librosa's floor of 80 dB below the loudest.
    decibels = torchaudio.transforms.AmplitudeToDB("power", top_db=80)
    return torch.nn.Sequential(
        torchaudio.transforms.MelSpectrogram(sample_rate=RATE, **spectrum), decibels
    )


# --- how rows are dealt out -----------------------------------------------------------------------


def one_by_one(make, rows, _threads):
    return lambda: map(make, rows)


def on_threads(make, rows, threads):
    pool = ThreadPoolExecutor(threads)
    return lambda: pool.map(make, rows)


def on_processes(make, rows, threads):
    pool = multiprocessing.get_context("fork").Pool(threads)
    return lambda: pool.imap(make, rows, chunksize=8)


WAYS = {"serial": one_by_one, "clips": one_by_one, "threads": on_threads, "processes": on_processes}


# --- the engines ----------------------------------------------------------------------------------


def sound_features(case, library, way, arguments):
    clips = [decoded_by_soundfile(path) for path in paths(arguments.data, *SOUNDS[case])]
    if library == "librosa":
        make = log_mel_by_librosa if case == "log-mel" else mfcc_by_librosa
        return WAYS[way](make, clips, arguments.threads)
    import torch

    torch.set_num_threads(1 if way == "threads" else arguments.threads)
    features, clips = features_of_torchaudio(case), [torch.from_numpy(clip) for clip in clips]
    if way == "batches":
        return lambda: batches(features, clips)
    return WAYS[way](features, clips, arguments.threads)


def batches(features, clips):
    """Batches of clips of one length: padded ones would have frames that no other engine makes."""
    import torch

    by_length = itertools.groupby(sorted(clips, key=len), key=len)
    for clips_of_length in (list(clips) for _, clips in by_length):
        for start in range(0, len(clips_of_length), BATCH):
            # With a channel, or the floor of 80 dB would be that of the batch's loudest clip.
            batch = torch.stack(clips_of_length[start : start + BATCH]).unsqueeze(1)
            yield from features(batch).squeeze(1)


def pictures(_case, library, way, arguments):
    files = paths(arguments.data, "vqarad", "image")
    if library.startswith("pillow"):
        make = partial(picture_by_pillow, is_draft=library == "pillow.draft")
        return WAYS[way](make, files, arguments.threads)
    import torch

    torch.set_num_threads(1 if way == "threads" else arguments.threads)
    make = partial(picture_by_torchvision, transforms_of_torchvision())
    return WAYS[way](make, files, arguments.threads)


def decoding(case, library, way, arguments):
    make = decoded_by_soundfile if library == "soundfile+soxr" else decoded_by_librosa
    return WAYS[way](make, paths(arguments.data, *SOUNDS[case]), arguments.threads)


def texts(data):
    """VQA-RAD's questions in the table's order, repeated up to 100,000."""
    with open(data / "vqarad" / "vqarad.csv", newline="", encoding="utf-8") as table:
        questions = [row["question"] for row in csv.DictReader(table)]
    return [questions[index % len(questions)] for index in range(NUM_TEXTS)]


def wordpiece(_case, _library, way, arguments):
    import os

    # Read by the library when it first encodes a batch.
    os.environ["RAYON_NUM_THREADS"] = str(arguments.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(arguments.tokenizer))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    questions = texts(arguments.data)
    encode = getattr(tokenizer, way)
    # The ids are fetched, as whoever trains on them does.
    return lambda: (encoding.ids for encoding in encode(questions))


ENGINES = {
    "jpeg": pictures,
    "jpeg-reduced": pictures,
    "log-mel": sound_features,
    "mfcc": sound_features,
    "wordpiece": wordpiece,
}


# --- measuring ------------------------------------------------------------------------------------


def timed(run):
    start = time.perf_counter()
    for _ in run():
        pass
    return time.perf_counter() - start


def measured(run):
    """The first pass, those after it, and the digest of one that is not timed."""
    cold, warm = timed(run), []
    while len(warm) < LEAST_REPETITIONS or (sum(warm) < SECONDS and len(warm) < MOST_REPETITIONS):
        warm.append(timed(run))
    return {"cold_seconds": cold, "seconds": warm, "peak_memory_bytes": peak_memory_bytes()} | digest(run)


def digest(run):
    """What tells whether two engines made the same of the same rows."""
    rows = values = 0
    magnitudes = 0.0
    for row in run():
        row = np.asarray(row)
        rows, values = rows + 1, values + row.size
        magnitudes += float(np.abs(row, dtype=np.float64).sum())
    return {"rows": rows, "values": values, "mean_magnitude": magnitudes / values}


def peak_memory_bytes():
    """The most that was resident at once in this process and those of its pool, added up."""
    children = sum(high_water_mark(child.pid) for child in multiprocessing.active_children())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + children


def high_water_mark(process):
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("case", choices=BY_NAME)
    parser.add_argument("engine")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--tokenizer", type=Path)
    arguments = parser.parse_args()
    library, _, way = arguments.engine.rpartition(".")
    run = ENGINES.get(arguments.case, decoding)(arguments.case, library, way, arguments)
    print(json.dumps({"case": arguments.case, "engine": arguments.engine} | measured(run)))


if __name__ == "__main__":
    main()
