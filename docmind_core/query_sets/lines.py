"""What a line of `documents.jsonl` and `queries.jsonl` must hold; other keys are allowed and not read."""

import re
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from docmind_core.query_sets.problems import ProblemList, shown

ID_CHARACTERS_MAX = 200
QUERY_CHARACTERS_MAX = 100_000
LIST_ITEMS_MAX = 1000
LAYOUT_CHARACTERS = "\t\n\r\f\v\x85"
NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]|[\ud800-\udfff]")
UNSEEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Marks of direction and width: with one, two ids look the same and are not."""

Line = TypeVar("Line", bound=BaseModel)


def _clean(text: str) -> str:
    """Refuse what terminals, SQL and UTF-8 can't take: control characters and halves of surrogate pairs."""
    found = NOT_TEXT.search(text)
    if found:
        raise ValueError(f"U+{ord(found.group()):04X} at character {found.start() + 1} is not text")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _id(text: str) -> str:
    if text != text.strip() or any(character in text for character in LAYOUT_CHARACTERS):
        raise ValueError("an id has no spaces around it and no line breaks or tabs in it")
    if found := UNSEEN.search(text):
        raise ValueError(f"U+{ord(found.group()):04X} at character {found.start() + 1} can't be seen in an id")
    if ".." in re.split(r"[/\\\\]", text):
        raise ValueError("an id is no path; leave out '..'")
    return text


Text = Annotated[str, AfterValidator(_clean)]
FilledText = Annotated[Text, AfterValidator(_not_blank)]
# The length is checked first: pydantic words a limit on a validated value as if it were a list.
Id = Annotated[
    str, Field(max_length=ID_CHARACTERS_MAX), AfterValidator(_clean), AfterValidator(_not_blank), AfterValidator(_id)
]
Question = Annotated[str, Field(max_length=QUERY_CHARACTERS_MAX), AfterValidator(_clean), AfterValidator(_not_blank)]


class DocumentLine(BaseModel):
    """One line of `documents.jsonl`; an empty text is allowed, it only can't be found."""

    model_config = ConfigDict(extra="ignore", strict=True)

    doc_id: Id
    title: Text = ""
    text: Text


class EvidenceItem(BaseModel):
    """One item of `evidence`."""

    model_config = ConfigDict(extra="ignore", strict=True)

    doc_id: Id
    text: FilledText


class HistoryItem(BaseModel):
    """One item of `history`."""

    model_config = ConfigDict(extra="ignore", strict=True)

    role: Literal["user", "assistant"]
    content: Question


class QueryLine(BaseModel):
    """One line of `queries.jsonl`."""

    model_config = ConfigDict(extra="ignore", strict=True)

    query_id: Id
    query: Question
    answers: list[FilledText] = Field(default=[], max_length=LIST_ITEMS_MAX)
    gold_doc_ids: list[Id] = Field(default=[], max_length=LIST_ITEMS_MAX)
    type: FilledText = "factoid"
    expected_abstain: bool = False
    free_form: bool = False
    evidence: list[EvidenceItem] = Field(default=[], max_length=LIST_ITEMS_MAX)
    tags: list[FilledText] = Field(default=[], max_length=LIST_ITEMS_MAX)
    history: list[HistoryItem] = Field(default=[], max_length=LIST_ITEMS_MAX)


def validated(model: type[Line], values: dict[str, object], place: str, problems: ProblemList) -> Line | None:
    """Return `values` as a `model`, or None after adding a problem for each field that is wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            field = ".".join(str(part) for part in detail["loc"])
            message = detail["msg"].replace("Value error, ", "").replace("Input should", "should")
            found = "" if detail["type"] == "missing" else f", got {shown(detail['input'])}"
            problems.add(place, field, message.replace("Field required", "is missing") + found)
        return None
