"""Passages in a prompt, and the citations that point back at them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from docmind_core.retrieval.search import Hit

CITATION_RULES_VERSION = "3"
"""Stored in the manifest of each run, so that counts of two versions can be distinguished."""

_NUMBERS = r"\d+(?:\s*(?:[,;&\N{EN DASH}-]|and|to)\s*\d+)*"
_LABEL = r"(?:see|source|passage|document|doc|ref|reference|citation)s?"
_CITATION = re.compile(
    rf"(\s*)(?:\[\s*\^?({_NUMBERS})\s*\]"
    rf"|[\[(]\s*(?:{_LABEL}:?\s*)+\[?({_NUMBERS})\]?\s*[\])]"
    r"|\N{LEFT BLACK LENTICULAR BRACKET}(\d+)[^\N{RIGHT BLACK LENTICULAR BRACKET}]*"
    r"\N{RIGHT BLACK LENTICULAR BRACKET})",
    re.IGNORECASE,
)
"""Marks as models write them: [1, 3], [1-3], [^1], [Passage 2], (source: passage 2), and in lenticular brackets."""
_RANGE = re.compile(r"(\d{1,9})(?:\s*(?:[\N{EN DASH}-]|to)\s*(\d{1,9}))?")
_RANGE_MAX = 100
_SUBSCRIPTED = re.compile(r"[\w)\]}\"'`]")
"""What a subscript follows without a space: a name, a call, another subscript, a literal."""
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
    """Return one passage with its number; a cut text says so, and tags of the fence are removed from it."""
    chunk = passage.hit.chunk
    mark = " [...]" if passage.whole_tokens is not None else ""
    # Escaped, not taken out: what is left when a tag goes may be a tag. Title and text together may be one, too.
    inside = _FENCE.sub("&lt;", f"{chunk.title}\n{chunk.text}")
    return f"[{passage.number}] {inside}{mark}"


def render_numbered(passages: Sequence[NumberedPassage]) -> str:
    """Return the fenced block of numbered passages; a document can't close the fence."""
    return "<passages>\n" + "\n\n".join(render_passage(passage) for passage in passages) + "\n</passages>"


def split_citations(text: str, passages: Sequence[Hit]) -> tuple[str, tuple[str, ...]]:
    """Return the answer without its citation marks, and the ids of the chunks it cites, each once.

    A mark directly after a name, a bracket or a quote is a subscript (`x[0]`), unless it ends the answer and points
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
        if mark[2] and not mark[2].isdigit() and "," not in mark[2] and not _points(mark, passages):
            continue  # an interval that the answer is about
        follows_a_mark = bool(marks) and marks[-1].end() == mark.start()
        before = text[: mark.start()][-1:]
        if mark[1] or follows_a_mark or mark in closing or not _SUBSCRIPTED.match(before):
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
    return closing if all(_points(mark, passages) for mark in closing) else []


def _points(mark: re.Match[str], passages: int) -> bool:
    return all(1 <= number <= passages for number in _numbers(mark))


def _numbers(mark: re.Match[str]) -> list[int]:
    numbers: list[int] = []
    for first, last in _RANGE.findall(mark[2] or mark[3] or mark[4]):
        begin, end = int(first), int(last or first)
        # A range longer than any prompt points at no passage; it is not counted through.
        numbers.extend(range(begin, end + 1) if begin <= end <= begin + _RANGE_MAX else (begin, end))
    return numbers
