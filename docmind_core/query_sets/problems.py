"""Everything that is wrong with a query set, gathered so that one reading shows it all."""

import reprlib

from docmind_core.errors import QuerySetError

PROBLEMS_SHOWN_MAX = 50
PROBLEMS_COUNTED_MAX = 10_000
VALUE_SHOWN_MAX = 80


class ProblemList:
    """Problems in the order of the files; beyond `PROBLEMS_SHOWN_MAX` they are only counted."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._count = 0

    def add(self, place: str, field: str, problem: str) -> None:
        """Record one problem; `place` is `file:line`, or the file alone when no line is to blame."""
        self._count += 1
        if len(self._lines) < PROBLEMS_SHOWN_MAX:
            self._lines.append(": ".join(part for part in (place, field, problem) if part))

    @property
    def count(self) -> int:
        """How many there are."""
        return self._count

    @property
    def too_many(self) -> bool:
        """Whether counting on would only cost time: a file of another kind has a problem in each line."""
        return self._count >= PROBLEMS_COUNTED_MAX

    def raise_if_any(self, name: str) -> None:
        """Raise `QuerySetError` with a line per problem, if there is one."""
        if self._count:
            raise QuerySetError(self.listed(f"query set {name!r}", "rerun `docmind check`"))

    def listed(self, what: str, then: str) -> str:
        """Return how many problems `what` has and what to do after fixing them, and a line for each."""
        noun = "problem" if self._count == 1 else "problems"
        hidden = self._count - len(self._lines)
        more = [f"... and {hidden} more"] if hidden else []
        heading = f"{what} has {self._count} {noun}; fix the file and {then}"
        return "\n".join([heading, *self._lines, *more])


class Repairs:
    """What was read otherwise than it is written, counted over a whole set: no reason to refuse it."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._first: dict[str, str] = {}

    def add(self, what: str, place: str, count: int = 1) -> None:
        """Count `what` was done; `place` is shown for the first of its kind."""
        self._first.setdefault(what, place)
        self._counts[what] = self._counts.get(what, 0) + count

    @property
    def notices(self) -> tuple[str, ...]:
        """One line for each kind."""
        return tuple(f"{count:,} {what} (first: {self._first[what]})" for what, count in self._counts.items())


def shown(value: object) -> str:
    """Return `value` ready for a message: quoted, escaped, and not too long."""
    text = ascii(value[:VALUE_SHOWN_MAX]) if isinstance(value, str) else _brief.repr(value)
    return text if len(text) <= VALUE_SHOWN_MAX else text[: VALUE_SHOWN_MAX - 3] + "..."


_brief = reprlib.Repr()
_brief.maxlevel = 3  # repr() itself gives up on deep nesting
_brief.maxlong = _brief.maxother = VALUE_SHOWN_MAX
