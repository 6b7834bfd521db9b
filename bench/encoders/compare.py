"""Times every published encoder against eager PyTorch at batch 1 and 16, and prints one table.

    python bench/encoders/compare.py [--case NAME ...] [--rows 1 16] [--rounds 1]

Every measurement is a fresh process on the same cores, and the two engines take turns at going first
from round to round, so that a neighbour of this machine slows both alike. PyTorch runs in the Python
that runs this file, with the versions of `reference/requirements.lock`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
HEADER = "| encoder | batch | ours, ms | torch, ms | ours / torch | peak memory ours / torch, MB |\n|---|---|---|---|---|---|"


def built_binary():
    """Builds our programs and returns the path of the binary."""
    subprocess.run(["cargo", "build", "--release", "-p", "sensorium-bench"], cwd=FOLDER, check=True)
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    metadata = subprocess.run(command, cwd=FOLDER, check=True, stdout=subprocess.PIPE)
    return Path(json.loads(metadata.stdout)["target_directory"], "release", "sensorium-bench")


def measured(command):
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{process.stderr}")
    return json.loads(process.stdout.splitlines()[-1])


def row(name, rows, arguments):
    threads = ["--threads", str(arguments.threads)]
    commands = {
        "ours": [arguments.ours, f"encoder-{name}-b{rows}", *threads],
        "torch": [sys.executable, FOLDER / "peers.py", name, "--rows", str(rows), *threads],
    }
    medians, memory = {engine: [] for engine in commands}, {}
    for number in range(arguments.rounds):
        for engine in sorted(commands, reverse=number % 2 == 1):
            found = measured(commands[engine])
            medians[engine].append(statistics.median(found["seconds"]))
            memory[engine] = found["peak_memory_bytes"] / 1e6
    ratio = statistics.median(ours / torch for ours, torch in zip(medians["ours"], medians["torch"], strict=True))
    ours, torch = (1e3 * statistics.median(medians[engine]) for engine in ("ours", "torch"))
    memory = f"{memory['ours']:.0f} / {memory['torch']:.0f}"
    return f"| {name} | {rows} | {ours:.1f} | {torch:.1f} | {ratio:.2f} | {memory} |"


def main():
    names = [case["name"] for case in json.loads((FOLDER / "cases.json").read_text())]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", nargs="+", choices=names, default=names)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--ours", type=Path, help="the binary, built before")
    arguments = parser.parse_args()
    arguments.ours = arguments.ours or built_binary()
    print(HEADER)
    for name in arguments.case:
        for rows in arguments.rows:
            print(row(name, rows, arguments), flush=True)


main()
