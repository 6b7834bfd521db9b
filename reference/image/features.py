"""Golden cases for whole picture features: what torchvision's transforms, Pillow's `ImageOps` and
Hugging Face's image processors make of one picture.

Run `python reference/image/features.py` with the versions of `reference/requirements.lock`.
Each case has the `preprocessing` that asks for the same.
"""

import numpy
import safetensors.numpy
import torch
from pictures import folder, noise, save, versions, waves, write_config
from PIL import Image, ImageOps
from torchvision.transforms import InterpolationMode, v2
from transformers import CLIPImageProcessor, ViTImageProcessor

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
HALF = ([0.5] * 3, [0.5] * 3)
NONE = ([0.0] * 3, [1.0] * 3)
BICUBIC = InterpolationMode.BICUBIC
WIDE, TALL, SMALL, ROW = waves(37, 61), noise(53, 31), noise(11, 9, seed=2), noise(1, 40)


def scaled(picture, mean, std):
    """[3, H, W] of an 8-bit picture or of a float tensor of 0 to 1."""
    picture = v2.functional.to_dtype(v2.functional.to_image(picture), torch.float32, scale=True)
    return v2.functional.normalize(picture, mean, std).numpy()


def cropped(values, edge, crop, mean, std, floats=False, **options):
    """`Resize(edge)`, `CenterCrop(crop)` and `Normalize`, on a Pillow picture or on floats."""
    picture = Image.fromarray(values)
    if floats:
        picture = v2.functional.to_dtype(v2.functional.to_image(picture), torch.float32, scale=True)
    return scaled(v2.Compose([v2.Resize(edge, **options), v2.CenterCrop(crop)])(picture), mean, std)


def padded(values, height, width, color, **options):
    picture = ImageOps.pad(Image.fromarray(values), (width, height), color=(color,) * 3, **options)
    return scaled(picture, *NONE)


def processed(processor, values):
    return processor(Image.fromarray(values), return_tensors="np")["pixel_values"][0]


def crop(height, width, edge=None, **more):
    edge = {} if edge is None else {"shortest_edge": edge}
    return {"resize_method": "center_crop", "height": height, "width": width} | edge | more


def letterbox(height, width, pad_value, **more):
    size = {"height": height, "width": width}
    return {"resize_method": "letterbox", "pad_value": pad_value} | size | more


RAW = {"standardize_image": None}
CASES = {
    "crop_imagenet": (
        WIDE,
        crop(16, 16, 19, standardize_image="imagenet1k"),
        lambda v: cropped(v, 19, (16, 16), *IMAGENET),
    ),
    "crop_imagenet_float32": (
        WIDE,
        crop(16, 16, 19, standardize_image="imagenet1k", resize_precision="float32"),
        lambda v: cropped(v, 19, (16, 16), *IMAGENET, floats=True),
    ),
    "crop_bicubic_float32": (
        TALL,
        crop(12, 17, 20, interpolation="bicubic", resize_precision="float32", **RAW),
        lambda v: cropped(v, 20, (12, 17), *NONE, floats=True, interpolation=BICUBIC),
    ),
    # A surplus of 1, of 3 and of 5: half of it is rounded to the even side.
    "crop_odd": (TALL, crop(31, 18, 21, **RAW), lambda v: cropped(v, 21, (31, 18), *NONE)),
    "crop_shortest_is_the_crop": (
        WIDE,
        crop(15, 15, **RAW),
        lambda v: cropped(v, 15, (15, 15), *NONE),
    ),
    "crop_of_a_larger_picture_that_grows": (
        SMALL,
        crop(16, 16, 21, interpolation="bicubic", **RAW),
        lambda v: cropped(v, 21, (16, 16), *NONE, interpolation=BICUBIC),
    ),
    "crop_padded": (SMALL, crop(14, 20, 9, **RAW), lambda v: cropped(v, 9, (14, 20), *NONE)),
    "crop_padded_one_side": (
        TALL,
        crop(15, 24, 17, **RAW),
        lambda v: cropped(v, 17, (15, 24), *NONE),
    ),
    "crop_nearest": (
        WIDE,
        crop(16, 16, 23, interpolation="nearest", **RAW),
        lambda v: cropped(v, 23, (16, 16), *NONE, interpolation=InterpolationMode.NEAREST),
    ),
    "crop_row": (ROW, crop(8, 8, 8, **RAW), lambda v: cropped(v, 8, (8, 8), *NONE)),
    "letterbox_wide": (WIDE, letterbox(16, 16, 114, **RAW), lambda v: padded(v, 16, 16, 114)),
    "letterbox_tall": (
        TALL,
        letterbox(17, 20, 0, interpolation="bilinear", **RAW),
        lambda v: padded(v, 17, 20, 0, method=Image.Resampling.BILINEAR),
    ),
    "letterbox_grows": (
        SMALL,
        letterbox(20, 23, 255, interpolation="lanczos", **RAW),
        lambda v: padded(v, 20, 23, 255, method=Image.Resampling.LANCZOS),
    ),
    "letterbox_of_a_row": (
        ROW,
        letterbox(8, 30, 9, interpolation="box", **RAW),
        lambda v: padded(v, 8, 30, 9, method=Image.Resampling.BOX),
    ),
    "clip_processor": (
        TALL,
        crop(18, 18, 18, interpolation="bicubic", standardize_image="clip"),
        lambda v: processed(
            CLIPImageProcessor(size={"shortest_edge": 18}, crop_size={"height": 18, "width": 18}), v
        ),
    ),
    "vit_processor": (
        WIDE,
        {"height": 14, "width": 18, "standardize_image": "inception"},
        lambda v: processed(ViTImageProcessor(size={"height": 14, "width": 18}), v),
    ),
    "own_scales": (
        WIDE,
        {
            "height": 14,
            "width": 18,
            "standardize_image": {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]},
            "resize_precision": "float32",
        },
        lambda v: scaled(
            v2.Resize((14, 18))(
                v2.functional.to_dtype(v2.functional.to_image(v), torch.float32, scale=True)
            ),
            [0.1, 0.2, 0.3],
            [0.4, 0.5, 0.6],
        ),
    ),
}
# Pillow's own default is bicubic.
CASES["letterbox_wide"][1]["interpolation"] = "bicubic"

for name, (values, preprocessing, expected) in CASES.items():
    path = folder("image_features", name)
    save(path / "input.png", values)
    expected = {"features": numpy.ascontiguousarray(expected(values), dtype=numpy.float32)}
    safetensors.numpy.save_file(expected, path / "expected.safetensors")
    made_with = versions("pillow", "torch", "torchvision", "transformers")
    write_config(path, made_with, preprocessing=preprocessing)
