"""Query sets in the normal form: a folder with `documents.jsonl` and `queries.jsonl`."""

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar, cast

from docmind_core.query_sets.allowance import Allowance
from docmind_core.query_sets.documents import Document, EarlierMessage
from docmind_core.query_sets.json_lines import json_objects
from docmind_core.query_sets.lines import DocumentLine, Line, QueryLine, validated
from docmind_core.query_sets.problems import ProblemList, Repairs, shown
from docmind_core.query_sets.queries import Evidence, Query, QuerySet, build_query_set
from docmind_core.query_sets.set_files import find_set_files

DOCUMENTS_FILE = "documents.jsonl"
QUERIES_FILE = "queries.jsonl"
SOURCE_FILE = "source.json"
"""What `docmind import` found in the source, next to the two files; a set may be without."""
_Kept = TypeVar("_Kept", bound=Hashable)
_SOURCE_BYTES_MAX = 1024 * 1024
_SOURCE_NOTES_MAX = 50


def read_query_set(folder: Path) -> QuerySet:
    """Read the query set in `folder`, named after it.

    Keys: `doc_id, title, text` and `query_id, query, answers, gold_doc_ids, type, expected_abstain, free_form,
    gold_grades, evidence, tags, history, rival_answers`; only `doc_id`, `text`, `query_id` and `query` are required,
    unknown keys are left alone.

    Either file may be packed: `documents.jsonl.gz`. The set is read whole or not at all.

    Raises:
        QuerySetError: With every problem found, one a line: `file:line: field: problem`.
    """
    documents_file, queries_file = find_set_files(folder, (DOCUMENTS_FILE, QUERIES_FILE))
    problems, repairs, allowance = ProblemList(), Repairs(), Allowance()
    documents = _read_documents(documents_file, problems, repairs, allowance)
    name = folder.resolve().name
    if allowance.problem:
        problems.raise_if_any(name)
    # With some of the documents missing, every query about them would seem to be wrong.
    known = None if problems.count or not documents else documents
    queries = _read_queries(queries_file, known, problems, repairs, allowance)
    if not problems.count and not documents and any(query.gold_doc_ids for query in queries):
        problems.add(documents_file.name, "", "contains no documents, but queries refer to gold documents")
    problems.raise_if_any(name)
    return build_query_set(
        name,
        documents.values(),
        queries,
        notices=(*_source_notes(folder), *_without_documents(documents), *repairs.notices),
    )


def _without_documents(documents: Mapping[str, Document]) -> tuple[str, ...]:
    """Say what a set is good for that only has questions: such a system reads documents of its own."""
    if documents:
        return ()
    return (
        f"{DOCUMENTS_FILE} contains no documents: built-in arms have nothing to read, and retrieval is not measured",
    )


def _source_notes(folder: Path) -> tuple[str, ...]:
    """Return the notes of an import; nothing of a file that is not one, since a set is whole without it."""
    path = folder / SOURCE_FILE
    try:
        if not path.is_file() or path.stat().st_size > _SOURCE_BYTES_MAX:
            return ()
        notes = json.loads(path.read_bytes())["notes"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return (f"{SOURCE_FILE} cannot be read, so the notes of the import are missing",)
    return tuple(note for note in notes if isinstance(note, str))[:_SOURCE_NOTES_MAX] if isinstance(notes, list) else ()


def _valid_lines(
    path: Path, model: type[Line], id_field: str, problems: ProblemList, repairs: Repairs
) -> Iterator[tuple[str, Line]]:
    """Yield each valid line of a file with its place; a problem is added for one whose id is an earlier line's."""
    first_lines: dict[str, int] = {}
    for number, values in json_objects(path, problems):
        place = f"{path.name}:{number}"
        line = validated(model, values, place, problems, repairs)
        if line is None:
            continue
        line_id = getattr(line, id_field)
        if line_id in first_lines:
            problems.add(place, id_field, f"duplicate id {shown(line_id)} (first on line {first_lines[line_id]})")
            continue
        first_lines[line_id] = number
        yield place, line


def _read_documents(path: Path, problems: ProblemList, repairs: Repairs, allowance: Allowance) -> dict[str, Document]:
    documents: dict[str, Document] = {}
    for place, line in _valid_lines(path, DocumentLine, "doc_id", problems, repairs):
        documents[line.doc_id] = Document(doc_id=line.doc_id, title=line.title, text=line.text)
        allowance.keep(line.doc_id, line.title, line.text)
        if allowance.problem:
            problems.add(place, "", allowance.problem)
            return documents
    return documents


def _read_queries(
    path: Path,
    documents: Mapping[str, Document] | None,
    problems: ProblemList,
    repairs: Repairs,
    allowance: Allowance,
) -> list[Query]:
    """Read the queries; where not all documents could be read, what they say of documents is not checked."""
    before = problems.count
    queries: list[Query] = []
    once = _Once(documents or ())
    for place, read in _valid_lines(path, QueryLine, "query_id", problems, repairs):
        graded = _with_graded_gold(read, place, problems) if read.gold_grades else read
        _check_gold(graded, documents, place, problems)
        line = _with_evidence_found(graded, documents or {}, place, repairs, allowance)
        _check_history(line, place, problems)
        queries.append(_query(line, once))
        allowance.keep(*texts_kept(line))
        if allowance.problem:
            problems.add(place, "", allowance.problem)
            return queries
    if not queries and problems.count == before:
        problems.add(path.name, "", "contains no queries")
    return queries


def _with_graded_gold(line: QueryLine, place: str, problems: ProblemList) -> QueryLine:
    """Return the line with the gold documents that its grades name, where it has no list of them."""
    if not line.gold_doc_ids:
        return line.model_copy(update={"gold_doc_ids": list(line.gold_grades)})
    gold = set(line.gold_doc_ids)
    for doc_id in line.gold_grades:
        if doc_id not in gold:
            problems.add(place, "gold_grades", f"{shown(doc_id)} is not among gold_doc_ids")
    for doc_id in line.gold_doc_ids:
        if doc_id not in line.gold_grades:
            problems.add(place, "gold_grades", f"the gold document {shown(doc_id)} has no grade")
    return line


def _check_gold(line: QueryLine, documents: Mapping[str, Document] | None, place: str, problems: ProblemList) -> None:
    for doc_id in line.gold_doc_ids:
        if documents is not None and doc_id not in documents:
            problems.add(place, "gold_doc_ids", f"no document has the id {shown(doc_id)}")
    if len(set(line.gold_doc_ids)) != len(line.gold_doc_ids):
        problems.add(place, "gold_doc_ids", "a document appears twice")
    if line.expected_abstain and (line.gold_doc_ids or line.answers):
        problems.add(place, "expected_abstain", "is true, but there are gold documents or answers")


def _with_evidence_found(
    line: QueryLine,
    documents: Mapping[str, Document],
    place: str,
    repairs: Repairs,
    allowance: Allowance,
) -> QueryLine:
    """Return the line with the spans that its gold documents hold; another one says nothing of what was read."""
    if not line.evidence:
        return line
    kept, gold = [], set(line.gold_doc_ids)
    for evidence in line.evidence:
        document = documents.get(evidence.doc_id)
        if evidence.doc_id not in gold:
            repairs.add("evidence spans refer to a document that is not among gold_doc_ids and were left out", place)
        elif document is not None and not allowance.contains_span(document.text, evidence.text):
            repairs.add("evidence spans are not in their documents and were left out", place)
        else:
            kept.append(evidence)
    return line.model_copy(update={"evidence": kept})


def _check_history(line: QueryLine, place: str, problems: ProblemList) -> None:
    """Refuse what is not a conversation: turns are whole, a user's message and the assistant's reply to it."""
    for index, item in enumerate(line.history):
        wanted = ("user", "assistant")[index % 2]
        if item.role != wanted:
            problems.add(place, f"history.{index}.role", f"should be {wanted!r}: user and assistant take turns")
            return
    if len(line.history) % 2:
        problems.add(place, "history", "ends with a user's message without a reply; the query itself is not part of it")


def texts_kept(line: QueryLine) -> tuple[str, ...]:
    """Return the texts of a query that are held in memory, for `Allowance.keep`."""
    evidence = (text for item in line.evidence for text in (item.doc_id, item.text))
    history = (item.content for item in line.history)
    return (
        line.query_id,
        line.query,
        *line.answers,
        *line.rival_answers,
        *line.gold_doc_ids,
        *line.tags,
        *evidence,
        *history,
    )


class _Once:
    """Keeps one of all values that are equal: queries about a document name it and quote it again and again."""

    def __init__(self, values: Iterable[Hashable]) -> None:
        self._kept = {value: value for value in values}

    def __call__(self, value: _Kept) -> _Kept:
        return cast("_Kept", self._kept.setdefault(value, value))


def _query(line: QueryLine, once: "_Once") -> Query:
    evidence = (Evidence(doc_id=once(item.doc_id), text=item.text) for item in line.evidence)
    return Query(
        query_id=line.query_id,
        text=line.query,
        gold_answers=once(tuple(line.answers)),
        gold_doc_ids=once(tuple(map(once, line.gold_doc_ids))),
        gold_grades=once(tuple(line.gold_grades.get(doc_id, 1) for doc_id in line.gold_doc_ids if line.gold_grades)),
        query_type=once(line.type),
        expected_abstain=line.expected_abstain,
        free_form=line.free_form,
        evidence=once(tuple(map(once, evidence))),
        tags=once(tuple(map(once, line.tags))),
        history=tuple(EarlierMessage(role=item.role, content=item.content) for item in line.history),
        rival_answers=once(tuple(line.rival_answers)),
    )
