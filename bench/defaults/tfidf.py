"""TF-IDF and logistic regression on one text column, as scikit-learn's users write it.

    python bench/defaults/tfidf.py TABLE TEXT LABEL [--balanced]

Words and pairs of words; every mark of punctuation and emoji is a word, as it is in ours. Prints
one line of JSON: the scores on the test rows and the seconds of fitting and predicting.
"""

import argparse
import json
import time
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline

from tasks import rows_of


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("text")
    parser.add_argument("label")
    parser.add_argument("--balanced", action="store_true")
    arguments = parser.parse_args()
    rows = rows_of(arguments.table)
    train, test = ([row for row in rows if row["split"] == part] for part in ("train", "test"))
    started = time.monotonic()
    model = make_pipeline(
        TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2)),
        LogisticRegression(max_iter=1000, class_weight="balanced" if arguments.balanced else None),
    )
    model.fit([row[arguments.text] for row in train], [row[arguments.label] for row in train])
    answers = model.predict([row[arguments.text] for row in test])
    seconds = time.monotonic() - started
    truth = [row[arguments.label] for row in test]
    scores = {"accuracy": accuracy_score(truth, answers), "macro_f1": f1_score(truth, answers, average="macro")}
    print(json.dumps(scores | {"seconds": seconds}))


if __name__ == "__main__":
    main()
