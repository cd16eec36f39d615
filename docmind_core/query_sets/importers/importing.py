"""`docmind import`: a source becomes a folder in the normal form, whole or not at all."""

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from docmind_core.errors import UsageError
from docmind_core.query_sets.formats import describe_file
from docmind_core.query_sets.importers.draft import Draft, Full
from docmind_core.query_sets.importers.format import Format
from docmind_core.query_sets.importers.recognising import find_format, recognised, whole_set
from docmind_core.query_sets.importers.source import Source, read_as
from docmind_core.query_sets.importers.stale_answers import stale_answer_notes
from docmind_core.query_sets.importers.table import TABLE, suggested_mapping
from docmind_core.query_sets.queries import QuerySet
from docmind_core.query_sets.readers import SOURCE_FILE, read_query_set

_PART = ".importing"
_NAMES_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file that was read."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Where a query set came from: what `source.json` holds."""

    format: str
    source: str
    split: str | None
    limit: int | None
    mapping: dict[str, str]
    files: tuple[SourceFile, ...]
    counts: dict[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What to import, and where to."""

    source: Path
    folder: Path
    format_name: str | None = None
    split: str | None = None
    mapping: Mapping[str, str]
    limit: int | None = None


def import_query_set(request: ImportRequest) -> tuple[QuerySet, Imported]:
    """Write the normal form of a source into a new folder, and return the set and where it came from.

    The folder appears when it is whole: a process that is killed leaves a hidden one next to it, which the next import
    removes.

    Raises:
        UsageError: If the source can't be read as a query set, with every problem; or if the folder can't be made.
    """
    _refuse_folder(request.folder)
    source, chosen = _opened(request)
    with _aside(request.folder) as aside:
        draft = _drafted(source, chosen, aside, request.limit)
        query_set = read_query_set(aside)
        imported = _described(request, source, chosen, draft, query_set)
        text = json.dumps(asdict(imported), ensure_ascii=False, indent=2)
        (aside / SOURCE_FILE).write_text(text + "\n", encoding="utf-8")
        query_set = replace(query_set, notices=(*imported.notes, *query_set.notices))
        try:
            aside.rename(request.folder)
        except OSError as error:
            raise UsageError(f"{request.folder} cannot be written: {error.strerror}") from error
    return query_set, imported


def _refuse_folder(folder: Path) -> None:
    try:
        if folder.is_dir() and not any(folder.iterdir()):
            return
        if not (folder.exists() or folder.is_symlink()):
            return
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    raise UsageError(f"{folder} already exists and is not an empty folder; use a new one, or remove it first")


def _opened(request: ImportRequest) -> tuple[Source, Format]:
    """Return the source and its format, as named or found."""
    try:
        if not request.source.exists():
            raise UsageError(f"{request.source} does not exist; give a file or a folder of questions")
    except OSError as error:
        raise UsageError(f"{request.source} cannot be read: {error.strerror}") from error
    whole = whole_set(request.source)
    split = request.split or (request.source.stem if request.source.parent.name == "qrels" and whole.is_dir() else None)
    source = Source(whole, split=split, mapping=request.mapping)
    if whole.is_dir() and source.find("documents.jsonl") and source.find("queries.jsonl"):
        raise UsageError(f"{whole} is already a query set; check it with: docmind check {whole}")
    if split and not whole.is_dir():
        raise UsageError(f"--split selects files of a folder, but {whole} is a file; remove --split")
    if whole.is_file() and not read_as(whole):
        raise UsageError(f"{whole} is {describe_file(whole) or 'not a file of questions'}")
    return source, _format(request, source)


def _format(request: ImportRequest, source: Source) -> Format:
    if request.mapping and request.format_name not in (None, TABLE.name):
        raise UsageError(f"--map only works with --format table, not with {request.format_name}; remove one of them")
    if request.format_name:
        return _named_format(request.format_name, source)
    found = TABLE if request.mapping else recognised(source)
    if found is not None:
        return found
    source.files  # noqa: B018 - says which file of a folder to choose
    if not source.first:
        with closing(source.rows()) as rows:
            next(rows, None)
        _refuse_problems(source)
        raise UsageError(f"{source.path} contains no records; give a file or a folder of questions")
    if suggested_mapping(source.names):
        return TABLE  # which asks for the mapping and suggests one
    columns = ", ".join(source.names[:_NAMES_SHOWN])
    raise UsageError(
        f"{source.path} is not in a known format. Choose one with --format, or map its columns with "
        f"--map query=COLUMN,answers=COLUMN; the columns are {columns}"
    )


def _named_format(name: str, source: Source) -> Format:
    """Return the format of a name; refuse a source of another one, whose fields would be read as something else."""
    named = find_format(name)
    if not named.accepts(source):
        source.files  # noqa: B018 - says which file of a folder to choose
        names = ", ".join(source.names[:_NAMES_SHOWN]) or "none"
        raise UsageError(f"{source.path} is not {named.what}: its first records have the fields {names}")
    return named


def _drafted(source: Source, chosen: Format, aside: Path, limit: int | None) -> Draft:
    with Draft(aside, source.problems, source.repairs, limit=limit) as draft:
        try:
            chosen.read(source, draft)
        except UsageError:
            _refuse_problems(source)  # which come first: a damaged file has no columns
            raise
        except RecursionError as error:
            raise UsageError(f"{source.path}: lists or objects are nested too deeply") from error
        except Full:
            draft.note(f"questions were imported, the first ones of the source (--limit {limit})", source.path.name)
    _refuse_problems(source)
    if not draft.queries:
        left_out = "; ".join(draft.repairs.notices)
        raise UsageError(f"{source.path}, read as {chosen.name}, contains no questions{left_out and f': {left_out}'}")
    return draft


def _refuse_problems(source: Source) -> None:
    if source.problems.count:
        raise UsageError(source.problems.listed(str(source.path), "import it again"))


def _described(request: ImportRequest, source: Source, chosen: Format, draft: Draft, query_set: QuerySet) -> Imported:
    queries = query_set.queries
    return Imported(
        format=chosen.name,
        source=str(request.source),
        split=source.split,
        limit=request.limit,
        mapping=source.mapping,
        files=tuple(_source_file(path, source.folder) for path in dict.fromkeys(source.read)),
        counts={
            "documents": len(query_set.documents),
            "queries": len(queries),
            "with_answers": sum(bool(query.gold_answers) for query in queries),
            "with_gold_documents": sum(bool(query.gold_doc_ids) for query in queries),
            "with_grades": sum(bool(query.gold_grades) for query in queries),
            "with_evidence": sum(bool(query.evidence) for query in queries),
            "expected_abstain": sum(query.expected_abstain for query in queries),
            "free_form": sum(query.free_form for query in queries),
        },
        notes=(*chosen.notes, *draft.repairs.notices, *stale_answer_notes(query_set)),
    )


def _source_file(path: Path, folder: Path) -> SourceFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name = path.relative_to(folder) if path.is_relative_to(folder) else path
    return SourceFile(file=str(name), bytes=path.stat().st_size, sha256=digest)


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """Make a folder of the same name, in a hidden one next to it that is removed at the end.

    A lock tells a hidden folder in use from one whose process was killed.
    """
    prefix = f".{folder.name}{_PART}-"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in folder.parent.glob(f"{prefix}*"):
            _remove_unused(left)
        hidden = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    with (hidden / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            (hidden / folder.name).mkdir(mode=0o755)
            yield hidden / folder.name
        finally:
            shutil.rmtree(hidden, ignore_errors=True)


def _remove_unused(hidden: Path) -> None:
    try:
        with (hidden / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(hidden, ignore_errors=True)
    except OSError:  # in use, or not ours
        return
