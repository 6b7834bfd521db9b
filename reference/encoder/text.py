"""Golden cases for text encoders: transformers' BERT, DistilBERT, RoBERTa, GPT-2 and CLIP's text tower.

Run `python reference/encoder/text.py [CASE…]` with the versions of `reference/requirements.lock`.
The rows of a batch have 7 and 4 real tokens. What is pooled is the mean of real tokens, except for
CLIP, whose text is the state at its end token.
"""

import transformers
from hugging_face import (
    build,
    config_json,
    mean_of_real,
    published_before,
    published_names,
    real_tokens,
)
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Model,
    RobertaConfig,
    RobertaModel,
)
from weights import write

SHAPE, LENGTHS, VOCABULARY = [2, 7], [7, 4], 12
# Of 12 ids, the formula draws all but 1, 5 and 10 for real tokens, 9 in both rows.
PADDING = 1
SIZE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 16,
    "pad_token_id": PADDING,
}


def text(name, model_class, config, forward=mean_of_real, type=None, **options):
    options = {"vocabulary_size": VOCABULARY, "padding_id": PADDING, **options}
    write(
        name,
        build(model_class, config),
        forward,
        reads="tokens",
        type=type or config.model_type,
        scheme="transformers",
        shape=SHAPE,
        lengths=LENGTHS,
        config=config_json(model_class, config),
        made_with=(transformers,),
        **{"published_names": published_names, **options},
    )


def of_base(model, ids, real):
    """Of a network with a head: what its encoder answers."""
    return mean_of_real(model.base_model, ids, real)


def of_clip(model, ids, real):
    """The last hidden state and the state at each row's end token, before any projection."""
    output = getattr(model, "text_model", model)(input_ids=ids, attention_mask=real)
    return {"tokens": real_tokens(output, real), "pooled": output.pooler_output}


text("bert", BertModel, BertConfig(**SIZE))
# As the first checkpoints are: names begin with `bert.`, norms have `gamma` and `beta`, and a head is
# in the file that is not read.
NORMS = published_before(
    ("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")
)
BERT = BertConfig(**SIZE)
text("bert_masked_lm", BertForMaskedLM, BERT, of_base, published_names=NORMS)
text(
    "distilbert",
    DistilBertModel,
    DistilBertConfig(
        vocab_size=VOCABULARY,
        dim=32,
        n_layers=3,
        n_heads=4,
        hidden_dim=64,
        max_position_embeddings=16,
        pad_token_id=PADDING,
    ),
)
# Positions count on from the padding id, and so do not begin at 0.
text("roberta", RobertaModel, RobertaConfig(**SIZE))

GPT2 = GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=3, n_head=4, n_positions=16)
text("gpt2", GPT2Model, GPT2, conv1d_weights=True, padding_id=None)
text("gpt2_lm_head", GPT2LMHeadModel, GPT2, of_base, conv1d_weights=True, padding_id=None)

# The text ends at the highest id where `eos_token_id` is 2, as the first configs said wrongly, and
# else at the first place of `eos_token_id`, which the formula draws for both rows of 5 ids.
text("clip_text_legacy", CLIPTextModel, CLIPTextConfig(**SIZE, eos_token_id=2), of_clip)
CLIP = {**SIZE, "vocab_size": 5, "eos_token_id": 4}
ENDS = {"vocabulary_size": 5, "padding_id": None}
text("clip_text", CLIPTextModel, CLIPTextConfig(**CLIP), of_clip, **ENDS)
VISION = {"image_size": 32, "patch_size": 8, "hidden_size": 32, "num_hidden_layers": 1}
JOINT = CLIPConfig(
    text_config=CLIP,
    vision_config={**VISION, "num_attention_heads": 4, "intermediate_size": 64},
    projection_dim=24,
)
# As published: both towers and their projections are in one file, and each has a config of its own.
text("clip_text_of_joint", CLIPModel, JOINT, of_clip, type="clip_text_model", **ENDS)
