"""The cases as PyTorch programs, with random weights and inputs from one seed.

`STEPS` holds what trains: a function without arguments that does the whole of one repetition.
`FORWARDS` holds what predicts: a module and its inputs, which other engines read through ONNX.
The Rust programs under `bench/src/` have the same layers in the same order.
"""

import torch
import torch.nn.functional as F
from torch import nn

SEED = 7
SCALING = "scaling-"


def conv_blocks(widths):
    """3×3 convolution, batch norm, ReLU, and pooling to half the size, once for each width."""
    layers = []
    for ins, outs in zip(widths, widths[1:]):
        # No bias: the norm takes the mean away again.
        convolution = nn.Conv2d(ins, outs, 3, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(outs), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers)


def transformer(width, num_heads, hidden_width, num_layers):
    """Pre-norm encoder layers and the norm after the last."""
    layer = nn.TransformerEncoderLayer(
        width, num_heads, hidden_width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, num_layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)


class GridEncoder(nn.Module):
    """Convolution blocks, the mean over the grid, and a linear layer: `[B, C, H, W]` to `[B, 128]`."""

    def __init__(self, widths):
        super().__init__()
        self.blocks = conv_blocks(widths)
        self.linear = nn.Linear(widths[-1], 128)

    def forward(self, grid):
        return self.linear(self.blocks(grid).mean(dim=(2, 3)))


class TextEncoder(nn.Module):
    """Embedding, two encoder layers, the mean of what is present: `[B, T]` to `[B, 128]`."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10_000, 128)
        self.transformer = transformer(128, 4, 512, 2)

    def forward(self, tokens, present):
        read = self.transformer(self.embedding(tokens), src_key_padding_mask=~present)
        weight = present.unsqueeze(2).to(read.dtype)
        return (read * weight).sum(dim=1) / weight.sum(dim=1)


class Trimodal(nn.Module):
    """A picture, words and a log-mel spectrogram to ten classes."""

    def __init__(self):
        super().__init__()
        self.image = GridEncoder([3, 32, 64, 128])
        self.text = TextEncoder()
        self.sound = GridEncoder([1, 16, 32, 64])
        self.hidden = nn.Linear(3 * 128, 256)
        self.classes = nn.Linear(256, 10)

    def forward(self, image, tokens, present, sound):
        embeddings = [self.image(image), self.text(tokens, present), self.sound(sound)]
        return self.classes(F.relu(self.hidden(torch.cat(embeddings, dim=1))))


class TransformerClassifier(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.transformer = transformer(width, 8, 4 * width, 4)
        self.classes = nn.Linear(width, 10)

    def forward(self, tokens):
        return self.classes(self.transformer(tokens).mean(dim=1))


class RecurrentClassifier(nn.Module):
    """One layer of the given kind, read at its last step."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer(128, 128, batch_first=True)
        self.classes = nn.Linear(128, 10)

    def forward(self, sequence):
        states, _ = self.layer(sequence)
        return self.classes(states[:, -1])


class LastHiddenState(nn.Module):
    """A transformers model that answers with its one tensor, as an exporter wants it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, tokens, present):
        return self.model(input_ids=tokens, attention_mask=present).last_hidden_state


class Product(nn.Module):
    def forward(self, left, right):
        return left @ right


class Attention(nn.Module):
    def forward(self, query, key, value):
        return F.scaled_dot_product_attention(query, key, value)


def training_step(model, inputs, num_classes):
    """Loss, gradients and one step of AdamW with PyTorch's defaults; returns the repetition."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters())
    targets = torch.randint(num_classes, (len(inputs[0]),))

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(*inputs), targets)
        loss.backward()
        optimizer.step()

    return step


def gradient_step(function, inputs):
    """`function` forward and back to the gradients of every input; returns the repetition."""
    for tensor in inputs:
        tensor.requires_grad_()
    with torch.no_grad():
        output_gradient = torch.randn_like(function(*inputs))

    def step():
        for tensor in inputs:
            tensor.grad = None
        function(*inputs).backward(output_gradient)

    return step


def train_resnet18():
    from torchvision.models import resnet18

    return training_step(resnet18(num_classes=1000), [torch.randn(16, 3, 128, 128)], 1000)


def train_trimodal():
    # Texts of 8 to 32 tokens, the same lengths as ours.
    present = torch.arange(32) < (8 + torch.arange(32) * 7 % 25).unsqueeze(1)
    tokens = torch.randint(10_000, (32, 32))
    inputs = [torch.randn(32, 3, 64, 64), tokens, present, torch.randn(32, 1, 64, 100)]
    return training_step(Trimodal(), inputs, 10)


def train_transformer(rows=32, num_tokens=64, width=256):
    return training_step(TransformerClassifier(width), [torch.randn(rows, num_tokens, width)], 10)


def train_recurrent(layer):
    return training_step(RecurrentClassifier(layer), [torch.randn(32, 100, 128)], 10)


def conv3x3():
    layer = nn.Conv2d(64, 64, 3, padding=1, bias=False)
    return layer, (torch.randn(16, 64, 56, 56),)


def conv3x3_step():
    layer, (grid,) = conv3x3()
    weight = layer.weight.detach()
    return gradient_step(lambda grid, weight: F.conv2d(grid, weight, padding=1), [grid, weight])


def attention512():
    return Attention(), tuple(torch.randn(4, 8, 512, 64) for _ in range(3))


def attention512_step():
    attention, inputs = attention512()
    return gradient_step(attention, inputs)


def product_2048():
    return Product(), (torch.randn(2048, 2048), torch.randn(2048, 2048))


def vision(name, batch):
    import torchvision.models

    return getattr(torchvision.models, name)(), (torch.randn(batch, 3, 224, 224),)


def bert(batch, num_tokens, **sizes):
    """`sizes` replace those of BERT-base; every token is present, and the model does not know."""
    from transformers import BertConfig, BertModel

    config = BertConfig(**sizes)
    model = LastHiddenState(BertModel(config, add_pooling_layer=False))
    tokens = torch.randint(config.vocab_size, (batch, num_tokens))
    return model, (tokens, torch.ones(batch, num_tokens, dtype=torch.int64))


def minilm(batch, num_tokens):
    sizes = {"hidden_size": 384, "intermediate_size": 1536}
    return bert(batch, num_tokens, num_hidden_layers=6, num_attention_heads=12, **sizes)


STEPS = {
    "train-resnet18": train_resnet18,
    "train-trimodal": train_trimodal,
    "train-transformer": train_transformer,
    "train-lstm": lambda: train_recurrent(nn.LSTM),
    "train-gru": lambda: train_recurrent(nn.GRU),
    "conv3x3-step": conv3x3_step,
    "attention512-step": attention512_step,
}

FORWARDS = {
    "conv3x3-forward": conv3x3,
    "attention512-forward": attention512,
    "matmul-2048": product_2048,
    "resnet50-b1": lambda: vision("resnet50", 1),
    "resnet50-b16": lambda: vision("resnet50", 16),
    "vgg16-b1": lambda: vision("vgg16", 1),
    "vgg16-b4": lambda: vision("vgg16", 4),
    "bert-1x128": lambda: bert(1, 128),
    "bert-16x128": lambda: bert(16, 128),
    "minilm-32x64": lambda: minilm(32, 64),
}


def forward_of(case):
    """The module, ready to predict, and its inputs."""
    torch.manual_seed(SEED)
    model, inputs = FORWARDS[case]()
    return model.eval(), inputs


def step_of(case):
    """One repetition of a case that trains; `scaling-ROWSxTOKENSxWIDTH` is the transformer in that size."""
    torch.manual_seed(SEED)
    if case.startswith(SCALING):
        return train_transformer(*map(int, case.removeprefix(SCALING).split("x")))
    return STEPS[case]()
