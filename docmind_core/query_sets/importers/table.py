"""Any table of questions, by the columns that its owner names: `--map query=question,answers=reference`."""

import re
from collections.abc import Iterable, Mapping, Sequence

from docmind_core.errors import UsageError, did_you_mean
from docmind_core.query_sets.importers.draft import Draft
from docmind_core.query_sets.importers.field_values import Record, blank, first_of, listed, written
from docmind_core.query_sets.importers.format import Format
from docmind_core.query_sets.importers.source import Source

FIELDS = (
    *("query", "query_id", "answers", "gold_doc_ids", "contexts", "type", "expected_abstain", "free_form", "tags"),
)
"""What a column may be mapped to; `contexts` are texts that become documents, the gold documents of their question."""

_USUAL = {
    "query": ("query", "question", "questions", "user_input", "input", "prompt", "frage", "text"),
    "answers": (
        *("answers", "answer", "reference", "ground_truth", "expected", "expected_answer", "expected_output", "gold"),
        *("gold_answer", "target", "output", "response", "antwort"),
    ),
    "query_id": ("query_id", "question_id", "id", "qid", "_id"),
}
"""Names by which a mapping is suggested, never made."""
_PAIR = re.compile(rf",(?=\s*(?:{'|'.join(FIELDS)})\s*=)")
_COLUMNS_SHOWN = 20


def parsed_mapping(texts: Iterable[str]) -> dict[str, str]:
    """Return column by field of `query=question,answers=reference`.

    Raises:
        UsageError: If a pair is malformed, or a field unknown or mapped twice.
    """
    mapping: dict[str, str] = {}
    for pair in (pair for text in texts for pair in _PAIR.split(text)):
        field, equals, column = (part.strip() for part in pair.partition("="))
        if not equals or not column:
            raise UsageError(f"--map takes FIELD=COLUMN pairs such as query=question,answers=reference, got {pair!r}")
        if field not in FIELDS:
            meant = did_you_mean(field, FIELDS)
            raise UsageError(f"unknown field {field!r} in --map.{meant} Choose from {', '.join(FIELDS)}")
        if field in mapping:
            raise UsageError(f"--map has the field {field} twice")
        mapping[field] = column
    return mapping


def suggested_mapping(names: Iterable[str]) -> str | None:
    """Return the mapping that the names of columns suggest, as it is typed; None without a column of questions."""
    by_name = {name.casefold(): name for name in names if "," not in name and "=" not in name}
    found = {
        field: by_name[usual] for field, names_ in _USUAL.items() for usual in reversed(names_) if usual in by_name
    }
    if "query" not in found or len(set(found.values())) < len(found):
        return None
    return ",".join(f"{field}={column}" for field, column in found.items())


def _read(source: Source, draft: Draft) -> None:
    if not source.names:
        raise UsageError(f"{source.path} contains no records")
    columns = _columns(source.mapping, source.names)
    for place, values in source.rows():
        _read_record(place, {field: values.get(column) for field, column in columns.items()}, draft)


def _columns(mapping: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    shown = ", ".join([*names[:_COLUMNS_SHOWN], *(["..."] if len(names) > _COLUMNS_SHOWN else [])]) or "none"
    if "query" not in mapping:
        suggestion = suggested_mapping(names)
        how = f"--map {suggestion}" if suggestion else "--map query=COLUMN,answers=COLUMN"
        raise UsageError(f"map the columns: {how}; the columns are {shown}")
    by_name = {name.strip().casefold(): name for name in names}
    found: dict[str, str] = {}
    for field, column in mapping.items():
        name = column if column in names else by_name.get(column.casefold())
        if name is None:
            raise UsageError(f"no column {column!r} for {field}; the columns are {shown}")
        found[field] = name
    return found


def _read_record(place: str, values: Record, draft: Draft) -> None:
    gold = [written(doc_id) for doc_id in listed(values.get("gold_doc_ids")) if not blank(doc_id)]
    gold += [draft.passage(place, text) for text in listed(values.get("contexts")) if not blank(text)]
    draft.query(
        place,
        values.get("query"),
        query_id=values.get("query_id"),
        answers=listed(values.get("answers")),
        gold=dict.fromkeys(gold, 1),
        query_type=first_of(values, "type"),
        abstain=_truth(place, "expected_abstain", values, draft) is True,
        free_form=_truth(place, "free_form", values, draft),
        tags=listed(values.get("tags")),
    )


_TRUTHS = {**dict.fromkeys(("true", "yes", "1", "y"), True), **dict.fromkeys(("false", "no", "0", "n"), False)}


def _truth(place: str, field: str, values: Record, draft: Draft) -> bool | None:
    value = values.get(field)
    if blank(value):
        return None
    found = _TRUTHS.get(written(value).strip().casefold())
    if found is None:
        draft.problems.add(place, field, f"should be true or false, got {written(value)!r}")
    return found


TABLE = Format(name="table", what="a table", accepts=lambda source: bool(source.first), read=_read)
