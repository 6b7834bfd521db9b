"""Golden cases for the metrics: what scikit-learn says of whole splits.

Run `python reference/metrics/metrics.py` to write `golden/metrics/`, or with `--check` to compare
what is there with what this machine computes. Versions are in `reference/requirements.lock`.
"""

import argparse
import json
import math
import sys
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn import metrics

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "metrics"
VERSIONS = {"numpy": np.__version__, "scikit-learn": sklearn.__version__}

# Undefined is nan here and null in the file. scikit-learn answers some undefined metrics with a
# stand-in and a warning; those are turned into nan below, each with its condition.
UNDEFINED = math.nan
UNSEEN = -1  # a truth that no class stands for
TOP_K = 3


def drawn_category(seed, num_rows, num_classes, skew=0.0, sharpness=2.0):
    """Class probabilities that lean towards the truth; `skew` makes later classes rarer."""
    random = np.random.default_rng(seed)
    frequency = np.exp(-skew * np.arange(num_classes))
    truth = random.choice(num_classes, num_rows, p=frequency / frequency.sum())
    logits = random.normal(size=(num_rows, num_classes))
    logits[np.arange(num_rows), truth] += sharpness
    return softmax(logits), truth


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def one_hot(classes, num_classes):
    return np.eye(num_classes, dtype=np.float32)[np.asarray(classes)]


def category_expected(probabilities, truth):
    num_classes = probabilities.shape[1]
    classes = np.arange(num_classes)
    predicted = probabilities.argmax(axis=1)
    seen = truth != UNSEEN
    occurring = np.union1d(truth[seen], predicted)
    expected = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "macro_f1": metrics.f1_score(
            truth, predicted, labels=occurring, average="macro", zero_division=UNDEFINED
        ),
        "balanced_accuracy": UNDEFINED,
        "hits_at_k": hits_at_k(probabilities, truth),
        "log_loss": UNDEFINED,
        "brier": UNDEFINED,
    }
    if seen.any():
        known, right = probabilities[seen].astype(np.float64), truth[seen]
        expected |= {
            "balanced_accuracy": metrics.balanced_accuracy_score(right, predicted[seen]),
            "log_loss": log_loss(right, known, classes),
            "brier": brier(right, known, classes),
        }
    return expected


def hits_at_k(probabilities, truth):
    """A tie goes to the first class: scikit-learn gives it to the last, so columns are turned."""
    num_classes = probabilities.shape[1]
    seen = truth != UNSEEN
    if num_classes <= TOP_K or not seen.any():
        return float(np.mean(seen))  # scikit-learn refuses both
    turned = num_classes - 1 - truth[seen]
    hits = metrics.top_k_accuracy_score(
        turned,
        probabilities[seen][:, ::-1],
        k=TOP_K,
        labels=np.arange(num_classes),
        normalize=False,
    )
    return float(hits) / len(truth)


def clipped(probability):
    """To what f32 can tell from 0 and 1, as scikit-learn does with arrays of f32, but in f64."""
    least = float(np.finfo(np.float32).eps)
    return np.clip(probability, least, 1 - least)


def log_loss(truth, probabilities, classes):
    if len(classes) == 1:
        return float(-np.log(clipped(probabilities)).mean())  # scikit-learn refuses one class
    return metrics.log_loss(truth, clipped(probabilities), labels=classes)


def brier(truth, probabilities, classes):
    if len(classes) == 1:
        return float(((1 - probabilities) ** 2).mean())  # scikit-learn refuses one class
    return metrics.brier_score_loss(truth, probabilities, labels=classes, scale_by_half=False)


def per_class(probabilities, truth):
    classes = np.arange(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth, predicted, labels=classes, zero_division=UNDEFINED
    )
    seen = truth != UNSEEN
    matrix = np.zeros((len(classes), len(classes)), dtype=int)
    if seen.any():
        matrix = metrics.confusion_matrix(truth[seen], predicted[seen], labels=classes)
    return {
        "precision": listed(precision),
        "recall": listed(recall),
        "f1_score": listed(f1),
        "confusion_matrix": matrix.tolist(),
    }


def binary_expected(probability, truth):
    predicted = probability >= 0.5
    wide = probability.astype(np.float64)
    both = truth.any() and not truth.all()
    return {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "precision": metrics.precision_score(truth, predicted, zero_division=UNDEFINED),
        "recall": metrics.recall_score(truth, predicted, zero_division=UNDEFINED),
        "f1": metrics.f1_score(truth, predicted, zero_division=UNDEFINED),
        "roc_auc": metrics.roc_auc_score(truth, wide) if both else UNDEFINED,
        "average_precision": (
            metrics.average_precision_score(truth, wide) if truth.any() else UNDEFINED
        ),
        "log_loss": metrics.log_loss(truth, clipped(wide), labels=[False, True]),
        "brier": metrics.brier_score_loss(truth, wide, pos_label=True),
    }


def number_expected(predicted, truth):
    constant = (truth == truth[0]).all()
    return {
        "mean_absolute_error": metrics.mean_absolute_error(truth, predicted),
        "mean_squared_error": metrics.mean_squared_error(truth, predicted),
        "root_mean_squared_error": metrics.root_mean_squared_error(truth, predicted),
        "r2": UNDEFINED if constant else metrics.r2_score(truth, predicted, force_finite=False),
    }


def listed(values):
    return [None if math.isnan(value) else float(value) for value in values]


def category_case(probabilities, truth):
    probabilities = np.asarray(probabilities, dtype=np.float32)
    truth = np.asarray(truth)
    return {
        "kind": "category",
        "input": {
            "num_classes": probabilities.shape[1],
            "probabilities": probabilities.astype(np.float64).ravel().tolist(),
            "truth": [None if label == UNSEEN else int(label) for label in truth],
        },
        "expected": category_expected(probabilities, truth),
        "per_class": per_class(probabilities, truth),
    }


def binary_case(probability, truth):
    probability = np.asarray(probability, dtype=np.float32)
    truth = np.asarray(truth, dtype=bool)
    return {
        "kind": "binary",
        "input": {
            "probability": probability.astype(np.float64).tolist(),
            "truth": truth.tolist(),
        },
        "expected": binary_expected(probability, truth),
    }


def number_case(predicted, truth):
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    return {
        "kind": "number",
        "input": {"predicted": predicted.tolist(), "truth": truth.tolist()},
        "expected": number_expected(predicted, truth),
    }


def unseen(seed, num_rows, num_classes, share):
    probabilities, truth = drawn_category(seed, num_rows, num_classes)
    hidden = np.random.default_rng(seed + 1).random(num_rows) < share
    return probabilities, np.where(hidden, UNSEEN, truth)


def drawn_binary(seed, num_rows, share, steps=None):
    """Probabilities that lean towards the truth; rounded to `steps` levels they tie often."""
    random = np.random.default_rng(seed)
    truth = random.random(num_rows) < share
    logit = random.normal(size=num_rows) + np.where(truth, 1.0, -1.0)
    probability = 1 / (1 + np.exp(-logit))
    return (np.round(probability * steps) / steps if steps else probability), truth


def drawn_number(seed, num_rows, scale=1.0, offset=0.0):
    random = np.random.default_rng(seed)
    truth = random.normal(size=num_rows) * scale + offset
    return truth + random.normal(size=num_rows) * scale / 2, truth


def cases():
    two, three, ten = ([0, 1] * 4, [0, 1, 2, 2, 1, 0], list(range(10)))
    return {
        "category_two_classes": category_case(*drawn_category(1, 40, 2)),
        "category_three_classes": category_case(*drawn_category(2, 60, 3)),
        "category_ten_classes": category_case(*drawn_category(3, 120, 10)),
        "category_imbalanced": category_case(*drawn_category(4, 100, 5, skew=1.2)),
        "category_classes_without_rows": category_case(*drawn_category(5, 12, 10)),
        "category_perfect": category_case(one_hot(ten, 10), ten),
        "category_all_wrong_and_sure": category_case(one_hot([1, 2, 0], 3), [0, 1, 2]),
        "category_one_true_class": category_case(drawn_category(6, 9, 4)[0], [2] * 9),
        "category_one_class": category_case(np.ones((5, 1)), [0] * 5),
        "category_one_row": category_case([[0.1, 0.2, 0.3, 0.4]], [0]),
        "category_ties_two_classes": category_case(np.full((8, 2), 0.5), two),
        "category_ties_ten_classes": category_case(np.full((10, 10), 0.1), ten),
        "category_ties_at_the_third_place": category_case(
            [[0.4, 0.2, 0.2, 0.2, 0.0]] * 5, [0, 1, 2, 3, 4]
        ),
        "category_three_uniform": category_case(np.full((6, 3), 1 / 3), three),
        "category_unseen_labels": category_case(*unseen(7, 50, 6, 0.2)),
        "category_unseen_labels_two_classes": category_case(*unseen(8, 30, 2, 0.3)),
        "category_only_unseen_labels": category_case(drawn_category(9, 4, 5)[0], [UNSEEN] * 4),
        "binary_balanced": binary_case(*drawn_binary(11, 80, 0.5)),
        "binary_imbalanced": binary_case(*drawn_binary(12, 200, 0.05)),
        "binary_ties": binary_case(*drawn_binary(13, 100, 0.4, steps=5)),
        "binary_all_tied": binary_case([0.3] * 6, [1, 0, 0, 1, 0, 0]),
        "binary_at_the_threshold": binary_case([0.5] * 4, [1, 0, 1, 1]),
        "binary_perfect": binary_case([1.0, 0.0, 1.0, 0.0], [1, 0, 1, 0]),
        "binary_all_wrong_and_sure": binary_case([0.0, 1.0, 0.0, 1.0], [1, 0, 1, 0]),
        "binary_only_true": binary_case([0.9, 0.2, 0.6], [1, 1, 1]),
        "binary_only_false": binary_case([0.9, 0.2, 0.6], [0, 0, 0]),
        "binary_only_false_and_none_answered": binary_case([0.1, 0.2, 0.3], [0, 0, 0]),
        "number_drawn": number_case(*drawn_number(21, 100)),
        "number_large_offset": number_case(*drawn_number(22, 50, scale=3.0, offset=1e6)),
        "number_perfect": number_case([1.5, -2.0, 0.0], [1.5, -2.0, 0.0]),
        "number_constant_prediction": number_case([0.1] * 4, [0.0, 0.5, -1.0, 2.0]),
        "number_constant_truth": number_case([0.1, 0.2, 0.3], [0.1, 0.1, 0.1]),
        "number_one_row": number_case([3.0], [4.0]),
    }


def text_of(name, case):
    expected = {
        metric: None if math.isnan(value) else float(value)
        for metric, value in sorted(case["expected"].items())
    }
    whole = {"name": name} | case | {"expected": expected, "made_with": VERSIONS}
    return json.dumps(whole, allow_nan=False) + "\n"


def close(a, b):
    """Whether two read cases agree, numbers within the tolerance of the Rust test."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)
    return a == b


def check(texts):
    """The names of the cases that are missing, left over or different."""
    present = {path.stem: path.read_text() for path in GOLDEN.glob("*.json")}
    differing = set(present) ^ set(texts)
    for name in set(present) & set(texts):
        old, new = json.loads(present[name]), json.loads(texts[name])
        old.pop("made_with"), new.pop("made_with")
        if not close(old, new):
            differing.add(name)
    return sorted(differing)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of undefined metrics and clipped probabilities
    texts = {name: text_of(name, case) for name, case in cases().items()}
    if arguments.check:
        differing = check(texts)
        sys.exit(f"these cases differ: {', '.join(differing)}" if differing else 0)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (GOLDEN / f"{name}.json").write_text(text)


if __name__ == "__main__":
    main()
