"""Prints a flat profile of ours for each case: where the samples of a whole process fall.

    python bench/kernels/flat_profile.py --ours target/release/sensorium-bench [--case NAME ...]

Needs Linux's `perf`. The clock of the processor is sampled, which works in virtual machines too. The
first half of a process, which draws weights and inputs and warms up, is left out.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from cases import BY_NAME, CASES

LEAST_PERCENT = 1.0


def profile_of(case, arguments, folder):
    """The lines `percent  symbol` of all symbols above the least percentage."""
    data = Path(folder, "perf.data")
    record = ["perf", "record", "--event", "cpu-clock", "--freq", "997", "--output", data]
    ours = [arguments.ours, case.name, "--threads", str(arguments.threads)]
    subprocess.run([*record, *ours], check=True, capture_output=True)
    report = ["perf", "report", "--input", data, "--stdio", "--no-children", "--fields", "overhead,symbol"]
    limits = ["--time", "50%-100%", "--percent-limit", str(LEAST_PERCENT)]
    text = subprocess.run([*report, *limits], check=True, capture_output=True, text=True).stdout
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ours", required=True, type=Path, help="the binary sensorium-bench")
    parser.add_argument("--case", nargs="+", choices=BY_NAME, help="only these cases")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if shutil.which("perf") is None:
        raise SystemExit("`perf` is not here; Debian's package is linux-perf")
    for case in CASES:
        if arguments.case and case.name not in arguments.case:
            continue
        with tempfile.TemporaryDirectory() as folder:
            lines = profile_of(case, arguments, folder)
        print(f"{case.title}\n", *(f"    {line}\n" for line in lines), sep="", flush=True)


if __name__ == "__main__":
    main()
