"""The scorecard: the letters that follow from the limits of a suite, each decided by its interval."""

from collections.abc import Iterable
from dataclasses import dataclass

from docmind_core.measurements.limits import MET, MISSED, NOT_MEASURED, QUALITY, JudgedLimit

INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """`A`, `B`, `C`, `D` or `incomplete`; None when no letter may be given."""

    letter: str | None
    because: str


def overall_letter(judged: Iterable[JudgedLimit], *, plumbing: bool) -> Letter:
    """Return the letter over all limits; a model that only checks the plumbing gets none."""
    if plumbing:
        return Letter(letter=None, because="the model only checks the plumbing")
    return _letter(tuple(judged))


def dimension_letters(judged: Iterable[JudgedLimit], *, plumbing: bool) -> dict[str, Letter]:
    """Return the letter of each dimension from its own limits; quality gets none on a plumbing model."""
    of_dimension: dict[str, list[JudgedLimit]] = {}
    for row in judged:
        of_dimension.setdefault(row.dimension, []).append(row)
    return {name: overall_letter(rows, plumbing=plumbing and name == QUALITY) for name, rows in of_dimension.items()}


def _letter(judged: tuple[JudgedLimit, ...]) -> Letter:
    if not judged:
        return Letter(letter=None, because="the suite sets no limits")
    rules = (
        ("D", [row for row in judged if row.is_hard and row.state == MISSED], "hard limit missed"),
        (INCOMPLETE, [row for row in judged if row.is_hard and row.state == NOT_MEASURED], "hard limit not measured"),
        ("C", [row for row in judged if row.state == MISSED], "limit missed"),
        ("B", [row for row in judged if row.state != MET], "undecided or not measured"),
    )
    for letter, rows, because in rules:
        if rows:
            metrics = dict.fromkeys(row.metric for row in rows)  # a limit may hold for each agent
            return Letter(letter=letter, because=f"{because}: {', '.join(metrics)}")
    return Letter(letter="A", because="every limit met")
