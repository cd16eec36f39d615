"""TREC: a folder with topics, qrels (which BEIR has too), and documents if at hand (https://trec.nist.gov/data.html)."""

import re
from collections.abc import Iterator
from pathlib import Path

from docmind_core.errors import UsageError
from docmind_core.query_sets.importers.draft import Draft
from docmind_core.query_sets.importers.field_values import first_of, written
from docmind_core.query_sets.importers.format import Format
from docmind_core.query_sets.importers.source import Source, kind_of, opened_source
from docmind_core.query_sets.problems import ProblemList, shown

_TOPIC_BYTES_MAX = 64 * 1024**2
_TOPIC = re.compile(r"<top(?:ic)?\b([^>]*)>(.*?)</top(?:ic)?>", re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r"<num>\s*(?:Number:)?\s*([^\s<]+)|number=[\"']?([^\"'\s>]+)", re.IGNORECASE)
_QUESTION = re.compile(
    r"<(title|query|question|desc)>\s*(?:Topic:|Description:)?\s*(.*?)\s*(?=<[a-z/]|\Z)", re.DOTALL | re.IGNORECASE
)
_DOCUMENT_END = re.compile(r"</doc>", re.IGNORECASE)
_DOCNO = re.compile(r"<docno>\s*(.*?)\s*</docno>", re.DOTALL | re.IGNORECASE)
_HEADLINE = re.compile(r"<(?:headline|title|hl)>\s*(.*?)\s*</(?:headline|title|hl)>", re.DOTALL | re.IGNORECASE)
_TEXT = re.compile(r"<text>(.*?)</text>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_DOCUMENT_SUFFIXES = (".jsonl", ".tsv", ".sgml", ".trec", ".xml", ".dat", "")


class Qrels:
    """Grades by query and document; what is judged not relevant has a grade of 0 or less."""

    def __init__(self) -> None:
        self._grades: dict[str, dict[str, int]] = {}
        self._untaken: set[str] = set()

    def __contains__(self, query_id: str) -> bool:
        return query_id in self._grades

    def add(self, place: str, query_id: object, doc_id: object, grade: object, problems: ProblemList) -> None:
        """Keep one judgement; of two of the same document the higher one."""
        try:
            value = int(float(str(grade)))
        except (ValueError, OverflowError):
            problems.add(place, "", f"the grade should be a whole number, got {shown(grade)}")
            return
        grades = self._grades.setdefault(written(query_id), {})
        name = written(doc_id)
        grades[name] = max(value, grades.get(name, value))
        self._untaken.add(written(query_id))

    def note_taken(self, query_id: str) -> None:
        """Remember that the query of these judgements was found."""
        self._untaken.discard(query_id)

    def grades(self, query_id: str, place: str, draft: Draft) -> dict[str, int]:
        """Return the grades of the relevant documents of a query."""
        found = self._grades[query_id]
        relevant = {doc_id: grade for doc_id, grade in found.items() if grade > 0}
        if not relevant:
            draft.note("queries have no relevant document among their judgements", place)
        return relevant

    def note_unasked(self, name: str, draft: Draft) -> None:
        """Note the judgements whose query was not found."""
        for query_id in sorted(self._untaken):
            draft.note("judged queries are not among the queries", f"{name}, {shown(query_id)}")


def _files(source: Source, *words: str) -> list[Path]:
    """Return the files of a folder whose name has one of the words."""
    files = sorted(path for path in source.folder.glob("*") if path.is_file())
    return [path for path in files if any(word in path.name.casefold() for word in words)]


def _accepts(source: Source) -> bool:
    folder = source.path.is_dir() and not source.find("corpus.jsonl")
    return folder and bool(_files(source, "topic", "queries") and _files(source, "qrel"))


def _read(source: Source, draft: Draft) -> None:
    if not source.path.is_dir():
        raise UsageError(f"{source.path} is a file; give the folder that contains topics and qrels")
    judgements = _one(source, _files(source, "qrel"), "qrels")
    topics = _one(source, [path for path in _files(source, "topic", "queries") if path != judgements], "topics")
    qrels = Qrels()
    _read_judgements(source, judgements, qrels)
    for path in _files(source, "corpus", "collection", "docs", "documents"):
        if path not in (judgements, topics):
            _read_documents(source, path, draft)
    for place, topic_id, question in _topics(source, topics):
        if topic_id not in qrels:
            draft.note(f"topics have no judgement in {judgements.name} and were left out", place)
            continue
        qrels.note_taken(topic_id)
        draft.query(place, question, query_id=topic_id, gold=qrels.grades(topic_id, place, draft))
    qrels.note_unasked(judgements.name, draft)


def _read_judgements(source: Source, path: Path, qrels: Qrels) -> None:
    for number, line in source.lines(path):
        cells = line.split()
        if len(cells) >= 3:
            qrels.add(f"{path.name}:{number}", cells[0], cells[-2], cells[-1], source.problems)
        elif cells:
            source.problems.add(f"{path.name}:{number}", "", "should be topic, iteration, document and grade")


def _one(source: Source, found: list[Path], what: str) -> Path:
    if source.split:
        found = [path for path in found if source.split.casefold() in path.name.casefold()]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UsageError(f"the folder {source.path} should have one file of {what}; found {names}. Choose with --split")
    return found[0]


def _topics(source: Source, path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield place, id and question of each topic: SGML, XML, or a line `id, tab, question`."""
    with opened_source(path) as file:
        text = file.read(_TOPIC_BYTES_MAX).decode("utf-8", "replace")
    if not _TOPIC.search(text):
        for number, line in source.lines(path):
            topic_id, _, question = line.partition("\t")
            if line.strip():
                yield f"{path.name}:{number}", topic_id.strip(), question.strip()
        return
    source.read.append(path)
    for attributes, body in _TOPIC.findall(text):
        named = _NUMBER.search(f"{attributes} {body}")
        asked = {name.casefold(): " ".join(words.split()) for name, words in _QUESTION.findall(body)}
        topic_id = (named[1] or named[2]) if named else ""
        yield (
            f"{path.name}, topic {topic_id}",
            topic_id,
            str(first_of(asked, "query", "title", "question", "desc") or ""),
        )


def _read_documents(source: Source, path: Path, draft: Draft) -> None:
    if kind_of(path) == ".jsonl":
        for place, values in source.rows(path):
            text = first_of(values, "text", "contents", "content", "body", "passage")
            draft.document(
                place,
                first_of(values, "_id", "id", "docno", "doc_id", "docid", "pid"),
                text,
                title=first_of(values, "title"),
            )
    elif kind_of(path) == ".tsv":
        for number, line in source.lines(path):
            cells = line.split("\t")
            if line.strip():
                draft.document(f"{path.name}:{number}", cells[0], cells[-1], title=cells[-2] if len(cells) > 2 else "")
    elif kind_of(path) in _DOCUMENT_SUFFIXES:
        _read_marked_up(source, path, draft)


def _read_marked_up(source: Source, path: Path, draft: Draft) -> None:
    """Read documents between <DOC> and </DOC>, one at a time."""
    document: list[str] = []
    for number, line in source.lines(path):
        document.append(line)
        if not _DOCUMENT_END.search(line):
            continue
        text, document = "\n".join(document), []
        docno = _DOCNO.search(text)
        title = _HEADLINE.search(text)
        body = " ".join(_TEXT.findall(text)) or _DOCNO.sub("", text)
        draft.document(
            f"{path.name}:{number}",
            docno and docno[1],
            _TAG.sub(" ", body).strip(),
            title=_TAG.sub(" ", title[1]) if title else "",
        )


TREC = Format(name="trec", what="TREC topics and qrels", accepts=_accepts, read=_read)
