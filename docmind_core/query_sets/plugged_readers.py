"""Query sets from files of another form, through a user's reader; the checks are those of the normal form."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

from docmind_core.errors import DocMindError, QuerySetError, UsageError
from docmind_core.plugins import described, installed_plugins, load_plugin, reader_of
from docmind_core.query_sets.documents import Document
from docmind_core.query_sets.problems import ProblemList
from docmind_core.query_sets.queries import Query, QuerySet
from docmind_core.query_sets.readers import DOCUMENTS_FILE, QUERIES_FILE, read_query_set

Record = Document | Query | Mapping[str, object]
"""A mapping has the keys of the normal form: `doc_id` makes it a document, `query_id` a query."""


class QuerySetReader(Protocol):
    """Reads one form of questions; a plain function of a path that yields records will do as well."""

    def accepts(self, path: Path) -> bool:
        """Whether this is a file or folder of its form; asked where a suite names no reader."""
        ...

    def read(self, path: Path, problems: ProblemList) -> Iterator[Record]:
        """Yield documents and queries in any order; what can't be read is added to `problems`."""
        ...


def read_with_plugin(query_set: str) -> QuerySet | None:
    """Read `my_reader.py:read:PATH` or `ENTRY_POINT:PATH`, or a file that an installed reader accepts; else None.

    Raises:
        UsageError: If the reader can't be loaded.
        QuerySetError: If it raises, or if what it yields is not a valid query set.
    """
    if (named := reader_of(query_set)) is not None:
        reference, path = named
        return _read(load_plugin(reference).loaded, reference, Path(path).expanduser())
    file = Path(query_set).expanduser()
    for name in installed_plugins() if file.is_file() else ():
        if (reader := _accepting(name, file)) is not None:
            return _read(reader, name, file)
    return None


def _accepting(name: str, path: Path) -> Any | None:
    try:
        reader = load_plugin(name).loaded
        return reader if hasattr(reader, "read") and hasattr(reader, "accepts") and reader.accepts(path) else None
    except Exception:  # noqa: BLE001 - a plug-in of another kind, or a broken one, must not hide a reader that fits
        return None


def _read(reader: Any, reference: str, path: Path) -> QuerySet:
    read: Callable[..., Iterable[Record]] | None = getattr(reader, "read", reader if callable(reader) else None)
    if read is None:
        raise UsageError(f"{reference} is not a reader: a function of a path, or an object with `read`")
    if not path.exists():
        raise UsageError(f"{path} does not exist, which the reader {reference} needs")
    problems = ProblemList()
    with tempfile.TemporaryDirectory(prefix="docmind-") as aside:
        folder = Path(aside) / (path.stem or "set")
        folder.mkdir()
        try:
            with contextlib.redirect_stdout(sys.stderr):
                _write(read(path) if read is reader else read(path, problems), folder)
        except (Exception, SystemExit) as error:
            if isinstance(error, DocMindError):
                raise
            where = reference.rpartition(":")[0]
            raise QuerySetError(f"{reference} can't read {path}: {described(error, where)}") from error
        problems.raise_if_any(str(path))
        try:
            return read_query_set(folder)
        except QuerySetError as error:
            counted = "line 3 of queries.jsonl is the third query that it yielded"
            raise QuerySetError(f"{reference} read {path}: {counted}\n{error}") from error


def _write(records: Iterable[Any], folder: Path) -> None:
    """Write the normal form, whose reader checks it."""
    with contextlib.ExitStack() as stack:
        files = {name: stack.enter_context((folder / name).open("w")) for name in (DOCUMENTS_FILE, QUERIES_FILE)}
        for number, record in enumerate(records, start=1):
            values = _values(record)
            if "query_id" not in values and "doc_id" not in values:
                found = f"keys {', '.join(map(str, values)) or 'none'}" if values else f"a {type(record).__name__}"
                raise QuerySetError(f"record {number} is neither a document (doc_id) nor a query (query_id): {found}")
            name = QUERIES_FILE if "query_id" in values else DOCUMENTS_FILE
            files[name].write(json.dumps(values) + "\n")


def _values(record: object) -> Mapping[str, object]:
    if isinstance(record, Document):
        return asdict(record)
    if isinstance(record, Mapping):
        return dict(record)
    if not isinstance(record, Query):
        return {}
    fields = asdict(replace(record, gold_grades=()))
    names = {"text": "query", "gold_answers": "answers", "query_type": "type"}
    values = {names.get(name, name): value for name, value in fields.items() if name != "gold_grades"}
    return {**values, "gold_grades": record.qrels} if record.gold_grades else values
