"""The tasks of the comparison: where their rows come from, and the config of each, names and types alone.

A task is a table on disk and a config that says no more than which columns are inputs and outputs,
of what type, and where the split stands. What a task sets beyond that stands in `settings`.
"""

import csv
import json
import random
from dataclasses import dataclass, field
from pathlib import Path

SEEDS = (42, 1, 2, 3, 4)


@dataclass(frozen=True)
class Task:
    """One table and what is asked of it."""

    name: str
    #: Writes the table under the first folder from the data in the second, and returns its path.
    table: callable
    inputs: dict
    output: str
    output_type: str = "category"
    #: The metric that is compared; more is better.
    metric: str = "accuracy"
    settings: dict = field(default_factory=dict)
    #: The least that each seed must reach, where the goal names one.
    bar: float | None = None
    #: The most seconds that a training may take, where the goal names them.
    seconds: float | None = None

    def config(self):
        split = {"type": "fixed", "column": "split"}
        config = {
            "input_features": [{"name": name, **kind} for name, kind in self.inputs.items()],
            "output_features": [{"name": self.output, "type": self.output_type}],
            "preprocessing": {"split": split},
        }
        return config | ({"trainer": self.settings} if self.settings else {})


def written(path, rows):
    """Writes rows, dicts of the same keys, as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def absolute(rows, column, folder):
    """The rows with the paths of a column made absolute."""
    return [row | {column: str((folder / row[column]).resolve()) if row[column] else ""} for row in rows]


def easy_vqa(side):
    """All questions of easy-VQA; every tenth of the train pictures validates, with all of its questions."""

    def table(folder, _):
        import easy_vqa
        from PIL import Image

        source = Path(easy_vqa.__file__).parent / "data"
        folder = folder / f"easy-vqa-{side}"
        rows = []
        for part in ("train", "test"):
            for question, answer, image in json.loads((source / part / "questions.json").read_text()):
                validates = part == "train" and image % 10 == 9
                split = "validation" if validates else part
                rows.append({"image": f"{part}/{image}.png", "question": question, "answer": answer, "split": split})
        for image in {row["image"] for row in rows}:
            part, name = image.split("/")
            target = folder / image
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                picture = Image.open(source / part / "images" / name).convert("RGB")
                picture.resize((side, side), Image.Resampling.BILINEAR).save(target)
        return written(folder / "table.csv", rows)

    return table


def given(path):
    """A table that is there already."""
    return lambda _, data: data / path


def avdigits_with_gaps(folder, data):
    """One input missing in two thirds of the rows: a third lacks the picture, a third the sound."""
    draw = random.Random(0)
    source = data / "avdigits"
    rows = absolute(absolute(rows_of(source / "avdigits.csv"), "image", source), "audio", source)
    for row in rows:
        lacks = draw.choice(["image", "audio", None])
        if lacks:
            row[lacks] = ""
    return written(folder / "avdigits-gaps" / "table.csv", rows)


def vqarad_closed(folder, data):
    """The questions of VQA-RAD whose answer is yes or no."""
    rows = [row for row in rows_of(data / "vqarad" / "vqarad.csv") if row["answer"] in ("yes", "no")]
    rows = absolute(rows, "image", data / "vqarad")
    return written(folder / "vqarad" / "table.csv", rows)


def signs_and_digits(folder, data):
    """A hand that shows a digit, and a written digit: is it the same one?

    Signs are split by signer; the written digits of a part are of the same part of avdigits. Half of
    the rows match. Each sign meets four written digits.
    """
    draw = random.Random(0)
    signs = absolute(rows_of(data / "signs" / "signs.csv"), "image", data / "signs")
    written_digits = {}
    for row in absolute(rows_of(data / "avdigits" / "avdigits.csv"), "image", data / "avdigits"):
        written_digits.setdefault((row["split"], row["digit"]), []).append(row["image"])
    rows = []
    for sign in signs:
        for _ in range(4):
            same = draw.random() < 0.5
            others = [digit for digit in "0123456789" if digit != sign["digit"]]
            digit = sign["digit"] if same else draw.choice(others)
            picture = draw.choice(written_digits[sign["split"], digit])
            answer = "yes" if same else "no"
            rows.append({"sign": sign["image"], "written": picture, "same": answer, "split": sign["split"]})
    return written(folder / "signs-digits" / "table.csv", rows)


IMAGE, TEXT, AUDIO, CATEGORY = ({"type": kind} for kind in ("image", "text", "audio", "category"))
PICTURE_AND_SOUND = {"image": IMAGE, "audio": AUDIO}
EMOJI = {"noto": IMAGE, "name": TEXT, "keywords": TEXT, "speech": AUDIO}
QUESTION = {"image": IMAGE, "question": TEXT}
ANSWERS = {name: TEXT for name in ("context", "question", "answer_0", "answer_1", "answer_2")}

TASKS = {
    task.name: task
    for task in (
        Task("easy-vqa-64", easy_vqa(64), QUESTION, "answer", bar=0.95, seconds=600),
        Task("easy-vqa-32", easy_vqa(32), QUESTION, "answer", bar=0.95, seconds=240),
        Task(
            "avdigits-short",
            given("avdigits/avdigits.csv"),
            PICTURE_AND_SOUND,
            "digit",
            settings={"epochs": 5, "batch_size": 64},
            bar=0.96,
        ),
        Task(
            "avdigits",
            given("avdigits/avdigits.csv"),
            PICTURE_AND_SOUND,
            "digit",
            settings={"epochs": 8, "batch_size": 32},
            bar=0.98,
        ),
        Task(
            "avdigits-gaps",
            avdigits_with_gaps,
            PICTURE_AND_SOUND,
            "digit",
            settings={"epochs": 8, "batch_size": 32},
            bar=0.92,
        ),
        Task("emoji", given("emoji/emoji.csv"), EMOJI, "category"),
        Task("vqarad", vqarad_closed, QUESTION, "answer", output_type="binary"),
        Task("hatemoji", given("hatemoji/hatemoji_build.csv"), {"text": TEXT}, "hateful", output_type="binary"),
        Task("bbq", given("bbq/bbq.csv"), ANSWERS, "answer_role"),
        Task("stamps", given("stamps/stamps.csv"), {"picture": IMAGE, "sound": AUDIO, "caption_en": TEXT}, "category"),
        Task("signs-digits", signs_and_digits, {"sign": IMAGE, "written": IMAGE}, "same", output_type="binary"),
    )
}
