"""Golden cases for resizing: Pillow's antialiased bilinear filter.

Run `python reference/image/resize.py` with the versions of `reference/requirements.lock`.
"""

import numpy
from PIL import Image
from pictures import folder, noise, waves, write_case

CASES = {
    "shrink_noise": (noise(37, 53), 16, 20),
    "shrink_a_lot": (waves(150, 220), 9, 7),
    "grow": (noise(5, 7), 24, 32),
    "grow_and_shrink": (waves(60, 11), 20, 40),
    "only_one_side": (noise(40, 20), 15, 20),
    "one_pixel": (noise(1, 1), 8, 8),
    "one_row": (noise(1, 64), 16, 16),
    "to_one_pixel": (waves(31, 33), 1, 1),
    "black_and_white": (255 * (noise(29, 31) > 127).astype(numpy.uint8), 13, 17),
}
GRAY_CASES = {"gray_of_color": (noise(33, 35), 12, 14)}

for name, (values, height, width) in (CASES | GRAY_CASES).items():
    path = folder("image_resize", name)
    Image.fromarray(values).save(path / "input.png", optimize=True)
    expected = Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR)
    if name in GRAY_CASES:
        expected = expected.convert("L")
    write_case(
        path,
        numpy.asarray(expected),
        height=height,
        width=width,
        num_channels=1 if name in GRAY_CASES else 3,
    )
