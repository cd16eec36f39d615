"""Documents, chunks and folders of query sets for tests."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from docmind_core.query_sets.documents import Document
from docmind_core.retrieval.search import Chunk
from docmind_core.settings import child_environment

PROJECT = Path(__file__).resolve().parent.parent


def make_document(doc_id: str = "d1", text: str = "Paris is the capital of France.", title: str = "") -> Document:
    return Document(doc_id=doc_id, title=title, text=text)


def make_chunk(chunk_id: str = "d1#0", text: str = "Paris is the capital of France.", title: str = "") -> Chunk:
    doc_id, position = chunk_id.rsplit("#", 1)
    return Chunk(chunk_id=chunk_id, doc_id=doc_id, title=title, text=text, position=int(position))


def write_query_set(
    folder: Path, *, documents: Iterable[Mapping[str, object]] = (), queries: Iterable[Mapping[str, object]] = ()
) -> Path:
    """Write a query set in the normal form; without arguments, one document and one query that it answers."""
    document = {"doc_id": "d1", "title": "France", "text": "Paris is the capital of France."}
    query = {"query_id": "q1", "query": "What is the capital?", "answers": ["Paris"], "gold_doc_ids": ["d1"]}
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in (("documents", list(documents) or [document]), ("queries", list(queries) or [query])):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


def write_minutely_suite(home: Path, engine_url: str, **query_set: Iterable[Mapping[str, object]]) -> Path:
    """Write a suite that runs every minute and misses a limit if fewer than half of its queries pass; return its path.

    `query_set` is what `write_query_set` takes.
    """
    write_query_set(home / "suites" / "sky", **query_set)
    suite = {
        "name": "minutely",
        "query_set": "sky",
        "arms": ["single_pass"],
        "engine": engine_url,
        "limits": {"pass_ratio_min": 0.5},
        "alerts": {"pass_ratio_min": {"test": "point", "for_evals": 1, "min_n": 1}},
        "schedule": "* * * * *",
        "channels": ["ops"],
    }
    path = home / "suites" / "minutely.yaml"
    path.write_text(json.dumps(suite))  # JSON is YAML
    return path


def shared_data(name: str) -> Path:
    """Return the folder of the data set `name`; the test is skipped where it is not at hand."""
    import pytest  # not above: the scripts, which use this module too, do without it

    parent = Path(child_environment().get("DOCMIND_TEST_DATA") or PROJECT.parent / "shared" / "data")
    if not (parent / name / "documents.jsonl").is_file():
        pytest.skip(f"the data set {name} is not in {parent}; DOCMIND_TEST_DATA names another folder")
    return parent / name
