"""Golden cases for YAMNet, and its network in torch.

No package has it in torch, so it is written from its published definition: research/audioset/yamnet
of TensorFlow's models (yamnet.py, params.py), a MobileNet v1 over patches of 96 frames by 64 mel
bands. Padding is TensorFlow's "same", which puts the odd row or column after. Tensors have the names
of scripts/safetensors_from_yamnet_onnx.py, whose files have no norms but convolutions with biases.

Run `python reference/encoder/yamnet.py [CASE…]` with the versions of `reference/requirements.lock`.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from weights import masked_mean, write

NUM_FRAMES, NUM_BANDS, HOP, NUM_CLASSES, EPSILON = 96, 64, 48, 521, 1e-4
# Width after each of layers 2 to 14, and the stride of its depthwise convolution.
SEPARABLE = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5]
SEPARABLE += [(1024, 2), (1024, 1)]


class Same(nn.Conv2d):
    """A convolution that pads as TensorFlow's "same" does."""

    def forward(self, x):
        sides = []
        for size, kernel, stride in zip(x.shape[2:], self.kernel_size, self.stride):
            total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
            sides = [total // 2, total - total // 2, *sides]
        return super().forward(functional.pad(x, sides))


def convolution(inputs, outputs, kernel, stride=1, groups=1, folded=False):
    return Same(inputs, outputs, kernel, stride, groups=groups, bias=folded)


def norm(width, folded):
    return nn.Identity() if folded else nn.BatchNorm2d(width, EPSILON)


class First(nn.Module):
    def __init__(self, folded):
        super().__init__()
        self.conv = convolution(1, 32, 3, 2, folded=folded)
        self.bn = norm(32, folded)

    def forward(self, x):
        return self.bn(self.conv(x)).relu()


class Separable(nn.Module):
    def __init__(self, inputs, outputs, stride, folded):
        super().__init__()
        self.depthwise_conv = convolution(inputs, inputs, 3, stride, inputs, folded)
        self.depthwise_bn = norm(inputs, folded)
        self.pointwise_conv = convolution(inputs, outputs, 1, folded=folded)
        self.pointwise_bn = norm(outputs, folded)

    def forward(self, x):
        x = self.depthwise_bn(self.depthwise_conv(x)).relu()
        return self.pointwise_bn(self.pointwise_conv(x)).relu()


class Yamnet(nn.Module):
    """`folded`: with biases instead of norms."""

    def __init__(self, folded=False):
        super().__init__()
        self.layer1 = First(folded)
        width = 32
        for index, (outputs, stride) in enumerate(SEPARABLE, 2):
            self.add_module(f"layer{index}", Separable(width, outputs, stride, folded))
            width = outputs
        self.classifier = nn.Linear(width, NUM_CLASSES)

    def embeddings(self, patches):
        """[P, 1024] of patches [P, 96, 64]."""
        x = patches[:, None]
        for index in range(1, 15):
            x = getattr(self, f"layer{index}")(x)
        return x.mean((2, 3))

    def forward(self, patches):
        """[P, 521]: a score's logit for each class of AudioSet."""
        return self.classifier(self.embeddings(patches))


def patches(frames):
    """[B, P, 96, 64] of frames [B, T, 64]: a patch of 96 frames every 48."""
    return frames.unfold(1, NUM_FRAMES, HOP).transpose(2, 3)


def of_yamnet(model, frames, real):
    """One token a whole patch of real frames; logits are the mean of its patches'."""
    cut = patches(frames)
    lengths = real.sum(1)
    whole = (torch.arange(cut.shape[1])[None] * HOP + NUM_FRAMES <= lengths[:, None]).long()
    flat = cut.flatten(0, 1)
    tokens = model.embeddings(flat).unflatten(0, cut.shape[:2]) * whole[..., None]
    logits = model.classifier(tokens)
    return {
        "tokens": tokens,
        "pooled": masked_mean(tokens, whole),
        "logits": masked_mean(logits, whole),
    }


def yamnet(name, folded, gain, note):
    write(
        name,
        lambda: Yamnet(folded),
        of_yamnet,
        reads="sequence",
        type="yamnet",
        scheme="yamnet",
        config={"model_type": "yamnet"},
        shape=[2, 144, NUM_BANDS],
        lengths=[144, 96],
        gain=gain,
        made_with=(np,),
        note=note,
    )


if __name__ == "__main__":
    # About sqrt(2): half of each map is lost to ReLU, twice a layer.
    yamnet("yamnet", False, 1.6, "")
    yamnet(
        "yamnet_folded",
        True,
        float(np.sqrt(2)),
        "no norm: each convolution has a bias, as the file from ONNX",
    )
