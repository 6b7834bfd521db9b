"""What the golden cases of encoders share: weights by formula, outputs and gradients, files.

No weight is stored: both sides make every tensor from its name, so a network of full size is tested
by a file of a few KB. `uniform` gives the same bits in every language that has 32-bit integers.

A tensor of a network's file, all in float32 once the scale is rounded to it:

| tensor                            | values                                                        |
|-----------------------------------|---------------------------------------------------------------|
| `…running_var`                    | 1 + 0.5 u                                                     |
| `…running_mean`                   | 0.1 u                                                         |
| `…parametrizations.weight.original0` | 1 + 0.1 u: the magnitude of a weight norm                  |
| two or more axes                  | u * gain * sqrt(3 / fan_in), fan_in the product of shape[1:]  |
| the same, of a GPT-2 `Conv1D`     | the same, fan_in shape[0], as it keeps [in, out]              |
| one axis, `…weight`               | 1 + 0.1 u: the scale of a norm                                |
| anything else                     | 0.1 u                                                         |

The networks run in float64, so that a difference from what is stored is the reader's alone. No case
may have a unit so near the kink of its ReLU, or a maximum so near a second one, that rounding decides
its gradient: what is stored must stand still under weights that differ by `JITTER`. And the input
must be heard through all layers. Both are checked, and are what a case's gain was chosen for.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "encoder"
INPUT_GRADIENTS, TENSOR_GRADIENTS = 256, 16
# Relative to each weight: ten times what float32 rounds. Four runs, other factors in each.
JITTER, JITTERED_RUNS = 3e-7, 4
CONV1D = ("c_attn.weight", "c_proj.weight", "c_fc.weight")

torch.set_num_threads(1)


def fnv1a32(data):
    digest = 0x811C9DC5
    for byte in data:
        digest = (digest ^ byte) * 0x01000193 % 2**32
    return digest


def uniform(name, count):
    """[count] of float32 in [-1, 1): the same for one name on every machine."""
    x = np.uint32(fnv1a32(name.encode())) + np.arange(count, dtype=np.uint32) * np.uint32(
        0x9E3779B9
    )
    x ^= x >> 16
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> 13
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> 16
    return (x >> 8).astype(np.float32) / np.float32(2**23) - np.float32(1)


def weight(name, shape, gain=1.0, conv1d_weights=False):
    """The tensor that a file has under `name`, by the table above."""
    u = uniform(name, int(np.prod(shape, dtype=np.int64))).reshape(shape)
    one, tenth, half = np.float32(1), np.float32(0.1), np.float32(0.5)
    if name.endswith("running_var"):
        return one + half * u
    if name.endswith("running_mean"):
        return tenth * u
    if name.endswith("parametrizations.weight.original0"):
        return one + tenth * u
    if len(shape) >= 2:
        turned = conv1d_weights and name.endswith(CONV1D)
        fan_in = shape[0] if turned else int(np.prod(shape[1:]))
        return u * np.float32(gain * np.sqrt(3 / fan_in))
    if len(shape) == 1 and name.endswith("weight"):
        return one + tenth * u
    return tenth * u


def named_weights(shapes, **options):
    return {name: torch.tensor(weight(name, shape, **options)) for name, shape in shapes.items()}


def token_ids(shape, vocabulary_size):
    """Whole numbers from 0 to below `vocabulary_size`, from the same formula as every input."""
    u = uniform("input", int(np.prod(shape)))
    ids = np.floor((u + np.float32(1)) / np.float32(2) * np.float32(vocabulary_size))
    return np.minimum(ids.astype(np.int64), vocabulary_size - 1).reshape(shape)


def is_real(lengths, steps):
    """[B, T]: 1 for a step of the row, 0 for padding."""
    return (torch.arange(steps)[None] < torch.tensor(lengths)[:, None]).long()


def masked_mean(tokens, real):
    """[B, D]: the mean over each row's real steps."""
    real = real[..., None].to(tokens.dtype)
    return (tokens * real).sum(1) / real.sum(1)


def cells(feature_map):
    """[B, H * W, C] of a map [B, C, H, W]."""
    return feature_map.flatten(2).transpose(1, 2)


def sampled(values, count):
    """At most `count` values, at evenly spaced places of the flat tensor."""
    flat = values.detach().numpy().reshape(-1)
    count = min(count, flat.size)
    return flat[np.arange(count) * flat.size // count]


def loss_of(outputs):
    """Every token and pooled value, each times a number of its own."""
    total = 0
    for key in ("tokens", "pooled"):
        values = outputs[key]
        factors = torch.from_numpy(uniform(f"loss.{key}", values.numel())).double()
        total = total + (values * factors.reshape(values.shape)).sum()
    return total


def made_input(case):
    """The case's input as a tensor, and its [B, T] mask of real steps if its rows have lengths."""
    shape, lengths = case["input"]["shape"], case["input"]["lengths"]
    real = None if lengths is None else is_real(lengths, shape[1])
    if case["reads"] == "tokens":
        ids = torch.from_numpy(token_ids(shape, case["input"]["vocabulary_size"]))
        padding_id = case["input"]["padding_id"]
        # A real step with this id would get no gradient, and in RoBERTa no position of its own.
        assert not ((ids == padding_id) & (real == 1)).any()
        return ids * real + (padding_id or 0) * (1 - real), real
    values = torch.from_numpy(uniform("input", int(np.prod(shape))).reshape(shape)).double()
    if real is not None:
        values = values * real[..., None]
    return values.requires_grad_(), real


def expected(case, model, forward, published_names):
    """What case `case` stores: outputs of `forward` and gradients of `loss_of` them."""
    values, real = made_input(case)
    model.zero_grad()
    outputs = forward(model, values, real)
    loss_of(outputs).backward()
    stored = {key: output.detach().numpy() for key, output in outputs.items()}
    if values.requires_grad:
        stored["gradient/input"] = sampled(values.grad, INPUT_GRADIENTS)
    moved = [(n, p) for n, p in model.named_parameters() if p.grad is not None]
    for name, parameter in [*moved[: -1 : case["thinned"]], moved[-1]]:
        stored[f"gradient/{published_names[name]}"] = sampled(parameter.grad, TENSOR_GRADIENTS)
    return {key: np.ascontiguousarray(array, np.float32) for key, array in stored.items()}


def jitter(model, seed):
    """Moves every weight by a few of its last bits."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=random, dtype=parameter.dtype)
            parameter.mul_(1 + JITTER * noise)


def jittered_runs(case, model, forward, published_names):
    weights = {name: values.clone() for name, values in model.state_dict().items()}
    for seed in range(JITTERED_RUNS):
        model.load_state_dict(weights)
        jitter(model, seed)
        yield expected(case, model, forward, published_names)


def largest_move(stored, moved):
    """The largest difference of two runs, relative to the largest value of its tensor."""
    scale = {key: max(np.abs(values).max(), 0.1) for key, values in stored.items()}
    return max(np.abs(stored[key] - moved[key]).max() / scale[key] for key in stored)


def check_conditioned(name, stored, jittered):
    """Refuses a case whose signal dies or explodes, or whose gradients rounding decides."""
    assert all(np.isfinite(values).all() for values in stored.values())
    tokens = stored["tokens"]
    rows = np.std(tokens[0] - tokens[1]) / tokens.std()
    move = max(largest_move(stored, moved) for moved in jittered)
    print(f"{name}: deviation {tokens.std():.3g}, of rows {rows:.2g} of that; moves by {move:.1e}")
    assert 1e-3 < tokens.std() < 1e3 and rows > 0.05 and move < 1e-4, "choose another gain"


def compare(folder, stored):
    kept = load_file(folder / "expected.safetensors")
    assert kept.keys() == stored.keys()
    difference = max(np.abs(kept[key] - stored[key]).max() for key in stored)
    print(f"{folder.name}: {difference:.2e}")
    assert difference < 1e-4


def case_text(case):
    """JSON with one tensor a line: shapes of a deep network are most of the file."""
    tensors = ",\n".join(
        f"    {json.dumps(n)}: {json.dumps(s)}" for n, s in case["tensors"].items()
    )
    text = json.dumps({**case, "tensors": None}, indent=2)
    return text.replace('"tensors": null', f'"tensors": {{\n{tensors}\n  }}') + "\n"


def wanted(name):
    """Whether the command line names this case, or none."""
    named = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    return not named or name in named


def fill(model, names, options):
    """Gives `model` its weights by formula; answers shapes of floats and names of the rest."""
    own = {key: values for key, values in model.state_dict().items() if key in names}
    floats = {names[k]: list(v.shape) for k, v in own.items() if v.is_floating_point()}
    weights = named_weights(floats, **options)
    model.load_state_dict({k: weights.get(names[k], v) for k, v in own.items()})
    return {
        "tensors": floats,
        "integers": [names[k] for k, v in own.items() if not v.is_floating_point()],
    }


def write(
    name,
    model,
    forward,
    *,
    reads,
    type,
    scheme,
    shape,
    made_with,
    section=None,
    config=None,
    lengths=None,
    vocabulary_size=None,
    padding_id=None,
    gain=1.0,
    conv1d_weights=False,
    published_names=None,
    thinned=1,
    note="",
):
    """Fills `model`, runs it and writes golden/encoder/<name>/, or with --check compares.

    `model` is made by a function, for only the cases named on the command line are made.
    `forward(model, input, real)` answers `tokens`, `pooled` and, of a classifier, `logits`.
    `published_names(model)` gives the name in a published file of each of its own; `thinned` keeps
    the gradient of every so manieth parameter, where a network has many hundred.
    """
    if not wanted(name):
        return
    model = model().eval()
    names = published_names(model) if published_names else {key: key for key in model.state_dict()}
    options = {"gain": gain, "conv1d_weights": conv1d_weights}
    case = {
        "made_with": {module.__name__: module.__version__ for module in (torch, *made_with)},
        "script": f"reference/encoder/{Path(sys.argv[0]).name}",
        "reads": reads,
        "type": type,
        "section": section or {},
        "config": config,
        "scheme": scheme,
        **options,
        **fill(model, names, options),
        "input": {
            "shape": list(shape),
            "lengths": lengths,
            "vocabulary_size": vocabulary_size,
            "padding_id": padding_id,
        },
        "thinned": thinned,
        "tolerance_note": note,
    }
    keep(name, case, model.double(), forward, names)


def keep(name, case, model, forward, published_names):
    """Writes the case's folder, or with --check compares with what is there."""
    stored = expected(case, model, forward, published_names)
    folder = GOLDEN / name
    if "--check" in sys.argv:
        return compare(folder, stored)
    check_conditioned(name, stored, jittered_runs(case, model, forward, published_names))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "case.json").write_text(case_text(case))
    save_file(stored, folder / "expected.safetensors")
