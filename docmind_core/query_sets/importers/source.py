"""What `docmind import` is pointed at: a file or a folder, its files by split, and their records one at a time."""

import gzip
import io
import re
import stat
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from docmind_core.errors import UsageError
from docmind_core.query_sets.importers.binary_tables import parquet_rows, sheet_rows
from docmind_core.query_sets.importers.delimited import Row, delimited_rows
from docmind_core.query_sets.importers.json_records import json_records
from docmind_core.query_sets.json_lines import BYTE_ORDER_MARK
from docmind_core.query_sets.problems import ProblemList, Repairs

_LINES = (".jsonl", ".ndjson")
_DELIMITED = (".csv", ".tsv", ".tab")
SUFFIXES = (*_LINES, ".json", *_DELIMITED, ".parquet", ".xlsx")
_GZIP = b"\x1f\x8b"
_START_BYTES = 4096
_NAMED_RECORDS = 100
_SHARD = re.compile(r"[-_]\d{1,5}(-of-\d{1,5})?$")


class Source:
    """A file or folder of questions.

    `problems` takes what is wrong with its records, `repairs` what was left out; `read` names the files that were read,
    in order; `mapping` is column by field, of a table.
    """

    def __init__(self, path: Path, *, split: str | None = None, mapping: Mapping[str, str] | None = None) -> None:
        self.path = path
        self.split = split
        self.mapping = dict(mapping or {})
        self.problems = ProblemList()
        self.repairs = Repairs()
        self.read: list[Path] = []

    @property
    def folder(self) -> Path:
        """The folder itself, or the one around the file."""
        return self.path if self.path.is_dir() else self.path.parent

    def find(self, *names: str) -> Path | None:
        """Return the first file of these names in the folder, plain or packed as `.gz`."""
        for name in names:
            for path in (self.folder / name, self.folder / f"{name}.gz"):
                if path.is_file():
                    return path
        return None

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The file itself, or the files of one split of a folder, in order.

        Raises:
            UsageError: If a folder has no file of a known kind, or files of several splits and none is chosen.
        """
        if not self.path.is_dir():
            return (self.path,)
        found = sorted(path for path in self.path.rglob("*") if path.is_file() and kind_of(path) in SUFFIXES)
        groups: dict[str, list[Path]] = {}
        for path in found:
            groups.setdefault(split_name(path, self.path), []).append(path)
        chosen = _chosen(groups, self.split)
        if len(chosen) == 1:
            return tuple(groups[chosen[0]])
        if not groups:
            raise UsageError(f"the folder {self.path} has no file of a known kind ({', '.join(SUFFIXES)})")
        wanted = f"no file of the split {self.split!r}" if self.split else "more than one set of files"
        raise UsageError(f"the folder {self.path} has {wanted}; choose one with --split: {', '.join(sorted(groups))}")

    @cached_property
    def first(self) -> dict[str, object]:
        """The first record; empty where there is none, or where it takes a choice to know which file is meant."""
        try:
            return self.first_of(self.files[0])
        except UsageError:
            return {}

    def first_of(self, path: Path) -> dict[str, object]:
        """Return the first record of a file; empty where there is none."""
        with closing(Source(path).rows(path)) as rows:
            return next((values for _, values in rows), {})

    @cached_property
    def names(self) -> list[str]:
        """The names in the first records of the first file: the columns of a table.

        What is wrong with the file before its first record goes to `problems`.
        """
        aside = Source(self.path, split=self.split)
        with closing(aside.rows(aside.files[0])) as rows:
            found = list(dict.fromkeys(name for _, values in islice(rows, _NAMED_RECORDS) for name in values))
        if not found:
            self.problems = aside.problems
        return found

    @property
    def header(self) -> list[str]:
        """The names in the first line of a CSV or TSV; of other files there is none."""
        return list(self.first) if not self.path.is_dir() and kind_of(self.path) in _DELIMITED else []

    def rows(self, *paths: Path) -> Generator[Row]:
        """Yield place and values of each record of `paths`, by default of `files`, one at a time."""
        for path in paths or self.files:
            self.read.append(path)
            yield from self._rows(path)

    def lines(self, path: Path) -> Iterator[tuple[int, str]]:
        """Yield number, from 1, and text of each line of a file."""
        self.read.append(path)
        with opened_source(path) as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError:
                    self.problems.add(f"{path.name}:{number}", "", "not UTF-8; save the file as UTF-8")

    def _rows(self, path: Path) -> Iterator[Row]:
        kind = read_as(path)
        if kind == ".parquet":
            yield from parquet_rows(path, self.problems)
        elif kind == ".xlsx":
            yield from sheet_rows(path, self.problems, self.repairs)
        else:
            try:
                with opened_source(path) as file:
                    if kind in _DELIMITED:
                        yield from delimited_rows(file, path.name, self.problems)
                    else:
                        yield from json_records(file, path.name, self.problems, lines=kind in _LINES)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                self.problems.add(path.name, "", f"is a damaged gzip file: {error}")


def kind_of(path: Path) -> str:
    """Return the suffix that says how a file is read, without the one of packing."""
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()


def read_as(path: Path) -> str:
    """Return the suffix of the kind that a file is read as, by its beginning where its name is silent."""
    kind = kind_of(path)
    if kind in SUFFIXES:
        return kind
    with opened_source(path) as file:
        start = file.read(_START_BYTES).removeprefix(BYTE_ORDER_MARK).lstrip()
    if start.startswith(b"PAR1"):
        return ".parquet"
    return ".json" if start.startswith((b"[", b"{")) else ""


def opened_source(path: Path) -> BinaryIO:
    """Open a file for its unpacked bytes; it can be read from its beginning again.

    Raises:
        UsageError: If it can't be opened.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageError(f"{path} is a device or a pipe, not a file; save it to a file first")
        with path.open("rb") as file:
            packed = file.read(len(_GZIP)) == _GZIP
        return io.BufferedReader(gzip.open(path, "rb")) if packed else path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def split_name(path: Path, folder: Path) -> str:
    """Return what the shards of one split have in common: `validation` of `data/validation-00000-of-00002.parquet`."""
    stem = (path.with_suffix("") if path.suffix == ".gz" else path).stem
    relative = path.parent.relative_to(folder)
    stem = _SHARD.sub("", stem)
    return str(relative / stem) if relative.name and relative.name not in ("data", "default") else stem


def _chosen(groups: dict[str, list[Path]], split: str | None) -> list[str]:
    if split is None or split in groups:
        return list(groups) if split is None else [split]
    return [name for name in groups if split.casefold() in re.split(r"[\W_]+", name.casefold())]
