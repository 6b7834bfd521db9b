"""Makes this folder's table and pictures from VQA-RAD, once.

    python examples/vqarad/prepare.py SOURCE_FOLDER

The source folder holds `vqarad.csv` and `image/*.jpg`. Pictures are brought to a shorter side of 256
pixels at most; of the questions those are kept that are answered by yes or no. Of the published
split's train rows every tenth is for validation, as it has none. Needs Pillow.
"""

import csv
import sys
from pathlib import Path

from PIL import Image

SHORTER_SIDE = 256
QUALITY = 80
COLUMNS = ["image", "question", "answer", "modality", "split", "split_official"]
HERE = Path(__file__).resolve().parent


def downsized(source, target):
    picture = Image.open(source).convert("RGB")
    scale = min(1.0, SHORTER_SIDE / min(picture.size))
    size = [max(1, round(side * scale)) for side in picture.size]
    picture.resize(size, Image.Resampling.LANCZOS).save(target, quality=QUALITY, optimize=True)


def official(part, number):
    return "validation" if part == "train" and number % 10 == 0 else part


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source = Path(sys.argv[1])
    with open(source / "vqarad.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["answer"].lower() in ("yes", "no")]
    (HERE / "image").mkdir(exist_ok=True)
    for image in sorted({row["image"] for row in rows}):
        downsized(source / image, HERE / "image" / Path(image).name)
    with open(HERE / "vqarad.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        for number, row in enumerate(rows):
            table.writerow(
                {
                    **row,
                    "answer": row["answer"].lower(),
                    "question": row["question"].strip(),
                    "split_official": official(row["split_official"], number),
                }
            )


main()
