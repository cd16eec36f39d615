"""BEIR: a folder with corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv (https://github.com/beir-cellar/beir)."""

from pathlib import Path

from docmind_core.errors import UsageError
from docmind_core.query_sets.importers.draft import Draft
from docmind_core.query_sets.importers.field_values import first_of, written
from docmind_core.query_sets.importers.format import Format
from docmind_core.query_sets.importers.source import Source
from docmind_core.query_sets.importers.trec import Qrels

_PREFERRED = ("test", "dev", "validation", "train")


def _accepts(source: Source) -> bool:
    return source.path.is_dir() and bool(source.find("corpus.jsonl") and source.find("queries.jsonl"))


def _read(source: Source, draft: Draft) -> None:
    qrels = Qrels()
    judged = _qrels_file(source)
    for place, values in source.rows(judged):
        query_id, doc_id, grade = (
            first_of(values, *names)
            for names in (("query-id", "query_id", "qid"), ("corpus-id", "corpus_id", "pid", "docid"), ("score", "rel"))
        )
        if query_id is None or doc_id is None:
            columns = ", ".join(values)
            raise UsageError(f"{judged.name} has the columns {columns}; query-id, corpus-id and score are needed")
        qrels.add(place, query_id, doc_id, 1 if grade is None else grade, source.problems)
    for place, values in source.rows(_found(source, "corpus.jsonl")):
        draft.document(place, first_of(values, "_id", "id"), first_of(values, "text"), title=first_of(values, "title"))
    for place, values in source.rows(_found(source, "queries.jsonl")):
        query_id = written(first_of(values, "_id", "id"))
        if query_id not in qrels:
            draft.note(f"queries have no judgement in {judged.name} and were left out", place)
            continue
        qrels.note_taken(query_id)
        draft.query(place, first_of(values, "text"), query_id=query_id, gold=qrels.grades(query_id, place, draft))
    qrels.note_unasked(judged.name, draft)


def _found(source: Source, name: str) -> Path:
    path = source.find(name)
    if path is None:
        raise UsageError(f"the folder {source.folder} has no file {name}, which the BEIR format requires")
    return path


def _qrels_file(source: Source) -> Path:
    files = {path.stem: path for path in sorted((source.folder / "qrels").glob("*.tsv"))}
    if not files:
        raise UsageError(f"the folder {source.folder} has no judgements (qrels/SPLIT.tsv); download them with the set")
    wanted = source.split or next((name for name in _PREFERRED if name in files), min(files))
    if wanted not in files:
        raise UsageError(f"the set has no split {wanted!r}; choose one with --split: {', '.join(files)}")
    return files[wanted]


BEIR = Format(
    name="beir",
    what="a set in the form of BEIR (corpus.jsonl, queries.jsonl, qrels/*.tsv)",
    accepts=_accepts,
    read=_read,
)
