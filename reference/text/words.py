"""Golden cases for `most_common` and `num_words`: which words keep an id of their own.

`num_words` is computed by Keras' own `Tokenizer` (keras-preprocessing 1.1.2, its last home in pure
Python). `most_common` follows Ludwig 0.11.0's `create_vocabulary` (utils/strings_utils.py), which is
`Counter.most_common(n)` over the tokens of all texts; it is restated here in one line, since Ludwig
brings PyTorch and Ray along.

No two words occur equally often, since the references break ties by which word came first and
Sensorium by the alphabet.
"""

import json
import random
import re
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from keras_preprocessing.text import Tokenizer

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "text_words"
WORDS = "apple pear fig plum lemon lime peach cherry grape melon quince date".split()
SPACE_PUNCT = re.compile(r"\w+|[^\w\s]")  # Ludwig's, utils/tokenizers.py


def texts():
    """`apple` 13 times, `pear` 12 times and so on, over ten texts, in both cases of letters."""
    words = [word for place, word in enumerate(WORDS) for _ in range(len(WORDS) + 1 - place)]
    random.Random(7).shuffle(words)
    words = [word.upper() if index % 5 == 0 else word for index, word in enumerate(words)]
    return [" ".join(words[start::10]) for start in range(10)]


def keras(num_words, texts):
    tokenizer = Tokenizer(num_words=num_words, filters="")
    tokenizer.fit_on_texts(texts)
    return [word for word, index in tokenizer.word_index.items() if index < num_words]


def ludwig(most_common, texts, cut):
    counts = Counter(token for text in texts for token in cut(text.lower()))
    return [word for word, _ in counts.most_common(most_common)]


def marked(texts):
    return [text + "!" * (index + 4) for index, text in enumerate(texts)]


CASES = {
    f"keras_num_words_{number}": (
        {"tokenizer": "space", "num_words": number},
        texts(),
        lambda texts, number=number: keras(number, texts),
    )
    for number in (2, 6, 13, 50)
} | {
    f"ludwig_most_common_{number}": (
        {"tokenizer": "space_punct", "most_common": number},
        marked(texts()),
        lambda texts, number=number: ludwig(number, texts, SPACE_PUNCT.findall),
    )
    for number in (1, 6, 13, 50)
} | {
    # A word beyond the cut of every text still has its place in the vocabulary.
    "ludwig_longer_texts": (
        {"tokenizer": "space", "most_common": 6, "max_sequence_length": 2},
        texts(),
        lambda texts: ludwig(6, texts, str.split),
    )
}

for name, (config, given, vocabulary) in CASES.items():
    path = GOLDEN / name / "case.json"
    case = {
        "made_with": {"keras-preprocessing": version("keras-preprocessing")},
        "script": "reference/text/words.py",
        "config": config,
        "texts": given,
        "vocabulary": vocabulary(given),
    }
    if "--check" in sys.argv:
        assert json.loads(path.read_text()) == case, name
        print(f"text_words/{name}: the same words")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(case, indent=2) + "\n")
