"""A query set in the making: documents and queries are checked, given ids and written at once, one line each."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict, Unpack

from pydantic import TypeAdapter, ValidationError

from docmind_core.errors import UsageError
from docmind_core.query_sets.allowance import Allowance
from docmind_core.query_sets.importers.field_values import blank, texts_of, written
from docmind_core.query_sets.lines import GRADE_MAX, LIST_ITEMS_MAX, DocumentLine, Id, QueryLine, validated
from docmind_core.query_sets.problems import ProblemList, Repairs, shown
from docmind_core.query_sets.readers import DOCUMENTS_FILE, QUERIES_FILE, texts_kept
from docmind_core.query_sets.set_files import FILE_BYTES_MAX
from docmind_core.statistics.clusters import question_key

_JSON = json.JSONEncoder(ensure_ascii=False)
STALE = "stale_gold"
"""The tag of a query that named a gold document which is not there."""
_SENTENCE_WORDS = 8
_ENDED_SENTENCE_WORDS = 5
_WORD = re.compile(r"[^\W\u3040-\u30ff\u3400-\u9fff]+|[\u3040-\u30ff\u3400-\u9fff]{1,2}")
"""Two characters of Chinese or Japanese are about a word."""
_ID: TypeAdapter[str] = TypeAdapter(Id)
_HASH_BYTES = 6
_READABLE_MAX = 80
_UNREADABLE = re.compile(r"[^\w()',&+.-]+")
_UPWARDS = re.compile(r"\.{2,}")


class Full(Exception):
    """The draft has as many queries as were asked for; nothing is wrong."""


class QueryFields(TypedDict, total=False):
    """What may be known of a query besides its words."""

    query_id: object
    """Made up where there is none; a second query of the same id gets a number."""
    answers: object
    """One accepted answer, or a list of them; blank ones are left out."""
    gold: Iterable[object] | Mapping[str, int]
    """Ids of the documents that answer it, with their grades where there are any."""
    query_type: object
    abstain: bool
    """Whether the documents don't answer it; then there is no gold."""
    free_form: bool | None
    """Whether the answers are sentences; None finds it out by their words."""
    evidence: Iterable[tuple[object, object]]
    """Pairs of document id and text."""
    tags: Iterable[object]
    history: Sequence[Mapping[str, str]]


class Draft:
    """Documents and queries in the order in which they are read; documents come before the queries that name them.

    Everything that is read otherwise than it is written is counted in `repairs`.
    """

    def __init__(self, folder: Path, problems: ProblemList, repairs: Repairs, *, limit: int | None = None) -> None:
        self.problems = problems
        self.repairs = repairs
        self.documents = 0
        self.queries = 0
        self._limit = limit
        self._allowance = Allowance()
        self._document_ids = Ids()
        self._query_ids = Ids()
        self._questions: set[bytes] = set()
        self._sizes = {DOCUMENTS_FILE: 0, QUERIES_FILE: 0}
        self._open = ExitStack()
        self._files = {name: self._open.enter_context((folder / name).open("wb")) for name in self._sizes}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def note(self, what: str, place: str) -> None:
        """Count that `what` was done, or is the case; it becomes a note of the set."""
        self.repairs.add(what, place)

    def document(self, place: str, doc_id: object, text: object, *, title: object = "") -> None:
        """Write a document of a corpus that gives its documents ids; the first one of an id counts."""
        if blank(doc_id):
            self.problems.add(place, "", "the document has no id")
            return
        known = self._document_ids.get(written(doc_id))
        if known is None:
            self._write_document(place, self._document_ids.add(written(doc_id), content_hash(text, title)), text, title)
        elif known != content_hash(text, title):
            self.note("documents have the id of an earlier, different one and were left out", place)

    def passage(self, place: str, text: object, *, title: object = "") -> str:
        """Write a document without an id, unless it was written before; return its id.

        The id is its title, with a hash of the text where another text has the title.
        """
        content = content_hash(text, title)
        name = readable_id(written(title)) or f"passage-{content.hex()}"
        for doc_id in (name, f"{name}-{content.hex()}"):
            known = self._document_ids.get(doc_id)
            if known == content:
                return doc_id
            if known is None:
                break
        self._write_document(place, self._document_ids.add(doc_id, content), text, title)
        return doc_id

    def query(self, place: str, query: object, **fields: Unpack[QueryFields]) -> None:
        """Write a query; one without words is left out.

        Raises:
            Full: If the draft has all queries that were asked for.
        """
        if blank(query):
            self.note("records without a question were left out", place)
            return
        abstain = fields.get("abstain", False)
        accepted = [] if abstain else texts_of(fields.get("answers"))
        if len(accepted) > LIST_ITEMS_MAX:
            self.note(f"questions have more than {LIST_ITEMS_MAX:,} answers; the others were left out", place)
        known, stale = ({}, False) if abstain else self._known(fields.get("gold", ()), place)
        evidence = () if abstain else fields.get("evidence", ())
        free_form = fields.get("free_form")
        values: dict[str, object] = {
            "query_id": self._query_id(fields.get("query_id"), place),
            "query": written(query),
            "answers": accepted[:LIST_ITEMS_MAX],
            "gold_doc_ids": list(known),
            "gold_grades": known if len(set(known.values())) > 1 else {},
            "expected_abstain": abstain,
            "free_form": self._free_form(accepted, place) if free_form is None else free_form and bool(accepted),
            "evidence": [
                {"doc_id": self._document_ids.name(written(doc_id)), "text": written(text)} for doc_id, text in evidence
            ],
            "tags": list(dict.fromkeys([*texts_of(list(fields.get("tags", ()))), *([STALE] if stale else [])])),
            "history": list(fields.get("history", ())),
        }
        if not blank(fields.get("query_type")):
            values["type"] = written(fields.get("query_type"))
        self._write_query(place, values)

    def _query_id(self, query_id: object, place: str) -> str:
        wanted = f"q{self.queries + 1}" if blank(query_id) else written(query_id).strip()
        if self._query_ids.get(wanted) is None:
            return self._query_ids.add(wanted, b"")
        self.note("queries have the id of an earlier one and were numbered", place)
        number = 2
        while self._query_ids.get(f"{wanted}-{number}") is not None:
            number += 1
        return self._query_ids.add(f"{wanted}-{number}", b"")

    def _free_form(self, answers: Sequence[str], place: str) -> bool:
        if not answers or not all(map(reads_as_sentence, answers)):
            return False
        self.note("questions have sentences as answers and were marked free_form: judged, not matched", place)
        return True

    def _known(self, gold: Iterable[object] | Mapping[str, int], place: str) -> tuple[dict[str, int], bool]:
        """Return the gold documents that there are, with their grades, and whether others were named."""
        grades = gold if isinstance(gold, Mapping) else {written(doc_id): 1 for doc_id in gold if not blank(doc_id)}
        found = {self._document_ids.name(doc_id): min(grade, GRADE_MAX) for doc_id, grade in grades.items()}
        known = {doc_id: grade for doc_id, grade in found.items() if self._document_ids.get(doc_id) is not None}
        if len(known) == len(found):
            return known, False
        if not self.documents:
            self.note(
                "queries refer to gold documents, which were left out because the source contains no documents", place
            )
            return {}, False
        missing = next(doc_id for doc_id in found if doc_id not in known)
        self.repairs.add(
            f"gold ids match no document and were removed from their queries, now tagged {STALE}",
            f"{place}, {shown(missing)}",
            len(found) - len(known),
        )
        return known, True

    def _write_document(self, place: str, doc_id: str, text: object, title: object) -> None:
        values: dict[str, object] = {"doc_id": doc_id, "title": written(title), "text": written(text)}
        line = validated(DocumentLine, values, place, self.problems, self.repairs)
        if line is None:
            return
        if not (line.text.strip() or line.title.strip()):
            self.note("documents have no text", place)
        self._allowance.keep(line.doc_id, line.title, line.text)
        self._write(DOCUMENTS_FILE, line.model_dump())
        self.documents += 1

    def _write_query(self, place: str, values: dict[str, object]) -> None:
        line = validated(QueryLine, values, place, self.problems, self.repairs)
        if line is None:
            return
        if not (line.answers or line.gold_doc_ids or line.expected_abstain):
            self.note("queries have neither answers nor gold documents, so only their cost is measured", place)
        self._note_duplicate(line, place)
        self._allowance.keep(*texts_kept(line))
        self._write(QUERIES_FILE, {name: value for name, value in line.model_dump().items() if value})
        self.queries += 1
        if self.queries == self._limit:
            raise Full

    def _note_duplicate(self, line: QueryLine, place: str) -> None:
        said = "\n".join([question_key(line.query), *(question_key(item.content) for item in line.history)])
        digest = hashlib.blake2b(said.encode(), digest_size=8).digest()
        if digest in self._questions:
            self.note("questions repeat an earlier one word for word; they count as one cluster", place)
        self._questions.add(digest)

    def _write(self, name: str, values: Mapping[str, object]) -> None:
        line = f"{_JSON.encode(values)}\n".encode()
        self._files[name].write(line)
        self._sizes[name] += len(line)
        too_large = self._sizes[name] > FILE_BYTES_MAX
        if too_large or self._allowance.problem:
            problem = f"{name} takes more than {FILE_BYTES_MAX // 2**20} MiB" if too_large else self._allowance.problem
            raise UsageError(
                f"the source is too large for one query set: after {self.documents:,} documents and "
                f"{self.queries:,} queries, {problem}. Import a part: --limit N takes the first N questions"
            )


def reads_as_sentence(answer: str) -> bool:
    """Return whether an answer is to be judged, not matched: by its number of words."""
    needed = _ENDED_SENTENCE_WORDS if answer.endswith((".", "!", "?", "。")) else _SENTENCE_WORDS
    return len(_WORD.findall(answer)) >= needed


class Ids:
    """The ids of one kind in a set, each with what it names."""

    def __init__(self) -> None:
        self._found: dict[str, bytes] = {}

    def name(self, wanted: str) -> str:
        """Return an id as it is kept: one that a set can't use is made valid, with a hash to keep it unique."""
        if wanted in self._found or is_id(wanted):
            return wanted
        digest = hashlib.blake2b(wanted.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).hexdigest()
        return f"{readable_id(wanted)}-{digest}".lstrip("-")

    def get(self, wanted: str) -> bytes | None:
        """Return what was added under an id; None where nothing was."""
        return self._found.get(self.name(wanted))

    def add(self, wanted: str, content: bytes) -> str:
        """Keep an id and return it as it is kept."""
        name = self.name(wanted)
        self._found[name] = content
        return name


def is_id(text: str) -> bool:
    """Return whether a text may be an id of a set as it is."""
    try:
        _ID.validate_python(text)
    except ValidationError:
        return False
    return True


def readable_id(text: str) -> str:
    """Return the words of a text with underscores between them, at most 80 characters; empty where it has none."""
    return _UPWARDS.sub(".", _UNREADABLE.sub("_", text)).strip("_. ")[:_READABLE_MAX].strip("_. ")


def content_hash(*texts: object) -> bytes:
    """Return a short hash of texts: the same for the same ones."""
    written = json.dumps([str(text) for text in texts])
    return hashlib.blake2b(written.encode(), digest_size=_HASH_BYTES).digest()
