"""Golden cases for JPEG decoded to a part of its sides: what Pillow's `draft` makes of it.

Run `python reference/image/reduced.py` with the versions of `reference/requirements.lock`.
"""

import numpy
from pictures import folder, noise, save, versions, waves, write_config
from PIL import Image

# Sides that are no multiples of a block's.
WAVES = Image.fromarray(waves(45, 77))
NOISE = Image.fromarray(noise(33, 40))

# Name: picture, and how it is saved.
CASES = {
    "444": (WAVES, {"quality": 90, "subsampling": 0}),
    "422": (WAVES, {"quality": 90, "subsampling": 1}),
    "420": (WAVES, {"quality": 90, "subsampling": 2}),
    "gray": (WAVES.convert("L"), {"quality": 90}),
    "restart": (WAVES, {"quality": 90, "subsampling": 2, "restart_marker_blocks": 2}),
    "own_codes": (WAVES, {"quality": 95, "subsampling": 2, "optimize": True}),
    "coarse": (WAVES, {"quality": 5, "subsampling": 2}),
    "noise": (NOISE, {"quality": 100, "subsampling": 0}),
    "noise_420": (NOISE, {"quality": 60, "subsampling": 2}),
}
PARTS = {"half": 2, "quarter": 4, "eighth": 8}

for name, (picture, options) in CASES.items():
    path = folder("image_reduced", name)
    picture.save(path / "a.jpg", **options)
    for part, factor in PARTS.items():
        with Image.open(path / "a.jpg") as file:
            width, height = file.size
            file.draft(None, (width // factor, height // factor))
            expected = numpy.asarray(file.convert("RGB"))
        assert expected.shape == (-(-height // factor), -(-width // factor), 3), expected.shape
        save(path / f"{part}.png", expected)
    write_config(path, versions("pillow"), file="a.jpg")
