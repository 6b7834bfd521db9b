"""Measures one case with one engine in this process, and prints one line of JSON.

    python peers.py CASE torch|onnxruntime|openvino --threads N [--onnx_folder FOLDER]

PyTorch runs eagerly in f32, as does all else. ONNX Runtime and OpenVINO read a model that another
process exported, so that neither PyTorch's threads nor its memory are theirs; it is kept in
`--onnx_folder` for the next process where one is given.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cases import PEERS, case_of

# The rule of repetition, the same in `bench/src/measure.rs`.
WARM_UP_SECONDS = 0.5
WARM_UP_REPETITIONS = 2
SECONDS = 2.0
LEAST_REPETITIONS = 5
MOST_REPETITIONS = 50


def measured(repetition):
    """The seconds of every repetition after the warm-up, and the memory before and after."""
    before = peak_memory_bytes()
    repeated(repetition, WARM_UP_SECONDS, WARM_UP_REPETITIONS)
    seconds = repeated(repetition, SECONDS, LEAST_REPETITIONS)
    return {
        "seconds": seconds,
        "peak_memory_bytes": peak_memory_bytes(),
        "peak_memory_before_bytes": before,
    }


def repeated(repetition, seconds, least):
    taken = []
    while len(taken) < least or (sum(taken) < seconds and len(taken) < MOST_REPETITIONS):
        start = time.perf_counter()
        repetition()
        taken.append(time.perf_counter() - start)
    return taken


def peak_memory_bytes():
    """The most that was resident at once so far; Linux counts it in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def with_torch(case, threads, _onnx_folder):
    import torch

    import models

    torch.set_num_threads(threads)
    if case.trains:
        step = models.step_of(case.name)
        return measured(step) | {"flops": flops_of(step)}
    model, inputs = models.forward_of(case.name)
    with torch.inference_mode():
        forward = lambda: model(*inputs)
        return measured(forward) | {"flops": flops_of(forward)}


def flops_of(repetition):
    """The multiplications and additions of all products and convolutions, made directly."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    # oneDNN's recurrent layers are not counted; the ones beside them are made of products.
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        repetition()
    return counter.get_total_flops()


def with_onnxruntime(case, threads, onnx_folder):
    import onnxruntime

    model, inputs = exported(case, onnx_folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {declared.name: value for declared, value in zip(session.get_inputs(), inputs, strict=True)}
    return measured(lambda: session.run(None, feed))


def with_openvino(case, threads, onnx_folder):
    import openvino

    model, inputs = exported(case, onnx_folder)
    # Left to itself it would take bf16 where the machine has it.
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return measured(lambda: request.infer(list(inputs), share_inputs=True, share_outputs=True))


def exported(case, onnx_folder):
    """The path of the model and its inputs as arrays."""
    import numpy

    model, inputs = onnx_folder / f"{case.name}.onnx", onnx_folder / f"{case.name}.npz"
    if not inputs.exists():
        command = [sys.executable, __file__, case.name, "--export", "--onnx_folder", onnx_folder]
        # What the exporter says is not the measurement.
        subprocess.run(command, check=True, stdout=sys.stderr)
    return model, list(numpy.load(inputs).values())


def export(case, onnx_folder):
    import numpy
    import torch

    import models

    model, inputs = models.forward_of(case.name)
    with torch.no_grad():
        torch.onnx.export(model, inputs, onnx_folder / f"{case.name}.onnx", dynamo=True)
    # Written last: where it stands, the model is whole.
    numpy.savez(onnx_folder / f"{case.name}.npz", *(tensor.numpy() for tensor in inputs))


ENGINES = {"torch": with_torch, "onnxruntime": with_onnxruntime, "openvino": with_openvino}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("case", metavar="CASE", help="a name of cases.py, or scaling-ROWSxTOKENSxWIDTH")
    parser.add_argument("engine", nargs="?", choices=PEERS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--onnx_folder", type=Path)
    parser.add_argument("--export", action="store_true", help="only write the ONNX model and its inputs")
    arguments = parser.parse_args()
    case = case_of(arguments.case)
    if not arguments.export and arguments.engine not in case.peers:
        parser.error(f"{case.name} runs with {' or '.join(case.peers)}, not {arguments.engine}")

    with tempfile.TemporaryDirectory() as scratch:
        onnx_folder = arguments.onnx_folder or Path(scratch)
        if arguments.export:
            export(case, onnx_folder)
        else:
            measurement = ENGINES[arguments.engine](case, arguments.threads, onnx_folder)
            print(json.dumps({"case": case.name, "engine": arguments.engine} | measurement))


if __name__ == "__main__":
    main()
