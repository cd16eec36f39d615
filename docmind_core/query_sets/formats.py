"""What a file or folder of data is that someone takes for a query set, and the command that makes it one."""

import gzip
import json
import zlib
from pathlib import Path

from docmind_core.errors import UsageError
from docmind_core.query_sets.importers.delimited import column_names
from docmind_core.query_sets.importers.recognising import import_command, recognised, whole_set
from docmind_core.query_sets.importers.source import SUFFIXES, Source, kind_of

_HOW_TO_CONVERT = (
    "Convert it to a folder with documents.jsonl (doc_id, title, text) and queries.jsonl (query_id, query, answers, "
    "gold_doc_ids), one JSON object a line, then check that folder."
)
_BYTES_READ = 1024 * 1024
_MAGIC = {
    b"PAR1": "a Parquet table",
    b"%PDF": "a PDF document",
    b"SQLite format 3\x00": "an SQLite database",
    b"ARROW1": "an Arrow table",
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"\x28\xb5\x2f\xfd": "a file compressed with zstd",
    b"BZh": "a file compressed with bzip2",
    b"\xfd7zXZ\x00": "a file compressed with xz",
}
_BY_SUFFIX = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "a spreadsheet"),
    **dict.fromkeys((".feather", ".arrow"), "an Arrow table"),
    ".parquet": "a Parquet table",
    ".pdf": "a PDF document",
    **dict.fromkeys((".md", ".txt", ".html", ".htm", ".docx"), "one document"),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".bz2", ".xz", ".zst"), "an archive"),
}
_NOT_IN_TEXT = frozenset(range(9)) | frozenset(range(14, 27))
"""Control characters that no text file has, in UTF-8 or another encoding of one byte a character."""
_SUITE_SUFFIXES = ("", ".yaml", ".yml")
_COLUMNS_SHOWN = 8


def describe_file(path: Path) -> str | None:
    """Return what a file of data is and what to do with it, in one line; None for what may be a suite."""
    inner = path.with_suffix("") if path.suffix == ".gz" else path
    if not path.is_file():  # a pipe would wait for someone to write into it
        return None
    try:
        start = _start(path)
    except (OSError, EOFError, zlib.error):
        return "a damaged file compressed with gzip. Compress it again." if path.suffix == ".gz" else None
    packed = ", compressed with gzip" if start.startswith(b"\x1f\x8b") or path.suffix == ".gz" else ""
    if inner.name in ("documents.jsonl", "queries.jsonl") and whole_set(path) == path:
        return "one file of a query set; give the folder that contains it."
    found = _described(inner.suffix.lower(), start)
    if found is None:
        return None
    known, how = _importable(path)
    return f"{known or found}{packed}, not a query set or a suite. {how}"


def describe_folder(folder: Path) -> str | None:
    """Return what a folder is that holds a set of another form; None for every other one."""
    try:
        if _is_normal(folder):
            return None
        found = _described_folder(folder)
        known, how = _importable(folder)
    except OSError:  # reading it reports the error
        return None
    return f"{known or found}. {how}" if found or known else None


def _importable(path: Path) -> tuple[str | None, str]:
    """Return what the format of a file or folder is called, and the command that imports it, else how to convert it."""
    if not path.is_dir() and kind_of(path) not in SUFFIXES:
        return None, _HOW_TO_CONVERT
    try:
        found = recognised(Source(whole_set(path)))
        command = import_command(path)
    except UsageError:
        return None, _HOW_TO_CONVERT
    return found.what if found else None, f"Import it: {command}" if command else _HOW_TO_CONVERT


def _described_folder(folder: Path) -> str | None:
    for pattern, what in (("*.parquet", "Parquet tables"), ("*.csv", "CSV tables"), ("*.json", "JSON files")):
        if next(folder.glob(pattern), None) is not None:
            return f"a folder of {what}, not a query set"
    return None


def _is_normal(folder: Path) -> bool:
    return _has(folder, "documents.jsonl") or (_has(folder, "queries.jsonl") and not _has(folder, "corpus.jsonl"))


def _has(folder: Path, name: str) -> bool:
    return (folder / name).exists() or (folder / f"{name}.gz").exists()


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        start = file.read(_BYTES_READ)
    if not start.startswith(b"\x1f\x8b"):
        return start
    with gzip.open(path) as unpacked:
        return unpacked.read(_BYTES_READ)


def _described(suffix: str, start: bytes) -> str | None:
    for magic, what in _MAGIC.items():
        if start.startswith(magic):
            return what
    if suffix not in _SUITE_SUFFIXES and any(byte in start for byte in _NOT_IN_TEXT):
        return "a file in UTF-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "a binary file"
    text = start.decode("utf-8-sig", "replace").strip()
    if suffix in (".csv", ".tsv", ".tab"):
        return _table(text, suffix)
    if suffix in (".jsonl", ".ndjson"):
        return "JSON Lines" if not text.startswith("[") else "one JSON array"
    if suffix == ".json" or text.startswith(("[", "{")):
        return _json(text, suffix)
    return _BY_SUFFIX.get(suffix)


def _table(text: str, suffix: str) -> str:
    first = column_names(text)
    names = [ascii(name.strip())[1:-1][:40] for name in first[:_COLUMNS_SHOWN]]
    more = ", ..." if len(first) > _COLUMNS_SHOWN else ""
    kind = "a CSV table" if suffix == ".csv" else "a tab-separated table"
    return f"{kind} with the columns {', '.join(names)}{more}" if names else f"an empty {suffix[1:]} file"


def _json(text: str, suffix: str) -> str | None:
    keys = _keys(text)
    if keys is None:
        return "JSON" if suffix == ".json" else None
    if {"name", "query_set"} <= keys or suffix in (".yaml", ".yml"):
        return None
    if {"data", "version"} <= keys or ("data" in keys and '"paragraphs"' in text):
        return "a set in the form of SQuAD"
    return "one JSON array" if text.startswith("[") else "one JSON object"


def _keys(text: str) -> set[str] | None:
    """Return the keys of the object that the text is, none of an array; None where it is cut off or no JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        cut = {key for key in ("name", "query_set", "data", "version") if f'"{key}"' in text[:_BYTES_READ]}
        return cut if text.startswith("{") else set() if text.startswith("[") else None
    return set(value) if isinstance(value, dict) else set()
