"""Times our kernels against PyTorch, ONNX Runtime and OpenVINO, and prints one table.

    python bench/kernels/compare.py --out samples.json [--case NAME ...] [--engines ours torch ...]

Every measurement is a fresh process on the same cores. A round measures each engine once, and the
engines take turns at going first, so that a neighbour of this machine slows all of them alike. The
peers run in the Python that runs this file (`bench/README.md` says how to set it up).
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import BY_NAME, CASES, PEERS

FOLDER = Path(__file__).resolve().parent
OURS = "ours"
ENGINES = (OURS, *PEERS)
HEADER = (
    "| case | ours, ms (10–90 %) | torch, ms (10–90 %) | ours / torch | best of ONNX Runtime, OpenVINO / torch "
    "| goal | met | of the machine's peak, ours / torch | peak memory ours / torch, MB | of it while repeating, MB |"
)


def built_binary():
    """Builds our programs and returns the path of the binary."""
    subprocess.run(["cargo", "build", "--release", "-p", "sensorium-bench"], cwd=FOLDER, check=True)
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1"],
        cwd=FOLDER,
        check=True,
        stdout=subprocess.PIPE,
    )
    return Path(json.loads(metadata.stdout)["target_directory"], "release", "sensorium-bench")


def command_of(engine, case, arguments, onnx_folder):
    threads = ["--threads", str(arguments.threads)]
    if engine == OURS:
        return [arguments.ours, case.name, *threads]
    peer = [sys.executable, FOLDER / "peers.py", case.name, engine]
    return [*peer, *threads, "--onnx_folder", onnx_folder]


def measured(engine, case, arguments, onnx_folder):
    """What one fresh process says, or None where it failed."""
    command = command_of(engine, case, arguments, onnx_folder)
    # The exporters and engines talk on stderr; it is shown where the process failed.
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode != 0:
        sys.stderr.write(f"{case.name} with {engine} ended with {process.returncode}:\n{process.stderr}\n")
        return None
    return json.loads(process.stdout.splitlines()[-1])


def flops_per_second(arguments):
    """What the cores can do at most just now: the kernels' innermost loop on numbers in the nearest cache."""
    command = [arguments.ours, "peak", "--threads", str(arguments.threads)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(process.stdout)["flops_per_second"]


def rounds_of(case, arguments, onnx_folder):
    """For each engine one measurement a round; the order turns by one place each round."""
    engines = [engine for engine in arguments.engines if engine == OURS or engine in case.peers]
    rounds = []
    for turn in range(arguments.rounds):
        first = turn % len(engines)
        order = engines[first:] + engines[:first]
        measurements = {engine: measured(engine, case, arguments, onnx_folder) for engine in order}
        if OURS in engines:
            measurements["peak"] = flops_per_second(arguments)
        rounds.append(measurements)
        print(f"{case.name}: round {turn + 1} of {arguments.rounds}", file=sys.stderr)
    return rounds


def of_engine(rounds, engine):
    """The engine's measurements over all rounds, without those that failed."""
    return [one[engine] for one in rounds if one.get(engine)]


def milliseconds(rounds, engine):
    """The median of all repetitions of all rounds, and the spread without the outer tenths."""
    samples = [second * 1e3 for one in of_engine(rounds, engine) for second in one["seconds"]]
    if not samples:
        return "–"
    tenths = statistics.quantiles(samples, n=10, method="inclusive")
    return f"{statistics.median(samples):.2f} ({tenths[0]:.2f}–{tenths[-1]:.2f})"


def ratio(rounds, engine, to="torch"):
    """The median over rounds of the ratio of medians: both sides of a ratio ran side by side."""
    ratios = [
        statistics.median(one[engine]["seconds"]) / statistics.median(one[to]["seconds"])
        for one in rounds
        if one.get(engine) and one.get(to)
    ]
    return statistics.median(ratios) if ratios else None


def best_runtime(rounds):
    """The lower ratio of the two inference engines, and which one it is."""
    ratios = [(ratio(rounds, engine), engine) for engine in PEERS[1:]]
    ratios = [pair for pair in ratios if pair[0] is not None]
    if not ratios:
        return "–"
    best, engine = min(ratios)
    return f"{best:.2f} ({'ONNX Runtime' if engine == 'onnxruntime' else 'OpenVINO'})"


def share_of_peak(rounds, engine):
    """The share of the best round's peak that the arithmetic of the case, made directly, would need."""
    flops = [one["flops"] for one in of_engine(rounds, "torch")]
    peaks = [one["peak"] for one in rounds if one.get("peak")]
    samples = [second for one in of_engine(rounds, engine) for second in one["seconds"]]
    if not (flops and flops[0] and peaks and samples):
        return "–"
    return f"{100 * flops[0] / statistics.median(samples) / max(peaks):.0f} %"


def megabytes(rounds, bytes_of):
    """The largest over all rounds, ours and PyTorch's; ours is only known on Linux."""
    cells = []
    for engine in (OURS, "torch"):
        known = [one for one in of_engine(rounds, engine) if one["peak_memory_bytes"] is not None]
        cells.append(f"{max(map(bytes_of, known)) / 1e6:.0f}" if known else "–")
    return " / ".join(cells)


def peak(one):
    return one["peak_memory_bytes"]


def while_repeating(one):
    """Above weights, inputs and the engine itself; PyTorch's libraries alone are most of its peak."""
    return one["peak_memory_bytes"] - one["peak_memory_before_bytes"]


def row(case, rounds):
    ours = ratio(rounds, OURS)
    met = "–" if ours is None or case.goal is None else "yes" if ours <= case.goal else "no"
    cells = [
        case.title,
        milliseconds(rounds, OURS),
        milliseconds(rounds, "torch"),
        "–" if ours is None else f"{ours:.2f}",
        best_runtime(rounds),
        "–" if case.goal is None else f"≤ {case.goal}",
        met,
        f"{share_of_peak(rounds, OURS)} / {share_of_peak(rounds, 'torch')}",
        megabytes(rounds, peak),
        megabytes(rounds, while_repeating),
    ]
    return f"| {' | '.join(cells)} |"


def processor():
    """The model's name where the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown")


def stay_on_the_first_cores(count):
    """Every process that this one starts inherits the cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def warn_if_busy():
    """A peer that waits for its second core looks slower than it is."""
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(f"this machine is busy: its load is {os.getloadavg()[0]:.1f}", file=sys.stderr)


def arguments_from_command_line():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", nargs="+", choices=BY_NAME, help="only these cases")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES, help="only these engines")
    parser.add_argument("--ours", type=Path, help="our binary, instead of building it")
    parser.add_argument("--out", type=Path, help="where every sample is written, as JSON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    arguments.engines = tuple(arguments.engines)
    return arguments


def main():
    arguments = arguments_from_command_line()
    if OURS in arguments.engines and arguments.ours is None:
        arguments.ours = built_binary()
    stay_on_the_first_cores(arguments.threads)
    warn_if_busy()

    samples = {"processor": processor(), "threads": arguments.threads, "cases": {}}
    print(HEADER)
    print("|---" * (HEADER.count("|") - 1) + "|")
    for case in CASES:
        if arguments.case and case.name not in arguments.case:
            continue
        # One case's models at a time: VGG-16 alone takes half a gigabyte.
        with tempfile.TemporaryDirectory() as onnx_folder:
            rounds = rounds_of(case, arguments, onnx_folder)
        print(row(case, rounds), flush=True)
        samples["cases"][case.name] = rounds
        if arguments.out:
            arguments.out.write_text(json.dumps(samples))


if __name__ == "__main__":
    main()
