"""How long an epoch takes that encodes every row, and the next one, which reads what was encoded.

    python bench/encoders/cache.py --weights WEIGHTS

The emoji example through frozen published encoders, two epochs, with an empty cache: the first time is
from the start of encoding to the end of the first epoch, judging included, the second that of the
second epoch. Only the standard library is needed.
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
EMOJI = REPOSITORY / "examples" / "emoji"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--sensorium", type=Path, default=REPOSITORY / "target/release/sensorium")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "weights").symlink_to(arguments.weights.resolve())
        command = [arguments.sensorium.resolve(), "train", "--config", EMOJI / "pretrained.yaml"]
        command += ["--dataset", EMOJI / "emoji.csv", "--set", "trainer.epochs=2"]
        times = [time.perf_counter()]
        process = subprocess.Popen(command, cwd=scratch, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for line in process.stderr:
            print(line, end="")
            if line.startswith("epoch "):
                times.append(time.perf_counter())
        process.wait()
    first, second = (end - start for start, end in zip(times, times[1:]))
    print(f"first epoch {first:.1f} s, second {second:.2f} s: {100 * second / first:.1f} %")


main()
