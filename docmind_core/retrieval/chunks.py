"""Documents cut into passages that the encoder can read whole."""

import re
from collections.abc import Iterable, Iterator

from docmind_core.query_sets.documents import Document
from docmind_core.retrieval.search import Chunk
from docmind_core.retrieval.wordpiece import WORD_CHARACTERS_MAX, token_count

MAX_TOKENS = 200
TITLE_END = ". "
TITLE_SHARE = 4
"""A title may take one in so many tokens of a chunk; the rest of a longer one is left out."""

# From coarse to fine: paragraphs, sentences, lines, words. What a pattern matches is white space and belongs to
# neither side; ideographic text ends its sentences without any, hence the empty match.
BOUNDARIES = tuple(
    re.compile(pattern)
    for pattern in (r"\n\s*\n", r"(?<=[.!?])\s+|(?<=[.!?][\"'”’)\]])\s+|(?<=[。！？])", r"\n", r"\s+")  # noqa: RUF001
)
LONG_WORD = re.compile(rf"\S{{{WORD_CHARACTERS_MAX + 1},}}")
LONG_WORD_PART = re.compile(r"\S{32}")
CHARACTERS_PER_TOKEN_MAX = 12
"""Text longer than this is split before it is counted, so that a huge document is not tokenized at each level."""


def chunk_documents(documents: Iterable[Document], *, max_tokens: int = MAX_TOKENS) -> tuple[Chunk, ...]:
    """Cut documents into chunks of at most `max_tokens` encoder tokens, the title counted.

    Cuts fall between paragraphs, else sentences, else lines, else words; a word that doesn't fit is cut too. Chunks
    don't overlap, and nothing but white space between them is lost. A document with a title and no text is one
    chunk without text; one with neither has no chunk.
    """
    if max_tokens < TITLE_SHARE:
        raise ValueError(f"max_tokens must be at least {TITLE_SHARE}, got {max_tokens}")
    return tuple(chunk for document in documents for chunk in _document_chunks(document, max_tokens))


def indexed_text(chunk: Chunk) -> str:
    """Return what is searched: the title, a full stop, the text.

    The encoder reads a newline as a space: joined by one, the title runs into the first sentence and nDCG@10 is lower
    (benchmarks/retrieval).
    """
    return TITLE_END.join(part for part in (chunk.title, chunk.text) if part)


def _document_chunks(document: Document, max_tokens: int) -> Iterator[Chunk]:
    title = next(_packed(" ".join(document.title.split()), max_tokens // TITLE_SHARE), "")
    texts = list(_packed(document.text, max(1, max_tokens - (_tokens(title + TITLE_END) if title else 0))))
    if title and not texts:
        texts = [""]
    for position, text in enumerate(texts):
        chunk_id = f"{document.doc_id}#{position}"
        yield Chunk(chunk_id=chunk_id, doc_id=document.doc_id, title=title, text=text, position=position)


def _packed(text: str, budget: int) -> Iterator[str]:
    """Yield passages of at most `budget` tokens, each made of as many neighbouring pieces as fit."""
    passage: tuple[int, int] | None = None
    used = 0
    for start, end, tokens in _pieces(text, 0, len(text), budget):
        # A piece that begins inside a word stays alone: joined to its neighbour, it would be tokenized differently.
        inside_word = start > 0 and not text[start - 1].isspace() and not text[start].isspace()
        if passage is not None and used + tokens <= budget and not inside_word:
            passage, used = (passage[0], end), used + tokens
            continue
        if passage is not None:
            yield text[slice(*passage)]
        passage, used = (start, end), tokens
    if passage is not None:
        yield text[slice(*passage)]


def _pieces(text: str, start: int, end: int, budget: int, level: int = 0) -> Iterator[tuple[int, int, int]]:
    """Yield start, end and tokens of the pieces, not blank and within `budget`, that `text[start:end]` falls into."""
    end = start + len(text[start:end].rstrip())
    if start == end:
        return
    if end - start <= budget * CHARACTERS_PER_TOKEN_MAX:
        tokens = _tokens(text[start:end])
        if tokens <= budget:
            yield start, end, tokens
            return
    if level == len(BOUNDARIES):
        yield from _word_slices(text, start, end, budget)
        return
    for boundary in BOUNDARIES[level].finditer(text, start, end):
        yield from _pieces(text, start, boundary.start(), budget, level + 1)
        start = boundary.end()
    yield from _pieces(text, start, end, budget, level + 1)


def _word_slices(text: str, start: int, end: int, budget: int) -> Iterator[tuple[int, int, int]]:
    length = budget * CHARACTERS_PER_TOKEN_MAX
    while start < end:
        length = min(end - start, length)
        while (tokens := _tokens(text[start : start + length])) > budget and length > 1:
            length //= 2
        yield start, start + length, tokens
        start += length


def _tokens(text: str) -> int:
    """Count encoder tokens; a word so long that the encoder makes one unknown token of it is counted in parts.

    Never less than what the encoder sees.
    """
    count = token_count(text)
    if LONG_WORD.search(text):
        return max(count, token_count(LONG_WORD.sub(_parted, text)))
    return count


def _parted(long_word: re.Match[str]) -> str:
    return LONG_WORD_PART.sub(r"\g<0> ", long_word.group())
