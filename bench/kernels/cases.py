"""The cases of the comparison: what each one measures, which peers can run it, and its goal.

Nothing outside the standard library is imported here, so that `compare.py` starts anywhere.
"""

from dataclasses import dataclass

PEERS = ("torch", "onnxruntime", "openvino")


@dataclass(frozen=True)
class Case:
    """One row of the table.

    `goal` is the largest ratio of our time to eager PyTorch's that is aimed at, None where there
    is none. ONNX Runtime and OpenVINO only predict, so `trains` leaves them out.
    """

    name: str
    title: str
    goal: float | None
    trains: bool = False

    @property
    def peers(self):
        return PEERS[:1] if self.trains else PEERS


CASES = [
    Case("train-resnet18", "training step, ResNet-18, 16×3×128×128", 0.9, trains=True),
    Case("train-trimodal", "training step, small trimodal net, batch 32", 0.8, trains=True),
    Case("train-transformer", "training step, 4-layer transformer 256, 32×64", 0.8, trains=True),
    Case("train-lstm", "training step, LSTM 128, 32×100", 0.8, trains=True),
    Case("train-gru", "training step, GRU 128, 32×100", None, trains=True),
    Case("conv3x3-forward", "conv 3×3, 64 ch, 56×56, batch 16, forward", 0.9),
    Case("conv3x3-step", "conv 3×3, 64 ch, 56×56, batch 16, forward + backward", 0.6, trains=True),
    Case("attention512-forward", "attention, 4×8 heads, 512×64, forward", None),
    Case(
        "attention512-step",
        "attention, 4×8 heads, 512×64, forward + backward",
        None,
        trains=True,
    ),
    Case("matmul-2048", "f32 product 2048³", 0.45),
    Case("resnet50-b1", "ResNet-50 forward, batch 1", 0.6),
    Case("resnet50-b16", "ResNet-50 forward, batch 16", 0.34),
    Case("vgg16-b1", "VGG-16 forward, batch 1", None),
    Case("vgg16-b4", "VGG-16 forward, batch 4", None),
    Case("bert-1x128", "BERT-base forward, 1×128", 0.44),
    Case("bert-16x128", "BERT-base forward, 16×128", 0.44),
    Case("minilm-32x64", "MiniLM-L6 forward, 32×64", 0.4),
]

BY_NAME = {case.name: case for case in CASES}


def case_of(name):
    """The case of that name, or the transformer in another size."""
    if name.startswith("scaling-"):
        return Case(name, name, None, trains=True)
    return BY_NAME[name]
