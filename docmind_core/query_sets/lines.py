"""What a line of `documents.jsonl` and `queries.jsonl` must hold; other keys are allowed and not read."""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic.json_schema import models_json_schema
from pydantic_core import ErrorDetails

from docmind_core.query_sets.problems import ProblemList, Repairs, shown

ID_CHARACTERS_MAX = 200
QUERY_CHARACTERS_MAX = 100_000
LIST_ITEMS_MAX = 1000
GOLD_ITEMS_MAX = 10_000
"""Topics of TREC collections have thousands of relevant documents."""
GRADE_MAX = 1000
LAYOUT = re.compile("[\t\n\r\f\v\x85]")
NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]|[\ud800-\udfff]")
"""Control characters but tab and line end, breaks of lines and paragraphs, byte order marks, halves of pairs: what
terminals, SQL and UTF-8 can't take."""
SPACED = "characters in texts were read as spaces: control characters, byte order marks, halves of surrogate pairs"
MALFORMED_EVIDENCE = "evidence spans are malformed and were left out"
UNSEEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Marks of direction and width: with one, two ids look the same and are not."""

Line = TypeVar("Line", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """Where a line is, and what counts the repairs of its texts."""

    place: str
    repairs: Repairs


def _spaced(text: object, info: ValidationInfo) -> object:
    """Read a space for each character that is not text; before pydantic, which refuses halves of pairs."""
    if not isinstance(text, str):
        return text
    spaced, count = NOT_TEXT.subn(" ", text)
    if count and isinstance(info.context, _Reading):
        named = NOT_TEXT.search(text)
        info.context.repairs.add(SPACED, f"{info.context.place}, U+{ord(named[0]):04X}" if named else "", count)
    return spaced


def _clean(text: object) -> object:
    """Refuse in an id what is read as a space in a text."""
    if isinstance(text, str) and (found := NOT_TEXT.search(text)):
        raise ValueError(f"U+{ord(found.group()):04X} at character {found.start() + 1} is not text")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _id(text: str) -> str:
    if text != text.strip() or LAYOUT.search(text):
        raise ValueError("an id must not have surrounding spaces, line breaks or tabs")
    if found := UNSEEN.search(text):
        raise ValueError(
            f"U+{ord(found.group()):04X} at character {found.start() + 1} is invisible and not allowed in an id"
        )
    if ".." in text and ".." in re.split(r"[/\\\\]", text):
        raise ValueError("an id is not a path; remove '..'")
    return text


Text = Annotated[str, BeforeValidator(_spaced)]
FilledText = Annotated[Text, AfterValidator(_not_blank)]
# The length is checked first: pydantic words a limit on a validated value as if it were a list.
Id = Annotated[
    str, Field(max_length=ID_CHARACTERS_MAX), BeforeValidator(_clean), AfterValidator(_not_blank), AfterValidator(_id)
]
Grade = Annotated[int, Field(ge=1, le=GRADE_MAX)]
Question = Annotated[str, Field(max_length=QUERY_CHARACTERS_MAX), BeforeValidator(_spaced), AfterValidator(_not_blank)]


_LINE = ConfigDict(extra="ignore", strict=True, use_attribute_docstrings=True)


class DocumentLine(BaseModel):
    """One line of `documents.jsonl`."""

    model_config = _LINE

    doc_id: Id
    """Unique; no spaces around it, no line breaks or tabs, no `..` between slashes."""
    title: Text = ""
    """Searched and shown with the text."""
    text: Text
    """What is searched and read; an empty one only can't be found."""


class EvidenceItem(BaseModel):
    """One item of `evidence`."""

    model_config = _LINE

    doc_id: Id
    """One of `gold_doc_ids`."""
    text: Text
    """Words of that document; white space, case and punctuation don't matter."""


def _sound_evidence(spans: object, info: ValidationInfo) -> object:
    """Leave out what is not a span, with a note: evidence only adds a metric, so none of it refuses a set."""
    if not isinstance(info.context, _Reading):
        return spans
    place, repairs = info.context.place, info.context.repairs
    if not isinstance(spans, list):
        repairs.add(MALFORMED_EVIDENCE, f"{place}, evidence: should be a list, got {shown(spans)}")
        return []
    found: list[EvidenceItem] = []
    for index, span in enumerate(spans[:LIST_ITEMS_MAX]):
        try:
            found.append(EvidenceItem.model_validate(span, context=info.context))
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in ("evidence", index, *detail["loc"]))
            repairs.add(MALFORMED_EVIDENCE, f"{place}, {field}: {_worded(detail)}")
    if len(spans) > LIST_ITEMS_MAX:
        repairs.add(f"evidence spans after the first {LIST_ITEMS_MAX:,} of a query were left out", place)
    return found


class HistoryItem(BaseModel):
    """One item of `history`."""

    model_config = _LINE

    role: Literal["user", "assistant"]
    """In turn; the user begins, the assistant ends."""
    content: Question
    """What was said."""


class QueryLine(BaseModel):
    """One line of `queries.jsonl`."""

    model_config = _LINE

    query_id: Id
    """Unique."""
    query: Question
    """The question, as the system under test gets it."""
    answers: list[FilledText] = Field(default_factory=list, max_length=LIST_ITEMS_MAX)
    """Accepted answers; the best match counts."""
    gold_doc_ids: list[Id] = Field(default_factory=list, max_length=GOLD_ITEMS_MAX)
    """The documents that hold the answer."""
    gold_grades: dict[Id, Grade] = Field(default_factory=dict, max_length=GOLD_ITEMS_MAX)
    """How relevant each gold document is, from 1; replaces `gold_doc_ids` where there are none."""
    type: FilledText = "factoid"
    """A kind of question; reports show quality by type."""
    expected_abstain: bool = False
    """True when the documents don't answer the question: the right answer is to say so."""
    free_form: bool = False
    """True when the answers are sentences: judged, not matched."""
    evidence: Annotated[list[EvidenceItem], BeforeValidator(_sound_evidence)] = Field(default_factory=list)
    """The words of gold documents that support the answer."""
    tags: list[FilledText] = Field(default_factory=list, max_length=LIST_ITEMS_MAX)
    """Words to find queries by."""
    history: list[HistoryItem] = Field(default_factory=list, max_length=LIST_ITEMS_MAX)
    """What was said before the question, whole turns."""
    rival_answers: list[FilledText] = Field(default_factory=list, max_length=LIST_ITEMS_MAX)
    """Wrong answers of the same kind, such as the other towns: an answer that names one of them too is wrong."""


def validated(
    model: type[Line], values: dict[str, object], place: str, problems: ProblemList, repairs: Repairs
) -> Line | None:
    """Return `values` as a `model`, or None after adding a problem for each field that is wrong."""
    try:
        return model.model_validate(values, context=_Reading(place=place, repairs=repairs))
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            field = ".".join(str(part) for part in detail["loc"])
            problems.add(place, field, _worded(detail))
        return None


def _worded(detail: ErrorDetails) -> str:
    """Say in plain words what pydantic says in its own."""
    context = detail.get("ctx", {})
    text = _WORDED.get(detail["type"])
    if text is None:
        text = detail["msg"].replace("Value error, ", "").replace("Input should", "should")
    found = "" if detail["type"] == "missing" else f", got {shown(detail['input'])}"
    return text.format(**context) + found if detail["type"] in _WORDED else text + found


_WORDED = {
    "missing": "is missing",
    "string_type": "should be text in quotes",
    "bool_type": "should be true or false",
    "list_type": "should be a list",
    "model_type": "should be an object",
    "model_attributes_type": "should be an object",
    "dict_type": "should be an object",
    "string_too_long": "is longer than {max_length} characters",
    "too_long": "has more than {max_length} items",
}
"""What the kinds of errors of pydantic mean to the author of the file."""


def json_schema() -> str:
    """Return the JSON Schema of the lines of both files, as docs/questions.schema.json holds it."""
    _, found = models_json_schema(
        [(DocumentLine, "validation"), (QueryLine, "validation")],
        title="One line of documents.jsonl (DocumentLine) or of queries.jsonl (QueryLine)",
    )
    choice = [{"$ref": f"#/$defs/{model.__name__}"} for model in (DocumentLine, QueryLine)]
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "anyOf": choice}
    return json.dumps(schema, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    print(json_schema())  # noqa: T201 - python -m docmind_core.query_sets.lines > docs/questions.schema.json
