"""Golden cases for text encoders: transformers' BERT, DistilBERT, RoBERTa, GPT-2 and CLIP's text tower.

Run `python reference/encoder/text.py [CASE…]` with the versions of `reference/requirements.lock`.
The rows of a batch have 7 and 4 real tokens. What is pooled is the mean of real tokens, except for
CLIP, whose text is the state at its end token.
"""

import transformers
from hugging_face import build, config_json, mean_of_real, published_names
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
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
    write(
        name,
        build(model_class, config),
        forward,
        reads="tokens",
        type=type or config.model_type,
        scheme="transformers",
        shape=SHAPE,
        lengths=LENGTHS,
        vocabulary_size=VOCABULARY,
        padding_id=PADDING,
        config=config_json(model_class, config),
        published_names=published_names,
        made_with=(transformers,),
        **options,
    )


def of_base(model, ids, real):
    """Of a network with a head: what its encoder answers."""
    return mean_of_real(model.base_model, ids, real)


text("bert", BertModel, BertConfig(**SIZE))
# As published checkpoints are: names begin with `bert.`, and a head is in the file that is not read.
text("bert_masked_lm", BertForMaskedLM, BertConfig(**SIZE), of_base)
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
