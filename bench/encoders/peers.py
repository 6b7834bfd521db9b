"""Measures one published encoder with eager PyTorch in this process, and prints one line of JSON.

    python bench/encoders/peers.py NAME --rows N --threads N

The networks are those of torchvision and transformers with random weights, without their classifiers;
YAMNet is that of `reference/encoder/yamnet.py`. The rule of repetition is that of `bench/src/measure.rs`.
"""

import argparse
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parent / "kernels"), str(FOLDER.parents[1] / "reference" / "encoder")]

import torch
import torchvision
import transformers
from peers import measured  # bench/kernels/peers.py

SEED = 7


def of_torchvision(name):
    model = getattr(torchvision.models, name)()
    # What the classifier would read.
    last = "fc" if hasattr(model, "fc") else "classifier"
    setattr(model, last, torch.nn.Identity())
    return model


def of_transformers(architecture, **sizes):
    model = getattr(transformers, architecture)
    return model(model.config_class(**sizes))


def vgg16():
    model = torchvision.models.vgg16()
    # The mean of the last map, as ours by default.
    return torch.nn.Sequential(model.features, torch.nn.AdaptiveAvgPool2d(1))


def efficientnet_lite0():
    from efficientnet_lite_pytorch import EfficientNet

    return Features(EfficientNet.from_name("efficientnet-lite0").extract_features)


class Features(torch.nn.Module):
    def __init__(self, extract):
        super().__init__()
        self.model, self.extract = extract.__self__, extract

    def forward(self, x):
        return self.extract(x).mean(dim=(2, 3))


def yamnet():
    import yamnet as reference

    return Patches(reference.Yamnet())


class Patches(torch.nn.Module):
    """[B, T, 64] in patches of 96 frames, 48 apart."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, frames):
        patches = frames.unfold(1, 96, 48).transpose(2, 3)
        return self.model.embeddings(patches.flatten(0, 1))


MODELS = {
    "vgg16": vgg16,
    "resnet18": lambda: of_torchvision("resnet18"),
    "resnet50": lambda: of_torchvision("resnet50"),
    "efficientnet_b0": lambda: of_torchvision("efficientnet_b0"),
    "efficientnet_lite0": efficientnet_lite0,
    "mobilenet_v3_large": lambda: of_torchvision("mobilenet_v3_large"),
    "vit_b_16": lambda: of_transformers("ViTModel"),
    "clip_vision_b_32": lambda: of_transformers("CLIPVisionModel"),
    "bert_base": lambda: of_transformers("BertModel"),
    "minilm_l6": lambda: of_transformers(
        "BertModel", hidden_size=384, num_hidden_layers=6, intermediate_size=1536
    ),
    "distilbert": lambda: of_transformers("DistilBertModel"),
    "gpt2": lambda: of_transformers("GPT2Model", use_cache=False),
    "clip_text": lambda: of_transformers("CLIPTextModel"),
    "whisper_base": lambda: of_transformers(
        "WhisperModel",
        d_model=512,
        encoder_layers=6,
        encoder_attention_heads=8,
        encoder_ffn_dim=2048,
        decoder_layers=1,
        decoder_attention_heads=8,
    ).encoder,
    "wav2vec2_base": lambda: of_transformers("Wav2Vec2Model"),
    "ast": lambda: of_transformers("ASTModel"),
    "yamnet": yamnet,
}


def input_of(case, rows):
    shape = [rows, *case["shape"]]
    if case["reads"] == "tokens":
        return torch.randint(case["vocabulary_size"], shape)
    if case["name"] == "whisper_base":
        return torch.randn(shape).transpose(1, 2).contiguous()
    if case["name"] == "wav2vec2_base":
        return torch.randn(shape).squeeze(2)
    return torch.randn(shape)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=MODELS)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(arguments.threads)
    cases = {case["name"]: case for case in json.loads((FOLDER / "cases.json").read_text())}
    model = MODELS[arguments.name]().eval()
    values = input_of(cases[arguments.name], arguments.rows)
    with torch.inference_mode():
        print(json.dumps(measured(lambda: model(values))))


main()
