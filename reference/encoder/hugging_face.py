"""What the cases made with transformers share: its files' names, its config, its usual outputs."""

import copy
import json
import tempfile

import transformers
from safetensors.torch import load_file
from weights import masked_mean, named_weights

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def published_names(model):
    """The name that each tensor has in `model.safetensors`, which a release may move its modules
    away from; a tensor tied to another has that one's.

    Found by value: every tensor is filled by its own name, and so is unlike any other.
    """
    own = model.state_dict()
    shapes = {k: list(v.shape) for k, v in own.items() if v.is_floating_point()}
    filled = named_weights(shapes)
    model.load_state_dict({k: filled.get(k, v) for k, v in own.items()})
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        in_file = load_file(f"{folder}/model.safetensors")
    names = {values.numpy().tobytes(): name for name, values in in_file.items()}
    found = {k: names.get(v.numpy().tobytes()) for k, v in model.state_dict().items()}
    integers = {k for k, v in own.items() if not v.is_floating_point() and k in in_file}
    found = {k: k if k in integers else name for k, name in found.items() if name is not None}
    assert set(found.values()) == in_file.keys(), "a tensor of the file is none of the model's"
    return found


def published_before(*renamed):
    """`published_names` as files had them before some of their words were renamed, (now, then)."""

    def names(model):
        found = published_names(model)
        for now, then in renamed:
            found = {own: name.replace(now, then) for own, name in found.items()}
        return found

    return names


def config_json(model_class, config):
    """What `config.json` of a saved model says."""
    config = copy.deepcopy(config)
    config.architectures = [model_class.__name__]
    return json.loads(config.to_json_string(use_diff=True))


def real_tokens(output, real):
    """[B, T, D] with zeros at padded steps."""
    return output.last_hidden_state * real[..., None]


def mean_of_real(model, ids, real):
    """The last hidden state and its mean over real tokens."""
    tokens = real_tokens(model(input_ids=ids, attention_mask=real), real)
    return {"tokens": tokens, "pooled": masked_mean(tokens, real)}


def pooler(model, values, real):
    """The last hidden state and what the network itself pools."""
    output = model(values)
    return {"tokens": output.last_hidden_state, "pooled": output.pooler_output.flatten(1)}


def build(model_class, config):
    """A function that makes the model; attention is written out, so that float64 stays exact."""

    def model():
        own_config = copy.deepcopy(config)
        own_config._attn_implementation = "eager"
        return model_class(own_config)

    return model
