"""Short texts and rare classes: the default config beside TF-IDF and logistic regression.

    python bench/defaults/texts.py --ours target/release/sensorium --data DATA [--seeds 42 1 2]

Every run is a fresh process; its time is from its start to its end, and that of scikit-learn's
fitting and predicting alone stands beside it. `balanced` is `class_weights: balanced` of ours and
`class_weight="balanced"` of scikit-learn's.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
#: Table, text column, label.
TEXTS = {
    "hatemoji": ("hatemoji/hatemoji_build.csv", "text", "hateful"),
    "bbq category": ("bbq/bbq.csv", "context", "category"),
    "vqarad question_type": ("vqarad/vqarad.csv", "question", "question_type"),
    "vqarad organ": ("vqarad/vqarad.csv", "question", "organ"),
    "stamps category": ("stamps/stamps.csv", "caption_en", "category"),
    "emoji category": ("emoji/emoji.csv", "keywords", "category"),
}
HEADER = (
    "| texts | classes weigh | ours: accuracy, macro F1 (± interval) | seconds | TF-IDF + LR: accuracy, macro F1 "
    "| seconds (of them fitting) |\n|---|---|---|---|---|---|"
)


def ours(binary, table, text, label, seed, balanced):
    with tempfile.TemporaryDirectory() as folder:
        loss = {"loss": {"class_weights": "balanced"}} if balanced else {}
        config = {
            "input_features": [{"name": text, "type": "text"}],
            "output_features": [{"name": label, "type": "category"} | loss],
            "preprocessing": {"split": {"type": "fixed", "column": "split"}},
        }
        file = Path(folder) / "config.yaml"
        file.write_text(json.dumps(config))
        command = [binary, "train", "--config", file, "--dataset", table, "--output_directory", folder]
        started = time.monotonic()
        subprocess.run([*command, "--random_seed", str(seed)], check=True, capture_output=True)
        seconds = time.monotonic() - started
        (statistics_file,) = Path(folder).glob("*/test_statistics.json")
        output = json.loads(statistics_file.read_text())[label]
        interval = output["interval"]["macro_f1"]
        return {key: output[key] for key in ("accuracy", "macro_f1")} | {
            "seconds": seconds,
            "half_width": (interval["high"] - interval["low"]) / 2,
        }


def tfidf(table, text, label, balanced):
    command = [sys.executable, FOLDER / "tfidf.py", table, text, label, *(["--balanced"] if balanced else [])]
    started = time.monotonic()
    scores = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return scores | {"process": time.monotonic() - started}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", type=Path, required=True, help="the program `sensorium`")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[42, 1, 2])
    arguments = parser.parse_args()
    print(HEADER)
    for name, (path, text, label) in TEXTS.items():
        table = arguments.data / path
        for balanced in (False, True):
            runs = [ours(arguments.ours.resolve(), table, text, label, seed, balanced) for seed in arguments.seeds]
            mean = {key: statistics.mean(run[key] for run in runs) for key in runs[0]}
            peer = tfidf(table, text, label, balanced)
            print(
                f"| {name} | {'balanced' if balanced else 'alike'} | {mean['accuracy']:.3f}, {mean['macro_f1']:.3f} "
                f"(± {mean['half_width']:.3f}) | {mean['seconds']:.1f} | {peer['accuracy']:.3f}, {peer['macro_f1']:.3f} "
                f"| {peer['process']:.1f} ({peer['seconds']:.2f}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()
