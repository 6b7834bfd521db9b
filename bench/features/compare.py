"""Times our decoding and features against the Python libraries, and prints one table.

    python bench/features/compare.py [--data FOLDER] [--case NAME ...] [--out samples.json]

Every measurement is a fresh process on the same cores, and the engines take turns within a round,
so that a neighbour of this machine slows all of them alike. The first round tries every way of
using a library, the later ones only its fastest. The libraries run in the Python that runs this
file (`bench/README.md` says how to set it up).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from cases import BY_NAME, CASES

FOLDER = Path(__file__).resolve().parent
OURS = "ours"
PACKAGE = "sensorium-features-bench"
HEADER = (
    "| case | reference, its fastest way | warm: ours, ms (10–90 %) | warm: reference, ms (10–90 %) "
    "| warm: ours / reference | goal | met | cold: ours / reference, ms | cold: ours / reference "
    "| peak memory ours / reference, MB |"
)


def built_binary():
    """Builds our program and returns the path of the binary."""
    subprocess.run(["cargo", "build", "--release", "-p", PACKAGE], cwd=FOLDER, check=True)
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    metadata = subprocess.run(command, cwd=FOLDER, check=True, stdout=subprocess.PIPE)
    return Path(json.loads(metadata.stdout)["target_directory"], "release", PACKAGE)


def command_of(engine, case, arguments):
    program = [arguments.ours, case.name]
    if engine != OURS:
        program = [sys.executable, FOLDER / "peers.py", case.name, engine]
    tokenizer = ["--tokenizer", arguments.tokenizer] if arguments.tokenizer else []
    return [*program, "--data", arguments.data, "--threads", str(arguments.threads), *tokenizer]


def measured(engine, case, arguments):
    """What one fresh process says, or None where it failed."""
    process = subprocess.run(
        command_of(engine, case, arguments), capture_output=True, text=True, check=False
    )
    if process.returncode != 0:
        failure = f"{case.name} with {engine} ended with {process.returncode}"
        sys.stderr.write(f"{failure}:\n{process.stderr}\n")
        return None
    return json.loads(process.stdout.splitlines()[-1])


def rounds_of(case, arguments):
    """For each engine one measurement a round; which engine goes first turns by one place a round."""
    engines = [OURS, *case.engines]
    rounds = []
    for turn in range(arguments.rounds):
        first = turn % len(engines)
        order = engines[first:] + engines[:first]
        rounds.append({engine: measured(engine, case, arguments) for engine in order})
        best = [fastest(reference, rounds) for reference in case.references]
        engines = [OURS, *filter(None, best)]
        print(f"{case.name}: round {turn + 1} of {arguments.rounds}", file=sys.stderr)
    return rounds


def fastest(reference, rounds):
    """The way with the fastest warm pass of the first round, None where every way failed."""
    first = rounds[0]
    ways = [engine for engine in reference.engines if first[engine]]
    return min(ways, key=lambda way: min(first[way]["seconds"]), default=None)


def of_engine(rounds, engine):
    """The engine's measurements over all rounds, without those that failed."""
    return [one[engine] for one in rounds if one.get(engine)]


def milliseconds(rounds, engine):
    """The median of all warm passes of all rounds, and the spread without the outer tenths."""
    samples = [second * 1e3 for one in of_engine(rounds, engine) for second in one["seconds"]]
    tenths = statistics.quantiles(samples, n=10, method="inclusive")
    return f"{statistics.median(samples):.0f} ({tenths[0]:.0f}–{tenths[-1]:.0f})"


def warm(one):
    return statistics.median(one["seconds"])


def cold(one):
    return one["cold_seconds"]


def ratio(rounds, engine, seconds_of):
    """The median over rounds: both sides of a ratio ran side by side."""
    pairs = [(one.get(OURS), one.get(engine)) for one in rounds]
    ratios = [seconds_of(ours) / seconds_of(other) for ours, other in pairs if ours and other]
    return statistics.median(ratios)


def cold_milliseconds(rounds, engine):
    return statistics.median(cold(one) * 1e3 for one in of_engine(rounds, engine))


def megabytes(rounds, engine):
    return max(one["peak_memory_bytes"] for one in of_engine(rounds, engine)) / 1e6


def row(case, reference, rounds):
    engine = fastest(reference, rounds)
    if engine is None or not of_engine(rounds, OURS):
        return f"| {case.title} | {reference.name} " + "| – " * (HEADER.count("|") - 3) + "|"
    warm_ratio = ratio(rounds, engine, warm)
    cells = [
        case.title,
        ", ".join(engine.rsplit(".", 1)),
        milliseconds(rounds, OURS),
        milliseconds(rounds, engine),
        f"{warm_ratio:.2f}",
        f"≤ {reference.goal}",
        "yes" if warm_ratio <= reference.goal else "no",
        f"{cold_milliseconds(rounds, OURS):.0f} / {cold_milliseconds(rounds, engine):.0f}",
        f"{ratio(rounds, engine, cold):.2f}",
        f"{megabytes(rounds, OURS):.0f} / {megabytes(rounds, engine):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def warn_of_other_values(case, rounds):
    """A faster engine that makes something else is no faster."""
    ours = next(iter(of_engine(rounds, OURS)), None)
    for reference in case.references:
        for theirs in filter(None, (rounds[0][engine] for engine in reference.engines)):
            if ours and not alike(ours, theirs, reference.tolerance):
                shown = " but ".join(map(made, (ours, theirs)))
                print(f"{case.name}: not alike, {shown}", file=sys.stderr)


def made(one):
    """What an engine says it made."""
    values = f"{one['values']} values of magnitude {one['mean_magnitude']:.5g}"
    return f"{one['engine']} made {one['rows']} rows, {values}"


def alike(ours, theirs, tolerance):
    # A row may have a value more: librosa rounds the length of a resampled sound up.
    same_sizes = abs(ours["values"] - theirs["values"]) <= ours["rows"] == theirs["rows"]
    difference = abs(ours["mean_magnitude"] - theirs["mean_magnitude"])
    return same_sizes and difference <= tolerance * theirs["mean_magnitude"]


def stay_on_the_first_cores(count):
    """Every process that this one starts inherits the cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def warn_if_busy():
    """Threads that wait for each other suffer most from a neighbour."""
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(f"this machine is busy: its load is {os.getloadavg()[0]:.1f}", file=sys.stderr)


def arguments_from_command_line():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    beside = FOLDER.parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=beside, help="the folder of the tables")
    parser.add_argument("--tokenizer", type=Path, help="MiniLM's tokenizer.json; without it no WordPiece")
    parser.add_argument("--case", nargs="+", choices=BY_NAME, help="only these cases")
    parser.add_argument("--ours", type=Path, help="our binary, instead of building it")
    parser.add_argument("--out", type=Path, help="where every sample is written, as JSON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    return parser.parse_args()


def main():
    arguments = arguments_from_command_line()
    arguments.ours = arguments.ours or built_binary()
    stay_on_the_first_cores(arguments.threads)
    warn_if_busy()

    samples = {"threads": arguments.threads, "cases": {}}
    print(HEADER)
    print("|---" * (HEADER.count("|") - 1) + "|")
    for case in CASES:
        is_asked_for = case.name in arguments.case if arguments.case else True
        if not is_asked_for or (case.name == "wordpiece" and not arguments.tokenizer):
            continue
        rounds = rounds_of(case, arguments)
        warn_of_other_values(case, rounds)
        for reference in case.references:
            print(row(case, reference, rounds), flush=True)
        samples["cases"][case.name] = rounds
        if arguments.out:
            arguments.out.write_text(json.dumps(samples))


if __name__ == "__main__":
    main()
