"""Golden cases for resizing: Pillow's filters in 8 bits, torchvision's in 32-bit floats.

Run `python reference/image/resize.py` with the versions of `reference/requirements.lock`.
torchvision resizes float tensors by two of the filters; for the others the reference is Pillow's,
on a 32-bit float picture (mode `F`) of each channel. torchvision has `NEAREST_EXACT` too, but where
a center falls on the border of two pixels it may take the other one than Pillow.
"""

import numpy
import safetensors.numpy
import torch
from pictures import folder, noise, save, versions, waves, write_config
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

CASES = {
    "shrink_noise": (noise(37, 53), 16, 20),
    "shrink_a_lot": (waves(90, 130), 9, 7),
    "grow": (noise(5, 7), 24, 32),
    "grow_and_shrink": (waves(60, 11), 20, 40),
    "only_one_side": (noise(40, 20), 15, 20),
    "one_pixel": (noise(1, 1), 8, 8),
    "one_row": (noise(1, 64), 16, 16),
    "to_one_pixel": (waves(31, 33), 1, 1),
    "black_and_white": (255 * (noise(29, 31) > 127).astype(numpy.uint8), 13, 17),
    # Pillow 13 resizes the columns of this one first.
    "tall_black_and_white": (255 * (noise(61, 19) > 127).astype(numpy.uint8), 16, 16),
    # Centers fall on the border of two pixels.
    "twice_as_large_and_half": (noise(6, 24), 12, 12),
    "steps_that_add_up": (noise(3, 100, seed=5), 3, 30),
}
GRAY_CASES = {"gray_of_color": (noise(33, 35), 12, 14)}

PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
TORCHVISION = {
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
}


def in_floats(name, values, height, width):
    """[height, width, 3], 0 to 1 and beyond."""
    if name in TORCHVISION:
        tensor = torch.from_numpy(values).permute(2, 0, 1)
        tensor = functional.to_dtype(tensor, torch.float32, scale=True)
        options = {"interpolation": TORCHVISION[name], "antialias": True}
        return functional.resize(tensor, [height, width], **options).permute(1, 2, 0).numpy()
    planes = (values.transpose(2, 0, 1) / 255).astype(numpy.float32)
    resized = [Image.fromarray(plane).resize((width, height), PILLOW[name]) for plane in planes]
    return numpy.stack([numpy.asarray(plane) for plane in resized], 2)


for name, (values, height, width) in (CASES | GRAY_CASES).items():
    path = folder("image_resize", name)
    save(path / "input.png", values)
    floats = {}
    for interpolation, filter in PILLOW.items():
        expected = Image.fromarray(values).resize((width, height), filter)
        if name in GRAY_CASES:
            expected = expected.convert("L")
        save(path / f"{interpolation}.png", numpy.asarray(expected))
        in_32_bits = in_floats(interpolation, values, height, width)
        floats[interpolation] = numpy.ascontiguousarray(in_32_bits)
    safetensors.numpy.save_file(floats, path / "float32.safetensors")
    made_with = versions("pillow", "torch", "torchvision")
    num_channels = 1 if name in GRAY_CASES else 3
    write_config(path, made_with, height=height, width=width, num_channels=num_channels)
