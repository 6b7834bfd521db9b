"""Small pictures made by formula, and how a case is written."""

import json
import platform
import shutil
from pathlib import Path

import numpy
import PIL
from PIL import Image

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def noise(height, width, channels=3, seed=7):
    """Every value independent: nothing is smooth, so a wrong filter shows."""
    values = numpy.random.RandomState(seed).randint(0, 256, (height, width, channels))
    return values.astype(numpy.uint8)


def waves(height, width):
    """Smooth, and different in each channel."""
    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float64)
    planes = [
        numpy.sin(x / 5.0) * numpy.cos(y / 7.0),
        numpy.cos((x + 2 * y) / 9.0),
        numpy.sin((x * x + y * y) / (4.0 * (height + width))),
    ]
    return numpy.stack([numpy.rint(127.5 + 127.5 * plane) for plane in planes], 2).astype(numpy.uint8)


def folder(group, name):
    path = GOLDEN / group / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def write_case(path, expected, **config):
    """Writes the expected picture and what it was made with."""
    Image.fromarray(numpy.ascontiguousarray(expected)).save(path / "expected.png", optimize=True)
    config["made_with"] = {
        "python": platform.python_version(),
        "pillow": PIL.__version__,
        "numpy": numpy.__version__,
    }
    (path / "case.json").write_text(json.dumps(config, indent=2) + "\n")
