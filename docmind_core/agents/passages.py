"""Passages in a prompt, and the citations that point back at them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from docmind_core.retrieval.search import Hit

CITATION_RULES_VERSION = "2"
"""Stored in the manifest of each run, so that counts of two versions can be told apart."""

_CITATION = re.compile(r"(\s*)\[\s*(\d+(?:\s*[,;]\s*\d+)*)\s*\]")
_SUBSCRIPTED = re.compile(r"[\w)\]}\"'`]")
"""What a subscript stands behind without a space: a name, a call, another subscript, a literal."""
_ENDING = re.compile(r"[\s.,;:!?*_\"'`)]*")
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

    A mark directly behind a name, a bracket or a quote is a subscript (`x[0]`), unless it ends the answer and points
    at passages (`Paris[1]`). Other numbers that point at no passage are dropped: they cite nothing.
    """
    marks = _citation_marks(text, len(passages))
    cited: dict[str, None] = {}
    for mark in marks:
        for number in _numbers(mark):
            if 1 <= number <= len(passages):
                cited[passages[number - 1].chunk.chunk_id] = None
    kept, begin = [], 0
    for mark in marks:
        kept.append(text[begin : mark.start()])
        begin = mark.end()
    return "".join([*kept, text[begin:]]).strip(), tuple(cited)


def _citation_marks(text: str, passages: int) -> list[re.Match[str]]:
    found = list(_CITATION.finditer(text))
    closing = _closing_marks(text, found, passages)
    marks: list[re.Match[str]] = []
    for mark in found:
        behind_a_mark = bool(marks) and marks[-1].end() == mark.start()
        before = text[: mark.start()][-1:]
        if mark[1] or behind_a_mark or mark in closing or not _SUBSCRIPTED.match(before):
            marks.append(mark)
    return marks


def _closing_marks(text: str, found: Sequence[re.Match[str]], passages: int) -> list[re.Match[str]]:
    """Return the unbroken row of marks that the answer ends with; none when a number in it points at no passage."""
    closing: list[re.Match[str]] = []
    end = len(text)
    for mark in reversed(found):
        if not _ENDING.fullmatch(text, mark.end(), end):
            break
        closing.append(mark)
        end = mark.start()
        if mark[1]:
            break
    pointing = all(1 <= number <= passages for mark in closing for number in _numbers(mark))
    return closing if pointing else []


def _numbers(mark: re.Match[str]) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", mark[2])]
