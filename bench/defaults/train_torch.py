"""A plain PyTorch network on one task of `tasks.py`, with the steps that Sensorium took.

    python bench/defaults/train_torch.py emoji --table TABLE --sounds SOUNDS --epochs 20 --batch-size 32 --seed 1

What most people would write first: four convolutions with batch norm for a picture, an LSTM for a
text, four convolutions over log-mel frames for a sound, their vectors end to end, a dense layer,
Adam 0.001, the epoch with the lowest validation loss. An absent cell gives zeros. The frames are
those that `sensorium features` wrote (`--sounds`), which equal librosa's.

Prints one line of JSON: the accuracy on the test rows and the seconds that training took.
"""

import argparse
import copy
import json
import re
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import load_file
from torch import nn
from torch.nn import functional as F

from tasks import TASKS, rows_of

WIDTH = 128
SIDE = 128
WORDS = re.compile(r"\w+|[^\w\s]")
CHANNELS = (32, 64, 128, 128)


class Pictures(nn.Module):
    def __init__(self, values):
        super().__init__()
        blocks, inputs = [], values.shape[1]
        for outputs in CHANNELS[: max(1, int(np.log2(values.shape[2])) - 1)]:
            blocks += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.MaxPool2d(2), nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.dense = nn.Linear(inputs, WIDTH)

    def forward(self, pictures):
        return F.relu(self.dense(self.blocks(pictures.float() / 127.5 - 1).mean((2, 3))))


class Texts(nn.Module):
    def __init__(self, ids):
        super().__init__()
        self.embedding = nn.Embedding(int(ids.max()) + 1, WIDTH, padding_idx=0)
        self.lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)

    def forward(self, ids):
        lengths = (ids > 0).sum(1).clamp(min=1)
        states, _ = self.lstm(self.embedding(ids[:, : lengths.max()]))
        return states[torch.arange(len(ids)), lengths - 1]


class Sounds(nn.Module):
    """Rows of a batch are cut to its longest."""

    def __init__(self, frames):
        super().__init__()
        blocks, inputs = [], frames.shape[1]
        for outputs in (64, 64, 128, 128):
            blocks += [nn.Conv1d(inputs, outputs, 3, padding=1), nn.MaxPool1d(2, ceil_mode=True)]
            blocks += [nn.BatchNorm1d(outputs), nn.ReLU()]
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.dense = nn.Linear(inputs, WIDTH)

    def forward(self, frames):
        steps = frames.abs().sum((0, 1)).nonzero()
        longest = int(steps.max()) + 1 if len(steps) else 1
        return F.relu(self.dense(self.blocks(frames[:, :, : max(longest, 16)]).mean(2)))


class Network(nn.Module):
    def __init__(self, encoders, num_classes):
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.hidden = nn.Linear(WIDTH * len(encoders), 256)
        self.output = nn.Linear(256, num_classes)

    def forward(self, columns, present):
        read = [encoder(column) * there[:, None] for encoder, column, there in zip(self.encoders, columns, present)]
        return self.output(F.relu(self.hidden(torch.cat(read, 1))))


def pictures(rows, column, folder):
    """Every distinct picture once, and each row's number; the size of the first, at most 128."""
    paths = sorted({row[column] for row in rows if row[column]})
    first = Image.open(folder / paths[0])
    size = (min(first.width, SIDE), min(first.height, SIDE))
    mode = "L" if first.mode == "L" else "RGB"
    values = [np.asarray(Image.open(folder / path).convert(mode).resize(size)) for path in paths]
    values = torch.from_numpy(np.stack([value.reshape(size[1], size[0], -1).transpose(2, 0, 1) for value in values]))
    number = {path: index for index, path in enumerate(paths)}
    return values, torch.tensor([number.get(row[column], 0) for row in rows])


def texts(rows, column):
    """Ids of words, 1 for one that train lacks, 0 for padding."""
    words = [WORDS.findall(row[column].lower())[:256] for row in rows]
    known = {word for row, found in zip(rows, words) if row["split"] == "train" for word in found}
    number = {word: index + 2 for index, word in enumerate(sorted(known))}
    ids = torch.zeros(len(rows), max(map(len, words)), dtype=torch.long)
    for row, found in enumerate(words):
        ids[row, : len(found)] = torch.tensor([number.get(word, 1) for word in found])
    return ids, torch.arange(len(rows))


def sounds(rows, column, file):
    """The frames of every row that has any, padded with zeros: `[N, bands, T]`."""
    arrays = load_file(file)
    lengths = arrays[f"{column}.lengths"]
    frames = np.split(arrays[column], np.cumsum(lengths)[:-1])
    values = torch.zeros(len(frames), arrays[column].shape[1], int(lengths.max()))
    for index, own in enumerate(frames):
        values[index, :, : len(own)] = torch.from_numpy(own.T.copy())
    number = {int(row): index for index, row in enumerate(arrays[f"{column}.rows"])}
    return values, torch.tensor([number.get(row["row"], 0) for row in rows])


def columns_of(task, rows, arguments):
    encoders, columns = [], []
    for name, kind in task.inputs.items():
        if kind["type"] == "image":
            column, encoder = pictures(rows, name, arguments.table.parent), Pictures
        elif kind["type"] == "text":
            column, encoder = texts(rows, name), Texts
        else:
            column, encoder = sounds(rows, name, arguments.sounds), Sounds
        encoders.append(encoder(column[0]))
        columns.append(column)
    present = torch.tensor([[bool(row[name]) for row in rows] for name in task.inputs], dtype=torch.float32)
    return encoders, columns, present


def run(arguments):
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(2)
    task = TASKS[arguments.task]
    rows = [row | {"row": index} for index, row in enumerate(rows_of(arguments.table))]
    rows = [row for row in rows if row[task.output]]
    classes = sorted({row[task.output] for row in rows if row["split"] == "train"})
    truth = torch.tensor([classes.index(row[task.output]) if row[task.output] in classes else -1 for row in rows])
    part = {name: [i for i, row in enumerate(rows) if row["split"] == name] for name in ("train", "validation", "test")}
    part = {name: torch.tensor(indices) for name, indices in part.items()}
    encoders, columns, present = columns_of(task, rows, arguments)
    model = Network(encoders, len(classes))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def logits(indices):
        return model([values[numbers[indices]] for values, numbers in columns], present[:, indices])

    def judged(indices):
        model.eval()
        with torch.inference_mode():
            answers = torch.cat([logits(batch) for batch in indices.split(256)])
        known = truth[indices] >= 0
        loss = F.cross_entropy(answers[known], truth[indices][known]).item()
        return loss, (answers.argmax(1) == truth[indices]).float().mean().item()

    started, best = time.monotonic(), float("inf")
    for _ in range(arguments.epochs):
        model.train()
        for batch in part["train"][torch.randperm(len(part["train"]))].split(arguments.batch_size):
            if len(batch) < 2:
                continue
            optimizer.zero_grad()
            F.cross_entropy(logits(batch), truth[batch]).backward()
            optimizer.step()
        loss, _ = judged(part["validation"])
        if loss < best:
            best, weights = loss, copy.deepcopy(model.state_dict())
    seconds = time.monotonic() - started
    model.load_state_dict(weights)
    return {"score": judged(part["test"])[1], "seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--sounds", type=Path, help="the file that `sensorium features` wrote of the sounds")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--seed", type=int, default=42)
    print(json.dumps(run(parser.parse_args())))


if __name__ == "__main__":
    main()
