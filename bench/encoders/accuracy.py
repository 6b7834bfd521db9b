"""What frozen published encoders are worth: on the emoji example, and on ESC-10 over its five folds.

    python bench/encoders/accuracy.py --weights WEIGHTS --data DATA [--seeds 42 1 2]

`scripts/fetch_weights.py WEIGHTS` makes the folder of weights. Prints two tables: for each seed the
`category` accuracy of the example trained from scratch and of the same inputs through MiniLM,
EfficientNet-Lite0 and YAMNet, and for each fold of ESC-10 (the next one validates, three train) the
accuracy of a linear classifier's worth of layers on YAMNet. Only the standard library is needed.
"""

import argparse
import csv
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parents[1]
EMOJI = REPOSITORY / "examples" / "emoji"
NUM_FOLDS = 5


def trained(arguments, scratch, config, dataset, *more):
    """The test statistics of a run, and the seconds that it took."""
    results = scratch / "results"
    command = [arguments.sensorium, "train", "--config", config, "--dataset", dataset]
    command += ["--output_directory", results, "--embedding_cache", scratch / "embeddings", *more]
    before = set(results.glob("*"))
    start = time.perf_counter()
    # Weights are named relative to the working folder.
    subprocess.run(command, check=True, cwd=scratch, capture_output=True)
    seconds = time.perf_counter() - start
    (run,) = set(results.glob("*")) - before
    return json.loads((run / "test_statistics.json").read_text()), seconds


def accuracy(statistics, output):
    return statistics[output]["accuracy"]


def emoji(arguments, scratch):
    print("| seed | from scratch | s | published, frozen | s |\n|---|---|---|---|---|")
    columns = [[], []]
    for seed in arguments.seeds:
        cells = []
        for config, column in zip(("emoji.yaml", "pretrained.yaml"), columns, strict=True):
            found, seconds = trained(
                arguments, scratch, EMOJI / config, EMOJI / "emoji.csv", "--random_seed", str(seed)
            )
            column.append(accuracy(found, "category"))
            cells.append(f"{column[-1]:.3f} | {seconds:.0f}")
        print(f"| {seed} | {' | '.join(cells)} |", flush=True)
    means = [statistics.mean(column) for column in columns]
    print(f"\nemoji, category, mean of {len(arguments.seeds)} seeds: {means[0]:.3f} from scratch, {means[1]:.3f} frozen\n")


def esc10(arguments, scratch):
    with open(arguments.data / "esc10/esc10.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    print("| fold | accuracy | s |\n|---|---|---|")
    scores = []
    for fold in range(1, NUM_FOLDS + 1):
        parts = {fold: "test", fold % NUM_FOLDS + 1: "validation"}
        table = scratch / f"fold{fold}.csv"
        with open(table, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["audio", "event", "split"])
            writer.writeheader()
            for row in rows:
                audio = arguments.data / "esc10" / row["audio"]
                part = parts.get(int(row["fold"]), "train")
                writer.writerow({"audio": audio, "event": row["event"], "split": part})
        found, seconds = trained(arguments, scratch, FOLDER / "esc10.yaml", table, "--media_root", "/")
        scores.append(accuracy(found, "event"))
        print(f"| {fold} | {scores[-1]:.3f} | {seconds:.0f} |", flush=True)
    print(f"\nESC-10, YAMNet frozen, mean of {NUM_FOLDS} folds: {statistics.mean(scores):.3f} (majority 0.100)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 1, 2])
    parser.add_argument("--sensorium", type=Path, default=REPOSITORY / "target/release/sensorium")
    arguments = parser.parse_args()
    arguments.data, arguments.sensorium = arguments.data.resolve(), arguments.sensorium.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        (scratch / "weights").symlink_to(arguments.weights.resolve())
        emoji(arguments, scratch)
        esc10(arguments, scratch)


main()
