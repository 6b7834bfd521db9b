"""Golden cases for decoding: what Pillow makes of one file of each kind.

Run `python reference/image/decode.py` with the versions of `reference/requirements.lock`.
The expected picture is upright (`ImageOps.exif_transpose`), on white, 8-bit RGB. PNG files of 16 bits
are torchvision's, to the nearest of 8 bits: Pillow cuts gray ones off at 255.
"""

import struct
import sys
import zlib

import numpy
import torch
import torchvision
from pictures import folder, noise, save, versions, waves, write_case, write_config
from PIL import Image, ImageOps
from torchvision.transforms.v2 import functional

HEIGHT, WIDTH = 20, 28
COLOR = Image.fromarray(waves(HEIGHT, WIDTH))
ALPHA = Image.fromarray(noise(HEIGHT, WIDTH, 1, seed=3)[:, :, 0])
CLEAR = COLOR.copy()
CLEAR.putalpha(ALPHA)
PALETTE = COLOR.quantize(12)
TRANSPOSE_AND_RESOLUTION = Image.Exif()
TRANSPOSE_AND_RESOLUTION[0x0112] = 6  # orientation: turn a quarter to the right
TRANSPOSE_AND_RESOLUTION[0x011A] = 72.0

# Name: file name, picture, and how it is saved.
CASES = {
    "png_rgb": ("a.png", COLOR, {}),
    "png_rgba": ("a.png", CLEAR, {}),
    "png_gray": ("a.png", COLOR.convert("L"), {}),
    "png_gray_alpha": ("a.png", CLEAR.convert("LA"), {}),
    "png_palette": ("a.png", PALETTE, {}),
    "png_palette_transparent": ("a.png", PALETTE, {"transparency": 3}),
    "png_one_bit": ("a.png", COLOR.convert("1"), {}),
    "png_orientation": ("a.png", COLOR, {"exif": TRANSPOSE_AND_RESOLUTION}),
    "jpeg_444": ("a.jpg", COLOR, {"quality": 90, "subsampling": 0}),
    "jpeg_420": ("a.jpg", COLOR, {"quality": 90, "subsampling": 2}),
    "jpeg_progressive": ("a.jpg", COLOR, {"quality": 90, "subsampling": 0, "progressive": True}),
    "jpeg_gray": ("a.jpg", COLOR.convert("L"), {"quality": 90}),
    "jpeg_cmyk": ("a.jpg", COLOR.convert("CMYK"), {"quality": 95}),
    "jpeg_restart": ("a.jpg", COLOR, {"quality": 90, "subsampling": 0, "restart_marker_blocks": 2}),
    "jpeg_orientation": (
        "a.jpg",
        COLOR,
        {"quality": 90, "subsampling": 0, "exif": TRANSPOSE_AND_RESOLUTION},
    ),
    "webp_lossless": ("a.webp", COLOR, {"lossless": True}),
    "webp_lossless_alpha": ("a.webp", CLEAR, {"lossless": True, "exact": True}),
    "webp_lossy": ("a.webp", COLOR, {"quality": 80}),
    "webp_animated": (
        "a.webp",
        COLOR,
        {"lossless": True, "save_all": True, "append_images": [ImageOps.invert(COLOR)]},
    ),
    "webp_orientation": ("a.webp", COLOR, {"lossless": True, "exif": TRANSPOSE_AND_RESOLUTION}),
    "gif": ("a.gif", PALETTE, {}),
    "gif_interlaced": ("a.gif", PALETTE, {"interlace": 1}),
    "gif_transparent": ("a.gif", PALETTE, {"transparency": 3}),
    "gif_animated": (
        "a.gif",
        PALETTE,
        {"save_all": True, "append_images": [ImageOps.invert(COLOR).quantize(12)]},
    ),
    "bmp_rgb": ("a.bmp", COLOR, {}),
    "bmp_palette": ("a.bmp", PALETTE, {}),
    "bmp_gray": ("a.bmp", COLOR.convert("L"), {}),
    "bmp_one_bit": ("a.bmp", COLOR.convert("1"), {}),
    "tiff_rgb": ("a.tif", COLOR, {}),
    "tiff_lzw": ("a.tiff", COLOR, {"compression": "tiff_lzw"}),
    "tiff_deflate": ("a.tif", COLOR, {"compression": "tiff_adobe_deflate"}),
    "tiff_packbits": ("a.tif", COLOR.convert("L"), {"compression": "packbits"}),
    "tiff_gray": ("a.tif", COLOR.convert("L"), {}),
    "tiff_rgba": ("a.tif", CLEAR, {}),
    "tiff_one_bit": ("a.tif", COLOR.convert("1"), {}),
    "tiff_fax": ("a.tif", COLOR.convert("1"), {"compression": "group4"}),
    "tiff_cmyk": ("a.tif", COLOR.convert("CMYK"), {}),
    "tiff_orientation": ("a.tif", COLOR, {"tiffinfo": {0x0112: 6}}),
    "tiff_pages": (
        "a.tif",
        COLOR,
        {"save_all": True, "append_images": [ImageOps.invert(COLOR)]},
    ),
}

# With names as arguments, only those.
wanted = sys.argv[1:] or [*CASES, "png_rgb_16", "png_gray_16"]
for name in filter(CASES.get, wanted):
    file, picture, options = CASES[name]
    path = folder("image_decode", name)
    picture.save(path / file, **options)
    with Image.open(path / file) as saved:
        saved.seek(0)
        upright = ImageOps.exif_transpose(saved)
        if upright.has_transparency_data:
            upright = upright.convert("RGBA")
            white = Image.new("RGBA", upright.size, "white")
            upright = Image.alpha_composite(white, upright)
        expected = numpy.asarray(upright.convert("RGB"))
    write_case(path, expected, file=file)


def png_of_16_bits(values):
    """[H, W, 1 or 3] as a file; Pillow writes no such colors."""

    def chunk(name, body):
        length, checksum = len(body), zlib.crc32(name + body)
        return struct.pack(">I", length) + name + body + struct.pack(">I", checksum)

    height, width, channels = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 3: 2}[channels], 0, 0, 0)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


for name, channels in {"png_rgb_16": 3, "png_gray_16": 1}.items():
    if name not in wanted:
        continue
    path = folder("image_decode", name)
    values = numpy.random.RandomState(5).randint(0, 65_536, (9, 7, channels))
    # What rounds down to a level, and what rounds up to the next.
    values[0, :6, 0] = [0, 128, 129, 257, 65_406, 65_535]
    (path / "a.png").write_bytes(png_of_16_bits(values))
    tensor = torchvision.io.decode_image(str(path / "a.png"), mode="RGB")
    tensor = functional.to_dtype(tensor, torch.float32, scale=True)
    save(path / "expected.png", (255 * tensor).round().permute(1, 2, 0).to(torch.uint8).numpy())
    write_config(path, versions("torch", "torchvision"), file="a.png")
