"""Query sets in the normal form: a folder with `documents.jsonl` and `queries.jsonl`."""

from collections.abc import Mapping
from pathlib import Path

from docmind_core.query_sets.allowance import Allowance, plain
from docmind_core.query_sets.documents import Document, EarlierMessage
from docmind_core.query_sets.json_lines import json_objects
from docmind_core.query_sets.lines import DocumentLine, QueryLine, validated
from docmind_core.query_sets.problems import ProblemList, shown
from docmind_core.query_sets.queries import Evidence, Query, QuerySet, build_query_set
from docmind_core.query_sets.set_files import find_set_files

DOCUMENTS_FILE = "documents.jsonl"
QUERIES_FILE = "queries.jsonl"


def read_query_set(folder: Path) -> QuerySet:
    """Read the query set in `folder`, named after it.

    Keys: `doc_id, title, text` and `query_id, query, answers, gold_doc_ids, type, expected_abstain, free_form,
    evidence, tags, history`; only `doc_id`, `text`, `query_id` and `query` are required, unknown keys are left alone.

    Either file may be packed: `documents.jsonl.gz`. The set is read whole or not at all.

    Raises:
        QuerySetError: With every problem found, one a line: `file:line: field: problem`.
    """
    documents_file, queries_file = find_set_files(folder, (DOCUMENTS_FILE, QUERIES_FILE))
    problems, allowance = ProblemList(), Allowance()
    documents = _read_documents(documents_file, problems, allowance)
    name = folder.resolve().name
    if allowance.problem:  # with half of the documents every query would seem to be wrong
        problems.raise_if_any(name)
    queries = _read_queries(queries_file, documents, problems, allowance)
    problems.raise_if_any(name)
    return build_query_set(name, documents.values(), queries)


def _read_documents(path: Path, problems: ProblemList, allowance: Allowance) -> dict[str, Document]:
    documents: dict[str, Document] = {}
    first_lines: dict[str, int] = {}
    for number, values in json_objects(path, problems):
        place = f"{path.name}:{number}"
        line = validated(DocumentLine, values, place, problems)
        if line is None:
            continue
        if line.doc_id in first_lines:
            problems.add(place, "doc_id", f"{shown(line.doc_id)} stands on line {first_lines[line.doc_id]} already")
            continue
        first_lines[line.doc_id] = number
        documents[line.doc_id] = Document(doc_id=line.doc_id, title=line.title, text=line.text)
        allowance.keep(line.doc_id, line.title, line.text)
        if allowance.problem:
            problems.add(place, "", allowance.problem)
            return documents
    if not documents:
        problems.add(path.name, "", "holds no document")
    return documents


def _read_queries(
    path: Path, documents: Mapping[str, Document], problems: ProblemList, allowance: Allowance
) -> list[Query]:
    queries: list[Query] = []
    first_lines: dict[str, int] = {}
    for number, values in json_objects(path, problems):
        place = f"{path.name}:{number}"
        line = validated(QueryLine, values, place, problems)
        if line is None:
            continue
        if line.query_id in first_lines:
            first = first_lines[line.query_id]
            problems.add(place, "query_id", f"{shown(line.query_id)} stands on line {first} already")
            continue
        first_lines[line.query_id] = number
        _check_gold(line, documents, place, problems)
        _check_evidence(line, documents, place, problems, allowance)
        _check_history(line, place, problems)
        queries.append(_query(line))
        allowance.keep(*_texts(line))
        if allowance.problem:
            problems.add(place, "", allowance.problem)
            return queries
    if not queries:
        problems.add(path.name, "", "holds no query")
    return queries


def _check_gold(line: QueryLine, documents: Mapping[str, Document], place: str, problems: ProblemList) -> None:
    for doc_id in line.gold_doc_ids:
        if doc_id not in documents:
            problems.add(place, "gold_doc_ids", f"no document has the id {shown(doc_id)}")
    if len(set(line.gold_doc_ids)) != len(line.gold_doc_ids):
        problems.add(place, "gold_doc_ids", "a document is named twice")
    if line.expected_abstain and (line.gold_doc_ids or line.answers):
        problems.add(place, "expected_abstain", "is true, yet there are gold documents or answers")


def _check_evidence(
    line: QueryLine, documents: Mapping[str, Document], place: str, problems: ProblemList, allowance: Allowance
) -> None:
    for index, evidence in enumerate(line.evidence):
        field = f"evidence.{index}"
        if evidence.doc_id not in line.gold_doc_ids:
            problems.add(place, f"{field}.doc_id", f"{shown(evidence.doc_id)} is not among gold_doc_ids")
        elif evidence.doc_id in documents and not allowance.contains_span(
            documents[evidence.doc_id].text, evidence.text
        ):
            problems.add(place, f"{field}.text", f"does not stand in the document {shown(evidence.doc_id)}")


def _check_history(line: QueryLine, place: str, problems: ProblemList) -> None:
    """Refuse what is no conversation: turns are whole, a user's message and the assistant's reply to it."""
    for index, item in enumerate(line.history):
        wanted = ("user", "assistant")[index % 2]
        if item.role != wanted:
            problems.add(place, f"history.{index}.role", f"should be {wanted!r}: user and assistant take turns")
            return
    if len(line.history) % 2:
        problems.add(place, "history", "ends with a user's message without a reply; the query itself is not part of it")


def contains_span(text: str, span: str) -> bool:
    """Tell whether `span` stands in `text`, whatever the white space between words."""
    return " ".join(span.split()) in plain(text)


def _texts(line: QueryLine) -> tuple[str, ...]:
    evidence = (text for item in line.evidence for text in (item.doc_id, item.text))
    history = (item.content for item in line.history)
    return (line.query_id, line.query, *line.answers, *line.gold_doc_ids, *line.tags, *evidence, *history)


def _query(line: QueryLine) -> Query:
    return Query(
        query_id=line.query_id,
        text=line.query,
        gold_answers=tuple(line.answers),
        gold_doc_ids=tuple(line.gold_doc_ids),
        query_type=line.type,
        expected_abstain=line.expected_abstain,
        free_form=line.free_form,
        evidence=tuple(Evidence(doc_id=item.doc_id, text=item.text) for item in line.evidence),
        tags=tuple(line.tags),
        history=tuple(EarlierMessage(role=item.role, content=item.content) for item in line.history),
    )
