"""Checks that the PyTorch program is the same model: it reads our trained weights and judges them.

    python bench/emoji/parity.py RUN_FOLDER     (one that `sensorium train` wrote for the emoji example)

Vocabularies and classes must be the same, and so must the accuracies on the validation rows; the
loss may differ by `TOLERANCE`.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from torch.utils.data import DataLoader

from features import FIRST_WORD_ID, OUTPUTS, TEXTS, hide_none, parts_of
from model import Model
from train_torch import BATCH_SIZE, TABLE, validate

# Of a loss of about 2. Measured: 0.0003; resized pictures differ by up to one gray level.
TOLERANCE = 2e-3
SAME = {"weight": "weight", "bias": "bias"}
LAYER_NORM = {"weight": "gamma", "bias": "beta"}
BATCH_NORM = LAYER_NORM | {"running_mean": "running_mean", "running_var": "running_variance"}


def read(folder):
    """Our weights by name, and what was fitted."""
    with safe_open(folder / "model.safetensors", "pt") as file:
        content = json.loads(file.metadata()["sensorium"])["content"]
        return {name: file.get_tensor(name) for name in file.keys()}, content


def modules():
    """For each module of ours the one of `model.py`, and what its parts are called there."""
    for block in range(4):
        noto = f"input_features.noto.encoder.blocks.{block}"
        speech = f"input_features.speech.encoder.convolutions.{block}"
        yield f"{noto}.convolution", f"picture.blocks.{4 * block}", SAME
        yield f"{noto}.batch_norm", f"picture.blocks.{4 * block + 2}", BATCH_NORM
        yield speech, f"sound.blocks.{block}.convolution", SAME
        yield f"{speech}.batch_norm", f"sound.blocks.{block}.norm", BATCH_NORM
        yield f"combiner.projections.{block}", f"combiner.projections.{block}", SAME
    yield "input_features.noto.encoder.token", "picture.token", SAME
    yield "input_features.speech.encoder.head.token", "sound.token", SAME
    for column in TEXTS:
        yield f"input_features.{column}.encoder.head.token", f"texts.{column}.token", SAME
    layer = "combiner.blocks.0"
    yield f"{layer}.attention.output", "combiner.attention.output", SAME
    for name in ("inner", "outer"):
        yield f"{layer}.{name}", f"combiner.{name}", SAME
    for name in ("attention_norm", "linear_norm"):
        yield f"{layer}.{name}", f"combiner.{name}", LAYER_NORM
    yield "combiner.norm", "combiner.norm", LAYER_NORM
    for index, output in enumerate(OUTPUTS):
        yield f"output_features.{output}.decoder.decoder.output", f"heads.{index}", SAME


def in_torch(value, shape):
    """Our linear layers keep the inputs first, and our convolutions over time the kernel's steps."""
    if value.shape == shape and value.dim() != 2:
        return value
    if len(shape) == 3:
        outputs, inputs, steps = shape
        return value.view(steps, inputs, outputs).permute(2, 1, 0)
    return value.T


def translated(weights, shapes):
    """Our weights under the names and in the shapes of `model.py`."""
    state = {"combiner.column_embeddings": weights["combiner.column_embeddings"]}
    for column in TEXTS:
        state[f"texts.{column}.embedding.weight"] = weights[f"input_features.{column}.encoder.stem.embedding"]
    for part, join in {"weight": lambda value: value.T, "bias": lambda value: value}.items():
        parts = [weights[f"combiner.blocks.0.attention.{name}.{part}"] for name in ("query", "key", "value")]
        state[f"combiner.attention.query_key_value.{part}"] = torch.cat([join(value) for value in parts])
    for ours, theirs, parts in modules():
        for part, our_part in parts.items():
            name = f"{theirs}.{part}"
            if name in shapes:
                state[name] = in_torch(weights[f"{ours}.{our_part}"], shapes[name])
    return state


def main():
    folder = Path(sys.argv[1])
    weights, content = read(folder)
    _, validation, fitted = parts_of(TABLE)
    for column, ours in zip(TEXTS, content["fitted"]["inputs"][1:3]):
        assert ours["fitted"]["vocabulary"] == list(fitted.words[column]), f"the vocabulary of {column}"
    for column, ours in zip(OUTPUTS, content["schema"]["outputs"]):
        assert ours["classes"] == list(fitted.classes[column]), f"the classes of {column}"

    num_ids = {column: FIRST_WORD_ID + len(words) for column, words in fitted.words.items()}
    model = Model(num_ids, [len(classes) for classes in fitted.classes.values()])
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    missing, unexpected = model.load_state_dict(translated(weights, shapes), strict=False)
    assert all(name.endswith("num_batches_tracked") for name in missing) and not unexpected, (missing, unexpected)

    loader = DataLoader(validation, BATCH_SIZE, collate_fn=lambda rows: validation.batch(rows, hide_none))
    loss, accuracies = validate(model, loader)
    said = json.loads((folder / "training_statistics.json").read_text())["validation"]
    best = json.loads((folder / "description.json").read_text())["best_epoch"] - 1
    our_loss = said["combined"]["loss"][best]
    our_accuracies = [said[output]["accuracy"][best] for output in OUTPUTS]
    print(f"loss {loss:.5f}, ours {our_loss:.5f}; accuracies {accuracies}, ours {our_accuracies}")
    assert abs(loss - our_loss) < TOLERANCE and accuracies == our_accuracies


if __name__ == "__main__":
    main()
