"""Plots how the time of a training step grows with rows, tokens, width and threads.

    python bench/kernels/scaling.py --ours target/release/sensorium-bench --out docs/images/scaling.png

The step is that of the 4-layer transformer of the table, 32 rows of 64 tokens of width 256 on all
cores, of which one size changes at a time. Ours and PyTorch take turns, each in a fresh process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
BASE = {"rows": 32, "tokens": 64, "width": 256}
AXES = {
    "rows": [1, 4, 16, 32, 64],
    "tokens": [8, 32, 64, 128, 256],
    "width": [64, 128, 256, 512],
    "threads": list(range(1, os.cpu_count() + 1)),
}
ENGINES = ("ours", "torch")


def milliseconds(engine, sizes, threads, ours):
    """The median of a fresh process."""
    case = f"scaling-{sizes['rows']}x{sizes['tokens']}x{sizes['width']}"
    command = [ours, case] if engine == "ours" else [sys.executable, FOLDER / "peers.py", case, engine]
    process = subprocess.run([*command, "--threads", str(threads)], capture_output=True, text=True, check=True)
    return 1e3 * statistics.median(json.loads(process.stdout.splitlines()[-1])["seconds"])


def measured(axis, value, engine, ours):
    sizes = BASE | ({axis: value} if axis != "threads" else {})
    return milliseconds(engine, sizes, value if axis == "threads" else os.cpu_count(), ours)


def plot(times, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, ScalarFormatter

    figure, panels = pyplot.subplots(1, len(AXES), figsize=(13, 3.4), layout="constrained")
    for panel, (axis, values) in zip(panels, AXES.items()):
        for engine, label in zip(ENGINES, ("Sensorium", "PyTorch eager")):
            panel.plot(values, times[axis][engine], marker="o", label=label)
        panel.set(xlabel=axis, xscale="log", yscale="log")
        panel.set_xticks(values, values)
        panel.xaxis.minorticks_off()
        # A panel may lie between two powers of ten, which alone would be labelled.
        panel.yaxis.set_major_formatter(ScalarFormatter())
        panel.yaxis.set_minor_formatter(ScalarFormatter())
        panel.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("training step, ms")
    panels[0].legend()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ours", required=True, type=Path, help="the binary sensorium-bench")
    parser.add_argument("--out", required=True, type=Path, help="the picture, PNG or SVG")
    arguments = parser.parse_args()
    times = {axis: {engine: [] for engine in ENGINES} for axis in AXES}
    print("| size | ours, ms | torch, ms | ours / torch |\n|---|---|---|---|")
    for axis, values in AXES.items():
        for value in values:
            pair = [measured(axis, value, engine, arguments.ours) for engine in ENGINES]
            for engine, time in zip(ENGINES, pair):
                times[axis][engine].append(time)
            print(f"| {axis} {value} | {pair[0]:.2f} | {pair[1]:.2f} | {pair[0] / pair[1]:.2f} |", flush=True)
    plot(times, arguments.out)


if __name__ == "__main__":
    main()
