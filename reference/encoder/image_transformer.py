"""Golden cases for image transformers: ViT as transformers, torchvision and timm have it, and CLIP's
picture tower.

Run `python reference/encoder/image_transformer.py [CASE…]` with the versions of
`reference/requirements.lock`. Tokens are the class token and then the patches, row by row, after the
last norm (CLIP: before it, as its last hidden state is); pooled is the class token after that norm.
"""

import timm
import torch
import torchvision
import transformers
from hugging_face import build, config_json, published_names
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)
from weights import write

IMAGE, PATCH, WIDTH, LAYERS, HEADS, INNER, CLASSES = 32, 8, 32, 3, 4, 64, 10
# What no shape of a tensor tells, where there is no config.
SECTION = {"num_attention_heads": HEADS}
SIZE = {
    "image_size": IMAGE,
    "patch_size": PATCH,
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": INNER,
}


def class_token_first(tokens, **more):
    return {"tokens": tokens, "pooled": tokens[:, 0], **more}


def of_vit(model, pictures, _):
    return class_token_first(model(pictures).last_hidden_state)


def of_vit_classifier(model, pictures, _):
    logits = model(pictures).logits
    return class_token_first(model.vit(pictures).last_hidden_state, logits=logits)


def of_torchvision(model, pictures, _):
    patches = model._process_input(pictures)
    first = model.class_token.expand(len(patches), -1, -1)
    return class_token_first(model.encoder(torch.cat([first, patches], 1)), logits=model(pictures))


def of_timm(model, pictures, _):
    return class_token_first(model.forward_features(pictures), logits=model(pictures))


def of_clip(model, pictures, _):
    output = getattr(model, "vision_model", model)(pixel_values=pictures)
    return {"tokens": output.last_hidden_state, "pooled": output.pooler_output}


def pictures(name, type, scheme, model, forward, made_with, **options):
    write(
        name,
        model,
        forward,
        reads="grid",
        type=type,
        scheme=scheme,
        shape=[2, 3, IMAGE, IMAGE],
        made_with=(made_with,),
        **options,
    )


def hugging_face(name, type, model_class, config, forward):
    pictures(
        name,
        type,
        "transformers",
        build(model_class, config),
        forward,
        transformers,
        config=config_json(model_class, config),
        published_names=published_names,
    )


hugging_face("vit", "vit", ViTModel, ViTConfig(**SIZE), of_vit)
LABELS = {"num_labels": CLASSES}
hugging_face(
    "vit_classifier",
    "vit",
    ViTForImageClassification,
    ViTConfig(**SIZE, **LABELS),
    of_vit_classifier,
)
pictures(
    "torchvision_vit",
    "vit",
    "torchvision",
    lambda: torchvision.models.VisionTransformer(
        image_size=IMAGE,
        patch_size=PATCH,
        num_layers=LAYERS,
        num_heads=HEADS,
        hidden_dim=WIDTH,
        mlp_dim=INNER,
        num_classes=CLASSES,
    ),
    of_torchvision,
    torchvision,
    section=SECTION,
)
pictures(
    "timm_vit",
    "vit",
    "timm",
    lambda: timm.models.VisionTransformer(
        img_size=IMAGE,
        patch_size=PATCH,
        embed_dim=WIDTH,
        depth=LAYERS,
        num_heads=HEADS,
        mlp_ratio=INNER / WIDTH,
        num_classes=CLASSES,
    ),
    of_timm,
    timm,
    section=SECTION,
)
hugging_face("clip_vision", "clip_vision_model", CLIPVisionModel, CLIPVisionConfig(**SIZE), of_clip)
TEXT = {"vocab_size": 12, "hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 4}
JOINT = CLIPConfig(
    text_config={**TEXT, "intermediate_size": 48, "max_position_embeddings": 16},
    vision_config=SIZE,
    projection_dim=24,
)
hugging_face("clip_vision_of_joint", "clip_vision_model", CLIPModel, JOINT, of_clip)
