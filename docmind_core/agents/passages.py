"""Passages in a prompt, and the citations that point back at them."""

import re
from collections.abc import Sequence

from docmind_core.retrieval.search import Hit

_CITATION = re.compile(r"\s*\[\s*(\d+(?:\s*[,;]\s*\d+)*)\s*\]")
_FENCE = re.compile(r"</?\s*passages\s*>", re.IGNORECASE)


def render_passages(passages: Sequence[Hit], *, first_number: int = 1) -> str:
    """Return the fenced block of numbered passages; a document can't close the fence."""
    blocks = [
        f"[{number}] {_FENCE.sub('', hit.chunk.title)}\n{_FENCE.sub('', hit.chunk.text)}"
        for number, hit in enumerate(passages, start=first_number)
    ]
    return "<passages>\n" + "\n\n".join(blocks) + "\n</passages>"


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
