"""The model of `bench/emoji/emoji.yaml` in PyTorch.

Layer by layer what `sensorium-model` builds, with the same initial distributions, but for the fully
connected layers after the encoders: nothing reads them where `cross_attention` joins the tokens.
"""

import torch
from torch import nn
from torch.nn import functional as F

WIDTH = 128
NUM_HEADS = 4
INNER_WIDTH = 128
DROPOUT = 0.1
PICTURE_CHANNELS = (3, 32, 64, 128, 128)
SOUND_CHANNELS = (64, 64, 128, 128, 128)


def kaiming(convolution):
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return convolution


class PictureEncoder(nn.Module):
    """Four blocks of convolution, pooling, norm and ReLU; a token for each cell of the last map."""

    def __init__(self):
        super().__init__()
        blocks = []
        for inputs, outputs in zip(PICTURE_CHANNELS, PICTURE_CHANNELS[1:]):
            convolution = kaiming(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False))
            blocks += [convolution, nn.MaxPool2d(2), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        self.blocks = nn.Sequential(*blocks)
        self.token = nn.Linear(PICTURE_CHANNELS[-1], WIDTH)
        # PyTorch convolves and pools pictures faster with the channels last in memory.
        self.to(memory_format=torch.channels_last)

    def forward(self, pictures):
        cells = self.blocks(pictures).flatten(2).transpose(1, 2)  # [P, T, C]
        return self.token(cells), cells.new_ones(cells.shape[:2], dtype=torch.bool)


class TextEncoder(nn.Module):
    """A vector for each word; a token for each of them."""

    def __init__(self, num_ids):
        super().__init__()
        self.embedding = nn.Embedding(num_ids, WIDTH)
        nn.init.uniform_(self.embedding.weight, -0.25, 0.25)
        self.token = nn.Linear(WIDTH, WIDTH)

    def forward(self, ids):
        return self.token(self.embedding(ids)), ids != 0


class SoundBlock(nn.Module):
    """Convolution, pooling, norm and ReLU over time; padding takes no part in any of them."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.convolution = kaiming(nn.Conv1d(inputs, outputs, 3, padding=1, bias=False))
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, steps, lengths):
        """`steps` is `[P, C, T]`, zero where padded; returns the same of half the steps."""
        steps = self.convolution(steps)
        steps = steps.masked_fill(~steps_within(lengths, steps.shape[2])[:, None], -torch.inf)
        steps = F.max_pool1d(steps, 2, ceil_mode=True).transpose(1, 2)
        lengths = (lengths + 1) // 2
        real = steps_within(lengths, steps.shape[1])
        normed = torch.zeros_like(steps)
        normed[real] = F.relu(self.norm(steps[real]))
        return normed.transpose(1, 2), lengths


def steps_within(lengths, num_steps):
    """True where a step is real: `[P, T]`."""
    return torch.arange(num_steps) < lengths[:, None]


class SoundEncoder(nn.Module):
    """Four blocks over time; a token for each step that is left."""

    def __init__(self):
        super().__init__()
        pairs = zip(SOUND_CHANNELS, SOUND_CHANNELS[1:])
        self.blocks = nn.ModuleList(SoundBlock(inputs, outputs) for inputs, outputs in pairs)
        self.token = nn.Linear(SOUND_CHANNELS[-1], WIDTH)

    def forward(self, sounds, lengths):
        for block in self.blocks:
            sounds, lengths = block(sounds, lengths)
        steps = sounds.transpose(1, 2)
        return self.token(steps), steps_within(lengths, steps.shape[1])


class Attention(nn.Module):
    """Attention of several heads whose last step has no bias."""

    def __init__(self):
        super().__init__()
        self.query_key_value = nn.Linear(WIDTH, 3 * WIDTH)
        self.output = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, tokens, allowed):
        """`tokens`: `[B, T, D]`; `allowed`: `[B, 1, T, T]`, true where a token may read another."""
        rows, num_tokens, _ = tokens.shape
        parts = self.query_key_value(tokens).view(rows, num_tokens, 3, NUM_HEADS, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        dropout = DROPOUT if self.training else 0.0
        read = F.scaled_dot_product_attention(query, key, value, allowed, dropout)
        return self.output(read.transpose(1, 2).flatten(2))


class CrossAttention(nn.Module):
    """Each column's tokens read those of the other columns, and are then pooled and joined.

    The layer is the same for all columns, so all tokens go through it at once and a mask keeps each
    from its own column.
    """

    def __init__(self, num_columns):
        super().__init__()
        self.projections = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(num_columns))
        self.column_embeddings = nn.Parameter(0.02 * torch.randn(num_columns, WIDTH))
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.linear_norm = nn.LayerNorm(WIDTH)
        self.inner = nn.Linear(WIDTH, INNER_WIDTH)
        self.outer = nn.Linear(INNER_WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, encoded, present):
        """`encoded`: for each column the tokens `[P, T, D]` and their mask `[P, T]` of the rows that
        show it, None where none does; `present`: `[B, M]`; returns `[B, M * D + M]`."""
        tokens, real, column = [], [], []
        for index, one in enumerate(encoded):
            if one is None:
                continue
            own, mask = one
            own = self.projections[index](own) + self.column_embeddings[index]
            tokens.append(scattered(own, present[:, index]))
            real.append(scattered(mask, present[:, index]))
            column += [index] * mask.shape[1]
        tokens, real, column = torch.cat(tokens, 1), torch.cat(real, 1), torch.tensor(column)

        others = column[:, None] != column  # [T, T]
        allowed = (others & real[:, None])[:, None]  # [B, 1, T, T]
        tokens = tokens + self.dropout(self.attention(self.attention_norm(tokens), allowed))
        inner = self.dropout(F.gelu(self.inner(self.linear_norm(tokens))))
        tokens = self.norm(tokens + self.dropout(self.outer(inner)))

        # The mean of each column's real tokens, zeros where it has none.
        of_column = column == torch.arange(present.shape[1])[:, None]  # [M, T]
        shares = (of_column & real[:, None]).to(tokens.dtype)  # [B, M, T]
        shares = shares / shares.sum(2, keepdim=True).clamp(min=1.0)
        pooled = shares @ tokens  # [B, M, D]
        return torch.cat([pooled.flatten(1), present.to(tokens.dtype)], 1)


def scattered(of_present, present):
    """The rows that are present at their places among all, zeros elsewhere."""
    if len(of_present) == len(present):
        return of_present
    everywhere = of_present.new_zeros(len(present), *of_present.shape[1:])
    everywhere[present] = of_present
    return everywhere


class Model(nn.Module):
    """Four encoders, the combiner and two heads."""

    def __init__(self, num_ids, num_classes):
        super().__init__()
        self.picture = PictureEncoder()
        self.texts = nn.ModuleDict({column: TextEncoder(ids) for column, ids in num_ids.items()})
        self.sound = SoundEncoder()
        self.combiner = CrossAttention(4)
        fused_width = 4 * WIDTH + 4
        self.heads = nn.ModuleList(nn.Linear(fused_width, classes) for classes in num_classes)

    def forward(self, batch):
        """The logits of each output: `[B, K]` each."""
        inputs = [
            (self.picture, batch.pictures),
            *((self.texts[column], ids) for column, ids in batch.texts.items()),
            (self.sound, batch.sounds, batch.sound_lengths),
        ]
        shown = batch.present.any(0).tolist()
        encoded = [encoder(*values) if shows else None for shows, (encoder, *values) in zip(shown, inputs)]
        fused = self.combiner(encoded, batch.present)
        return [head(fused) for head in self.heads]
