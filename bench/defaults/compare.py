"""Default configs, names and types alone, beside a plain PyTorch network and beside each input by itself.

    python bench/defaults/compare.py --ours target/release/sensorium --data DATA [--task emoji ...] [--seeds 42 1 2]

`DATA` holds the folders that `tasks.py` names. Tables that are made go to `--work`. The PyTorch
network takes as many steps as ours did, with the same batch size; a model of one input has the same
config with the other inputs left out. Scores are those of the test rows; the interval is the
bootstrap's of one model, 95 %, as half its width. Every run is a fresh process on the same cores,
one after the other; a run adds its line to `--out`, and what is there already is not run again.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tasks import SEEDS, TASKS

FOLDER = Path(__file__).resolve().parent
HEADER = (
    "| task | test rows | metric | Sensorium: mean (lowest to highest) | interval, ± | seconds | PyTorch: mean "
    "(lowest to highest) | seconds | best single input: mean | majority | bar | met |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)


class Runs:
    """What was measured, one line of JSON a run."""

    def __init__(self, path):
        self.path = path
        self.lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def of(self, **keys):
        return [run for run in self.lines if all(run[key] == value for key, value in keys.items())]

    def measure(self, run, **keys):
        """What `run` returns, unless it was measured before."""
        if not self.of(**keys):
            self.lines.append(keys | run())
            with self.path.open("a") as file:
                file.write(json.dumps(self.lines[-1]) + "\n")
            print(self.lines[-1], file=sys.stderr, flush=True)
        return self.of(**keys)[0]


def ours(arguments, task, table, inputs, seed):
    """Trains on some of the inputs and reads what the run wrote."""
    folder = arguments.work / "runs" / f"{task.name}-{'+'.join(inputs)}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    config = task.config()
    config["input_features"] = [feature for feature in config["input_features"] if feature["name"] in inputs]
    (folder / "config.yaml").write_text(json.dumps(config))
    command = [arguments.ours, "train", "--config", folder / "config.yaml", "--dataset", table, "--media_root", "/"]
    command += ["--output_directory", folder, "--random_seed", str(seed)]
    started = time.monotonic()
    subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.monotonic() - started
    run = max(folder.glob("experiment_run*"), key=lambda path: path.stat().st_mtime)
    scores = json.loads((run / "test_statistics.json").read_text())[task.output]
    description = json.loads((run / "description.json").read_text())
    history = json.loads((run / "training_statistics.json").read_text())
    interval = scores["interval"][task.metric]
    return {
        "score": scores[task.metric],
        "half_width": (interval["high"] - interval["low"]) / 2,
        "majority": scores["baseline"][task.metric],
        "seconds": seconds,
        "rows": description["rows"]["test"],
        "epochs": len(history["validation"][task.output]["loss"]),
        "batch_size": description["config"]["trainer"]["batch_size"],
    }


def torch(arguments, task, table, like, seed):
    command = [sys.executable, FOLDER / "train_torch.py", task.name, "--table", table, "--seed", str(seed)]
    command += ["--epochs", str(like["epochs"]), "--batch-size", str(like["batch_size"])]
    if any(kind["type"] == "audio" for kind in task.inputs.values()):
        command += ["--sounds", sounds(arguments, task, table)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def sounds(arguments, task, table):
    """The frames of the table's sounds, as `sensorium features` writes them."""
    file = arguments.work / f"{task.name}.safetensors"
    if not file.exists():
        config = file.with_suffix(".json")
        config.write_text(json.dumps(task.config()))
        command = [arguments.ours, "features", "--config", config, "--dataset", table, "--media_root", "/"]
        subprocess.run([*command, "--output", file], check=True, capture_output=True)
    return file


def measured(arguments, runs, task):
    table = task.table(arguments.work / "tables", arguments.data)
    everything = list(task.inputs)
    for seed in arguments.seeds:
        keys = {"task": task.name, "seed": seed}
        like = runs.measure(
            lambda: ours(arguments, task, table, everything, seed), program="ours", inputs="all", **keys
        )
        if arguments.ours_alone:
            continue
        runs.measure(lambda: torch(arguments, task, table, like, seed), program="torch", inputs="all", **keys)
        for name in everything if len(everything) > 1 else []:
            runs.measure(lambda: ours(arguments, task, table, [name], seed), program="ours", inputs=name, **keys)


def spread(scores):
    return f"{statistics.mean(scores):.3f} ({min(scores):.3f} to {max(scores):.3f})" if scores else ""


def best_single(runs, task):
    """The input whose models are the best on average, and how good they are."""
    means = {}
    for name in task.inputs:
        scores = [run["score"] for run in runs.of(task=task.name, program="ours", inputs=name)]
        if scores:
            means[name] = statistics.mean(scores)
    return max(means.items(), key=lambda item: item[1], default=None)


def line(runs, task):
    own = runs.of(task=task.name, program="ours", inputs="all")
    peer = runs.of(task=task.name, program="torch", inputs="all")
    scores, half = [run["score"] for run in own], statistics.mean(run["half_width"] for run in own)
    seconds = [run["seconds"] for run in own]
    single = best_single(runs, task)
    faults = []
    if task.bar and min(scores) < task.bar:
        faults.append(f"{sum(score < task.bar for score in scores)} of {len(scores)} seeds below the bar")
    if task.seconds and max(seconds) > task.seconds:
        faults.append(f"{max(seconds):.0f} s")
    mean = statistics.mean(scores)
    if peer and mean < statistics.mean(run["score"] for run in peer) - half:
        faults.append("below PyTorch")
    if single and mean < single[1] - half:
        faults.append(f"below {single[0]}")
    bar = " ".join([f"{task.bar:.2f}" if task.bar else "", f"in {task.seconds:.0f} s" if task.seconds else ""]).strip()
    cells = [
        task.name,
        own[0]["rows"],
        task.metric,
        spread(scores),
        f"{half:.3f}",
        f"{statistics.mean(seconds):.0f}",
        spread([run["score"] for run in peer]),
        f"{statistics.mean(run['seconds'] for run in peer):.0f}" if peer else "",
        f"{single[0]} {single[1]:.3f}" if single else "",
        f"{own[0]['majority']:.3f}",
        bar,
        "; ".join(faults) or "yes",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", type=Path, required=True, help="the program `sensorium`")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("/tmp/sensorium-defaults"))
    parser.add_argument("--out", type=Path, help="where runs are kept; in `--work` where not given")
    parser.add_argument("--task", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--ours-alone", action="store_true", help="neither PyTorch nor single inputs")
    arguments = parser.parse_args()
    arguments.ours = arguments.ours.resolve()
    arguments.work.mkdir(parents=True, exist_ok=True)
    runs = Runs(arguments.out or arguments.work / "runs.jsonl")
    for name in arguments.task:
        measured(arguments, runs, TASKS[name])
    print(HEADER)
    for name in arguments.task:
        print(line(runs, TASKS[name]))


if __name__ == "__main__":
    main()
