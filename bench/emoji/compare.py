"""Trains the emoji example with ours and with PyTorch, and prints the time to one accuracy.

    python bench/emoji/compare.py --ours target/release/sensorium [--seeds 42 1 2] [--out runs.json]

The programs take turns, each in a fresh process on the same cores, and the first to go changes from
seed to seed. The clock starts when the process is started and is read when the line of an epoch
arrives. The target of a seed is the lower of the two programs' best validation accuracies of
`category`, so both reach it; the time to it is that of the end of the first epoch that does.
`train_torch.py` runs in the Python that runs this file.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
EXAMPLE = FOLDER.parents[1] / "examples" / "emoji"
PROGRAMS = ("ours", "torch")
END_OF_EPOCH = re.compile(r"epoch +\d+/\d+ ")
# Above this share of all cores, a neighbour may have decided a time.
LOUD_NEIGHBOUR = 0.05
HEADER = (
    "| seed | target accuracy | ours, s (epoch) | torch, s (epoch) | ours / torch | one epoch ours / torch, s | ratio "
    "| all epochs ours / torch, s | best accuracy ours / torch | peak memory ours / torch, MB | taken by others |"
)


def ours(binary, seed, folder):
    """The command of a run, and what reads its accuracies afterwards."""
    inputs = ["--config", FOLDER / "emoji.yaml", "--dataset", EXAMPLE / "emoji.csv"]
    command = [binary, "train", *inputs, "--output_directory", folder, "--random_seed", str(seed)]
    # What the PyTorch program does: the joint loss alone, watched by the accuracy.
    for setting in ("unimodal_loss_weight=0", "validation_field=category", "validation_metric=accuracy"):
        command += ["--set", f"trainer.{setting}"]

    def accuracies():
        (path,) = folder.glob("*/training_statistics.json")
        return json.loads(path.read_text())["validation"]["category"]["accuracy"]

    return command, accuracies


def torch(seed, folder):
    """The command of a run, and what reads its accuracies afterwards."""
    out = folder / "epochs.json"
    command = [sys.executable, FOLDER / "train_torch.py", "--seed", str(seed), "--out", out]
    return command, lambda: [epoch["category_accuracy"] for epoch in json.loads(out.read_text())["epochs"]]


def measured(program, seed, arguments):
    """Runs a program once in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        command, accuracies = ours(arguments.ours, seed, folder) if program == "ours" else torch(seed, folder)
        busy, started = busy_seconds(), time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        ends, lines = [], []
        for line in process.stdout:
            lines.append(line)
            if END_OF_EPOCH.match(line):
                ends.append(time.monotonic() - started)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        # `wait4` tells the peak memory, which `Popen.wait` does not.
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"{program} with seed {seed} failed:\n{''.join(lines)}")
        of_others = busy_seconds() - busy - usage.ru_utime - usage.ru_stime
        return {
            "ends": ends,
            "accuracies": accuracies(),
            "until_exit": seconds,
            # Linux counts in KiB.
            "peak_bytes": usage.ru_maxrss * 1024,
            "taken_by_others": max(0.0, of_others) / (seconds * os.cpu_count()),
        }


def busy_seconds():
    """Seconds that all cores together were not idle, since the machine was started."""
    user, nice, system, _, _, interrupts, soft_interrupts, stolen, *_ = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    ticks = user + nice + system + interrupts + soft_interrupts + stolen
    return ticks / os.sysconf("SC_CLK_TCK")


def first_to_reach(run, target):
    """The first epoch, from 1, that is at least as good as the target, and when it ended."""
    epoch = next(epoch for epoch, accuracy in enumerate(run["accuracies"]) if accuracy >= target)
    return epoch + 1, run["ends"][epoch]


def seconds_per_epoch(run):
    """The median, without the first epoch, whose end counts from the start of the process."""
    ends = run["ends"]
    return statistics.median(later - earlier for earlier, later in zip(ends, ends[1:]))


def target_of(runs):
    return min(max(run["accuracies"]) for run in runs.values())


def row_of(seed, runs):
    target = target_of(runs)
    reached = {program: first_to_reach(run, target) for program, run in runs.items()}
    one = {program: seconds_per_epoch(run) for program, run in runs.items()}

    def pair(text):
        return " / ".join(text(runs[program]) for program in PROGRAMS)

    cells = [
        str(seed),
        f"{target:.3f}",
        *(f"{seconds:.1f} ({epoch})" for epoch, seconds in (reached[program] for program in PROGRAMS)),
        f"{reached['ours'][1] / reached['torch'][1]:.2f}",
        " / ".join(f"{one[program]:.2f}" for program in PROGRAMS),
        f"{one['ours'] / one['torch']:.2f}",
        pair(lambda run: f"{run['ends'][-1]:.1f} ({len(run['ends'])})"),
        pair(lambda run: f"{max(run['accuracies']):.3f}"),
        pair(lambda run: f"{run['peak_bytes'] / 1e6:.0f}"),
        pair(lambda run: f"{100 * run['taken_by_others']:.0f} %"),
    ]
    return f"| {' | '.join(cells)} |"


def ratio_of(runs):
    """Ours over PyTorch, to the target."""
    target = target_of(runs)
    return first_to_reach(runs["ours"], target)[1] / first_to_reach(runs["torch"], target)[1]


def table_of(by_seed):
    lines = [HEADER, "|" + "---|" * (HEADER.count("|") - 1)]
    lines += [row_of(seed, runs) for seed, runs in by_seed.items()]
    ratios = [ratio_of(runs) for runs in by_seed.values()]
    lines += ["", f"Ours / torch to the target: median {statistics.median(ratios):.2f} of {len(ratios)} seeds."]
    loudest = max(run["taken_by_others"] for runs in by_seed.values() for run in runs.values())
    if loudest > LOUD_NEIGHBOUR:
        lines.append(f"Others took up to {100 * loudest:.0f} % of the machine: run it again when it is quiet.")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True, type=Path, help="the release binary `sensorium`")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 1, 2])
    parser.add_argument("--out", type=Path, help="a JSON file for every run's epochs")
    arguments = parser.parse_args()

    by_seed = {}
    for turn, seed in enumerate(arguments.seeds):
        order = PROGRAMS if turn % 2 == 0 else PROGRAMS[::-1]
        by_seed[seed] = {program: measured(program, seed, arguments) for program in order}
        print(f"seed {seed}: {turn + 1} of {len(arguments.seeds)}", file=sys.stderr)
        if arguments.out:
            arguments.out.write_text(json.dumps(by_seed, indent=2) + "\n")
    print(table_of(by_seed))


if __name__ == "__main__":
    main()
