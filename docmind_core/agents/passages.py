"""Passages in a prompt, and the citations that point back at them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from docmind_core.retrieval.search import Hit

_CITATION = re.compile(r"\s*\[\s*(\d+(?:\s*[,;]\s*\d+)*)\s*\]")
_FENCE = re.compile(r"<(?=\s*/?\s*passages\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedPassage:
    """A passage under the number that answers cite it by; neither changes when others are left out."""

    number: int
    hit: Hit
    whole_tokens: int | None = None
    """Tokens of the uncut text; None while the text is whole."""
    same_as: tuple[str, ...] = ()
    """Ids of chunks left out because this one says the same."""


def numbered(passages: Sequence[Hit], *, first_number: int = 1) -> tuple[NumberedPassage, ...]:
    """Give passages the numbers under which they are cited."""
    return tuple(NumberedPassage(number=number, hit=hit) for number, hit in enumerate(passages, start=first_number))


def render_passage(passage: NumberedPassage) -> str:
    """Return one passage with its number; a cut text says so, and no tag of the fence stands in it."""
    chunk = passage.hit.chunk
    mark = " [...]" if passage.whole_tokens is not None else ""
    # Escaped, not taken out: what is left when a tag goes may be a tag. Title and text together may be one, too.
    inside = _FENCE.sub("&lt;", f"{chunk.title}\n{chunk.text}")
    return f"[{passage.number}] {inside}{mark}"


def render_numbered(passages: Sequence[NumberedPassage]) -> str:
    """Return the fenced block of numbered passages; a document can't close the fence."""
    return "<passages>\n" + "\n\n".join(render_passage(passage) for passage in passages) + "\n</passages>"


def render_passages(passages: Sequence[Hit], *, first_number: int = 1) -> str:
    """Return the fenced block of passages, numbered from `first_number`."""
    return render_numbered(numbered(passages, first_number=first_number))


def split_citations(text: str, passages: Sequence[Hit]) -> tuple[str, tuple[str, ...]]:
    """Return the answer without its citation marks, and the ids of the chunks it cites, each once.

    Numbers that point at no passage are dropped: they cite nothing.
    """
    cited: dict[str, None] = {}
    for mark in _CITATION.finditer(text):
        for number in re.findall(r"\d+", mark.group(1)):
            if 1 <= int(number) <= len(passages):
                cited[passages[int(number) - 1].chunk.chunk_id] = None
    return _CITATION.sub("", text).strip(), tuple(cited)
