"""The encoder's tokens: BERT's uncased WordPiece, from a vocabulary that ships with this package.

Counting needs no weights and no torch, so that chunks are the same with and without the extra `embeddings`.
"""

from functools import cache
from importlib import resources

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

WORD_CHARACTERS_MAX = 100
"""WordPiece makes one unknown token of a longer word."""
CLASSIFY_ID, SEPARATE_ID, PAD_ID = 101, 102, 0


@cache
def wordpiece_tokenizer() -> Tokenizer:
    """Return the tokenizer, without special tokens, truncation or padding."""
    vocabulary_file = resources.files("docmind_core.retrieval") / "wordpiece_vocab.txt"
    tokens = vocabulary_file.read_text(encoding="utf-8").split("\n")[:-1]
    vocabulary = {token: token_id for token_id, token in enumerate(tokens)}
    tokenizer = Tokenizer(
        WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=WORD_CHARACTERS_MAX)  # noqa: S106
    )
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


def token_ids(text: str) -> list[int]:
    """Return the ids of the text's tokens, without the special tokens around them."""
    return list(wordpiece_tokenizer().encode(text, add_special_tokens=False).ids)


def token_count(text: str) -> int:
    """Return the number of tokens of the text, without the special tokens around them."""
    return len(wordpiece_tokenizer().encode(text, add_special_tokens=False))
