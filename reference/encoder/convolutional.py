"""Golden cases for convolutional image encoders, at their published depth and width: torchvision's,
timm's and Hugging Face's VGG, ResNet, EfficientNet (and Lite) and MobileNetV3.

Run `python reference/encoder/convolutional.py [CASE…]` with the versions of
`reference/requirements.lock`. Tokens are the cells of the last feature map, pooled is their mean:
what the original hands to its classifier (MobileNetV3's first linear layer is of its classifier).
"""

import math
from importlib.metadata import version

import efficientnet_lite_pytorch
import timm
import torchvision
import transformers
from hugging_face import build, config_json, published_names
from transformers import ResNetConfig, ResNetModel
from weights import cells, write

efficientnet_lite_pytorch.__version__ = version("efficientnet-lite-pytorch")
# Both are multiples of 32 so that no padding depends on who counts it; the deepest networks get
# less, for their maps of 2,048 channels and more are most of a file.
SQUARE, NARROW = [2, 3, 64, 64], [2, 3, 64, 32]


def of_features(features):
    """`forward` of a network whose method or part `features` answers its last feature map."""

    def forward(model, pictures, _):
        tokens = cells(getattr(model, features)(pictures))
        return {"tokens": tokens, "pooled": tokens.mean(1), "logits": model(pictures)}

    return forward


def of_torchvision_resnet(model, pictures, _):
    x = model.maxpool(model.relu(model.bn1(model.conv1(pictures))))
    tokens = cells(model.layer4(model.layer3(model.layer2(model.layer1(x)))))
    return {"tokens": tokens, "pooled": tokens.mean(1), "logits": model(pictures)}


def of_hugging_face_resnet(model, pictures, _):
    output = model(pictures)
    pooled = output.pooler_output.flatten(1)
    return {"tokens": cells(output.last_hidden_state), "pooled": pooled}


def network(name, type, section, model, scheme, forward, made_with, shape=SQUARE, **options):
    write(
        name,
        model,
        forward,
        reads="grid",
        type=type,
        section=section,
        scheme=scheme,
        shape=shape,
        made_with=(made_with,),
        **options,
    )


def of_torchvision(name, type, section, forward=None, **options):
    model = getattr(torchvision.models, name)
    forward = forward or of_features("features")
    network(name, type, section, model, "torchvision", forward, torchvision, **options)


def of_timm(name, type, section, **options):
    model = lambda: timm.create_model(name)
    forward = of_features("forward_features")
    network(f"timm_{name}", type, section, model, "timm", forward, timm, **options)


def resnet(layers, **options):
    section = {"model_variant": layers}
    of_torchvision(f"resnet{layers}", "resnet", section, of_torchvision_resnet, **options)


def vgg(name, layers, **section):
    section = {"model_variant": layers, **section}
    # No norm keeps the scale of 19 layers: each has to.
    of_torchvision(name, "vgg", section, shape=[2, 3, 32, 32], gain=math.sqrt(2))


def efficientnet(variant, source=of_torchvision, prefix="efficientnet_", **options):
    source(prefix + variant, "efficientnet", {"model_variant": variant}, **options)


resnet(18)
resnet(34)
resnet(50)
resnet(101, shape=NARROW, thinned=2)
resnet(152, shape=NARROW, thinned=4)
RESNET = ResNetConfig(embedding_size=8, hidden_sizes=[16, 24, 32, 48], depths=[1, 2, 1, 1])
network(
    "hugging_face_resnet",
    "resnet",
    {},
    build(ResNetModel, RESNET),
    "transformers",
    of_hugging_face_resnet,
    transformers,
    config=config_json(ResNetModel, RESNET),
    published_names=published_names,
)

efficientnet("b0")
efficientnet("b3", shape=NARROW, thinned=2)
efficientnet("b7", shape=NARROW, thinned=5)
efficientnet("b0", of_timm)
# TensorFlow pads an odd side otherwise than an even one.
# Of a size at which no number is nearer to a kink of its ReLU6 than float32 tells apart.
efficientnet("lite0", of_timm, "tf_efficientnet_", shape=[2, 3, 48, 32])
efficientnet("lite4", of_timm, "tf_efficientnet_", shape=[2, 3, 50, 37], thinned=2)
network(
    "efficientnet_pytorch_lite0",
    "efficientnet",
    {"model_variant": "lite0"},
    lambda: efficientnet_lite_pytorch.EfficientNet.from_name("efficientnet-lite0"),
    "efficientnet_pytorch",
    of_features("extract_features"),
    efficientnet_lite_pytorch,
)

vgg("vgg11", 11)
vgg("vgg16", 16)
vgg("vgg16_bn", 16, batch_norm=True)
vgg("vgg19_bn", 19, batch_norm=True)
of_timm("vgg16", "vgg", {"model_variant": 16}, shape=[2, 3, 32, 32], gain=math.sqrt(2))

of_torchvision("mobilenet_v3_large", "mobilenetv3", {"model_variant": "large"})
of_torchvision("mobilenet_v3_small", "mobilenetv3", {"model_variant": "small"})
of_timm("mobilenetv3_large_100", "mobilenetv3", {"model_variant": "large"})
