"""What a format of questions is to `docmind import`."""

from collections.abc import Callable
from dataclasses import dataclass

from docmind_core.query_sets.importers.draft import Draft
from docmind_core.query_sets.importers.field_values import Record
from docmind_core.query_sets.importers.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One published form of questions, how it is known and how it is read."""

    name: str
    """After `--format`."""
    what: str
    """What a message calls a file or folder of it."""
    accepts: Callable[[Source], bool]
    """Known by the names of its files and the keys of its first record."""
    read: Callable[[Source, Draft], None]
    notes: tuple[str, ...] = ()
    """What a reader of results should know of every set of this form."""


def has_keys(*names: str) -> Callable[[Source], bool]:
    """Return the test whether the first record has all of these keys."""
    return lambda source: set(names) <= set(source.first)


def by_record(read: Callable[[str, Record, Draft], None]) -> Callable[[Source, Draft], None]:
    """Return a reader of whole sources that takes each record alone: place, values, draft."""

    def read_all(source: Source, draft: Draft) -> None:
        for place, values in source.rows():
            read(place, values, draft)

    return read_all
