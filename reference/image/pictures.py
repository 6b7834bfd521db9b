"""Small pictures made by formula, and how a case is written."""

import json
import platform
import shutil
from importlib import metadata
from pathlib import Path

import numpy
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


def save(path, values):
    """Writes 8-bit values, [H, W] or [H, W, 3], as a PNG."""
    Image.fromarray(numpy.ascontiguousarray(values)).save(path, optimize=True)


def versions(*packages):
    """What a case was made with: Python, numpy and the named packages."""
    found = {"python": platform.python_version()}
    return found | {package: metadata.version(package) for package in (*packages, "numpy")}


def write_config(path, made_with, **config):
    """Writes what a case was made with and how."""
    (path / "case.json").write_text(json.dumps(config | {"made_with": made_with}, indent=2) + "\n")


def write_case(path, expected, **config):
    """Writes the expected picture and what it was made with."""
    save(path / "expected.png", expected)
    write_config(path, versions("pillow"), **config)
