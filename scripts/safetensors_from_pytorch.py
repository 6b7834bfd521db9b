#!/usr/bin/env python3
"""Writes the tensors of a PyTorch checkpoint (`.pth`, `.pt`, `.bin`, `.ckpt`) as safetensors.

    python scripts/safetensors_from_pytorch.py IN.pth OUT.safetensors

Reads the zip format and the one before PyTorch 1.6, with `weights_only=True`: no code of the file is
run. The file holds a state dict, or a dict with one under `state_dict` or `model`. Names, shapes and
types of tensors stay as they are; what is no tensor is left out and named. Needs torch, safetensors.
"""

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

CHECKPOINT_KEYS = ("state_dict", "model")


def loaded(path):
    """What the file holds; a refusal where that would run code, or is no checkpoint."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        sys.exit(f"no file `{path}`")
    # The unpickler meets bytes that are no pickle with whatever exception they lead it to.
    except Exception as error:
        sys.exit(
            f"`{path}` is no checkpoint of tensors alone ({type(error).__name__})\n"
            "hint: where it holds a whole module, save its `state_dict()` and convert that"
        )


def state_dict(held, path):
    """The dict of named tensors in what a checkpoint holds."""
    for key in CHECKPOINT_KEYS:
        if isinstance(held, dict) and isinstance(held.get(key), dict):
            held = held[key]
    if not isinstance(held, dict):
        sys.exit(f"`{path}` holds a {type(held).__name__}, expected a dict of tensors")
    if not any(isinstance(value, torch.Tensor) for value in held.values()):
        sys.exit(f"`{path}` has no tensor among its keys {', '.join(map(repr, list(held)[:8]))}")
    return held


def own_tensors(held):
    """Dense tensors by name, contiguous and with memory of their own, as safetensors wants them."""
    tensors = {name: value for name, value in held.items() if isinstance(value, torch.Tensor)}
    for name in held.keys() - tensors.keys():
        print(f"left out `{name}`: a {type(held[name]).__name__}", file=sys.stderr)
    for name, tensor in tensors.items():
        if tensor.layout is not torch.strided or tensor.is_quantized:
            sys.exit(f"`{name}` is sparse or quantized, expected a dense tensor")
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


def convert(source, target):
    """Writes `target` and answers the number of its tensors."""
    tensors = own_tensors(state_dict(loaded(source), source))
    save_file(tensors, target, metadata={"format": "pt"})
    return len(tensors)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="a checkpoint of PyTorch")
    parser.add_argument("target", type=Path, help="the safetensors file to write")
    arguments = parser.parse_args()
    print(f"{convert(arguments.source, arguments.target)} tensors in {arguments.target}")
